"""Extensions that subscribe to telemetry, on real sandboxes.

Source: Developer Guide, "Accessing real-time telemetry data for extensions using the Telemetry
API", its event schema reference, and "Lambda Logs API".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RunningServer
from tests.execution.test_custom_runtimes import CLIENT, ECHO, create, invoke
from tests.execution.test_extensions import EXTENSION, create_python, end, logged, publish

SUBSCRIBER = (
    EXTENSION
    + """
import queue, socket, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
events = queue.Queue()

class Handler(BaseHTTPRequestHandler):
    fails = 1
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if Handler.fails:
            Handler.fails -= 1
            self.send_response(503)
        else:
            self.send_response(200)
            for event in body:
                events.put(event)
        self.end_headers()
    do_PUT = do_POST
    def log_message(self, *words):
        pass

def serve_http(port):
    server = HTTPServer(("sandbox.localdomain", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

def serve_tcp(port):
    listener = socket.create_server(("127.0.0.1", port))
    def read():
        while True:
            for line in listener.accept()[0].makefile("rb"):
                events.put(json.loads(line))
    threading.Thread(target=read, daemon=True).start()

def subscribe(identifier, path="2022-07-01/telemetry", **body):
    asked = {"schemaVersion": "2022-12-13", "types": ["platform", "function", "extension"],
             "buffering": {"timeoutMs": 25}, **body}
    api.request("PUT", "/" + path, json.dumps(asked), {"Lambda-Extension-Identifier": identifier})
    answer = api.getresponse()
    return answer.status, json.loads(answer.read() or b"null")

def until(kind):
    "What comes up to an event of that kind, each printed where the log shows it."
    while True:
        event = events.get()
        os.write(LOG, b"told " + json.dumps(event, sort_keys=True).encode() + b"\\n")
        if event["type"] == kind:
            return event

# Not by its own output, which would be telemetry again: the test reads this file by the function.
LOG = os.open("/tmp/told", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
"""
)

FOLLOWER = (
    SUBSCRIBER
    + """
serve_{kind}(8080)
identifier, _ = register("INVOKE", "SHUTDOWN")
say("answer", subscribe(identifier, destination={destination}))
while True:
    event = next(identifier)
    if event["eventType"] == "SHUTDOWN":
        until("platform.report")
        sys.stdout.write("rest " + open("/tmp/told").read().replace("\\n", "\\nrest "))
        break
    done = until("platform.runtimeDone")
    assert done["record"]["requestId"] == event["requestId"]
"""
)
SUBSCRIBED = "State: Subscribed\tTypes: [Platform, Function, Extension]\n"
HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/some/path?x=1"}
TCP = {"protocol": "TCP", "port": 8080}

HANDLER = """
print("importing")
def handler(event, context):
    print("handling", event)
    if event == "fail":
        raise ValueError("it failed")
    return open("/tmp/told").read()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("telemetry") / "data"
    running = RunningServer(data_dir=data).start()
    yield running
    running.stop()


def told(text: str) -> list[dict[str, Any]]:
    """The events in what a subscriber wrote down."""
    lines = [line.partition("told ")[2] for line in text.splitlines() if "told {" in line]
    return [json.loads(line) for line in lines]


def follower(kind: str) -> str:
    destination = repr(HTTP if kind == "http" else TCP)
    return FOLLOWER.replace("{kind}", kind).replace("{destination}", destination)


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_a_subscriber_is_told_the_whole_life_of_its_environment(
    server: RunningServer, kind: str
) -> None:
    """It waits for runtimeDone of each invocation before it is done with it, as many do; the
    receiver by HTTP fails once, and is told again.
    """
    name = f"told-by-{kind}"
    client = create_python(
        server,
        name,
        HANDLER,
        Layers=[publish(server, name, teller=follower(kind))],
        Timeout=20,
    )
    invoke(client, name, "first")
    _, error, _ = invoke(client, name, "fail")
    assert error == "Unhandled"
    result, _, _ = invoke(client, name, "third")
    events = told(result)
    kinds = [event["type"] for event in events]
    begun = ["platform.initStart", "platform.telemetrySubscription"]
    assert [one for one in kinds if one in begun] == begun
    for first, second in (
        ("platform.initStart", "platform.initRuntimeDone"),
        ("platform.initRuntimeDone", "platform.initReport"),
        ("platform.extension", "platform.start"),
        ("platform.start", "platform.runtimeDone"),
        ("platform.runtimeDone", "platform.report"),
    ):
        assert kinds.index(first) < kinds.index(second), kinds
    assert {"function", "extension"} <= set(kinds)
    records = [event["record"] for event in events if event["type"] == "function"]
    assert records[:2] == ["importing\n", "handling first\n"]
    done = [event["record"] for event in events if event["type"] == "platform.runtimeDone"]
    assert [one["status"] for one in done] == ["success", "error"]
    assert done[1]["errorType"] == "ValueError"
    assert done[0]["metrics"]["producedBytes"] > 0
    report = next(event["record"] for event in events if event["type"] == "platform.report")
    assert report["metrics"]["initDurationMs"] > 0
    assert report["metrics"]["memorySizeMB"] == 128
    end(server, client, name)
    text = logged(server, name, lambda text: text.count("rest told") > len(events))
    reports = [one for one in told(text) if one["type"] == "platform.report"]
    assert len(reports) == 3
    assert f"TELEMETRY\tName: teller\t{SUBSCRIBED}" in text


def test_the_logs_api_tells_in_its_own_schema_and_of_an_http_runtime(
    server: RunningServer,
) -> None:
    logs = follower("tcp").replace(
        "subscribe(identifier, destination",
        "subscribe(identifier, '2020-08-15/logs', schemaVersion='2021-03-18', destination",
    )
    layer = publish(server, "older", older=logs)
    client = create(server, "older", {"bootstrap": CLIENT + ECHO}, Layers=[layer], Timeout=20)
    for number in (1, 2):
        assert invoke(client, "older", number)[0]["event"] == number
    end(server, client, "older")
    text = logged(server, "older", lambda text: text.count("platform.report") > 1)
    events = told(text)
    kinds = {event["type"] for event in events}
    assert kinds >= {"platform.logsSubscription", "platform.extension", "platform.start"}
    assert kinds >= {"platform.runtimeDone", "platform.end", "platform.report"}
    assert not [kind for kind in kinds if kind.startswith("platform.init")]
    done = next(event["record"] for event in events if event["type"] == "platform.runtimeDone")
    assert set(done) == {"requestId", "status"}
    assert f"LOGS\tName: older\t{SUBSCRIBED}" in text


def test_subscriptions_are_refused_after_the_init_of_the_other_api_and_where_they_are_wrong(
    server: RunningServer,
) -> None:
    asking = (
        SUBSCRIBER
        + f"""
identifier, _ = register("INVOKE")
to = {HTTP!r}
for answer in (
    subscribe("", destination=to),
    subscribe(identifier, destination=to, types=[]),
    subscribe(identifier, destination=to),
    subscribe(identifier, destination=to),
    subscribe(identifier, "2020-08-15/logs", schemaVersion="2020-08-15", destination=to),
    subscribe(identifier, "2022-07-01/other", destination=to),
):
    say("answer", json.dumps(answer))
next(identifier)
say("answer", json.dumps(subscribe(identifier, destination=to)))
next(identifier)
"""
    ).replace('json.loads(answer.read() or b"null")', "answer.read().decode()")
    client = create_python(
        server, "asking", Layers=[publish(server, "asking", asks=asking)], Timeout=20
    )
    invoke(client, "asking", 1)
    text = logged(server, "asking", lambda text: "Closed" in text)
    answers = [
        json.loads(line.partition("answer ")[2])
        for line in text.splitlines()
        if line.startswith("asks answer")
    ]
    assert [status for status, _ in answers] == [403, 400, 200, 200, 403, 404, 403]
    assert "types should not be empty" in answers[1][1]
    assert answers[2][1] == '"OK"'
    assert "already subscribed to the TelemetryAPI" in answers[4][1]
    assert "Telemetry.SubscriptionClosed" in answers[6][1]


def test_a_runtime_without_external_extensions_is_told_that_nothing_is_told(
    server: RunningServer,
) -> None:
    """No process of ours is inside that could reach its ports. So answers AWS's emulator."""
    code = (
        SUBSCRIBER
        + f"""
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
identifier, _ = register("INVOKE", **{{"Lambda-Extension-Name": "inner"}})
answered = subscribe(identifier, destination={HTTP!r})
threading.Thread(target=lambda: [next(identifier) for _ in iter(int, 1)], daemon=True).start()
def handler(event, context):
    return answered
"""
    )
    client = create_python(server, "inner", code)
    result, _, _ = invoke(client, "inner", 1)
    assert result == [
        202,
        {"errorType": "Telemetry.NotSupported", "errorMessage": "Telemetry API is not supported"},
    ]
