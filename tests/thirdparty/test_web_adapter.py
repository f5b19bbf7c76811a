"""AWS Lambda Web Adapter as it is, from crates.io: web servers that know nothing of Lambda.

`make web-adapter` builds it and runs this; else (no LAMBENT_WEB_ADAPTER) all is skipped.
Source: its README, "Lambda functions packaged as Zip package for AWS managed runtimes" and "Lambda
functions packaged as Docker Images". tests/execution/test_replaced_runtimes.py pins the same
behaviour in every run of the tests.
"""

from __future__ import annotations

import http.client
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROLE, RUNTIME, RunningServer, running
from tests.execution.test_official_clients import zip_files
from tests.images.building import build, file, tar, write_layout
from tests.images.programs import PYTHON, base_layer, program_layer, python_layer
from tests.system.host import wait_for
from tests.thirdparty.test_third_parties import http_event, node_runtime

PROGRAM = os.environ.get("LAMBENT_WEB_ADAPTER", "")
pytestmark = pytest.mark.skipif(not PROGRAM, reason="`make web-adapter` builds what this needs")

# What the layer of the adapter has as its bootstrap.
SCRIPT = b"""#!/bin/bash
exec -- "${LAMBDA_TASK_ROOT}/${_HANDLER}"
"""
PYTHON_WEB = b"""
import http.server, json, os, sys, time

class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/exit":
            os._exit(5)
        if self.path == "/hang":
            time.sleep(1000)
        self.answer({"path": self.path, "pid": os.getpid()})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        context = json.loads(self.headers["x-amzn-lambda-context"])
        print("posted", flush=True)
        self.answer({"body": body.decode(), "request": context["request_id"]})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Web).serve_forever()
"""
NODE_WEB = b"""
require('http').createServer((request, response) => {
  if (request.url === '/exit') process.exit(5);
  if (request.url === '/hang') return;
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const context = JSON.parse(request.headers['x-amzn-lambda-context'] || '{}');
    const body = Buffer.concat(parts).toString();
    if (body) console.log('posted');
    const value = { path: request.url, pid: process.pid, body, request: context.request_id };
    response.end(JSON.stringify(value));
  });
}).listen(8080, '127.0.0.1');
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("adapter") / "data") as one:
        yield one


@pytest.fixture(scope="module")
def layer(server: RunningServer) -> str:
    """The ARN of the adapter's layer."""
    files = {"extensions/lambda-adapter": Path(PROGRAM).read_bytes(), "bootstrap": SCRIPT}
    published: str = server.client("lambda").publish_layer_version(
        LayerName="web-adapter", Content={"ZipFile": zip_files(files)}
    )["LayerVersionArn"]
    return published


class Web:
    """A function that is a web server."""

    def __init__(self, server: RunningServer, name: str, **options: Any) -> None:
        self.name = name
        self.server = server
        self.client = server.client("lambda")
        function = {"FunctionName": name, "Role": ROLE, "Timeout": 20, "MemorySize": 512}
        self.client.create_function(**{**function, **options})
        self.client.get_waiter("function_active_v2").wait(FunctionName=name)

    def __call__(self, path: str, method: str = "GET", body: str | None = None) -> Any:
        """The body of the response, or the error."""
        event = json.dumps(http_event(path, method, body))
        answer = self.client.invoke(FunctionName=self.name, Payload=event)
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            return result
        assert result["statusCode"] == 200
        return json.loads(result["body"])

    def log(self) -> str:
        """What is logged by now, of every environment."""
        logs = self.server.client("logs")
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{self.name}")["events"]
        return "".join(one["message"] for one in found)


def zipped(runtime: str, layer: str, **variables: str) -> dict[str, Any]:
    """The options of a function with a server, by its runtime."""
    program, text = "python3 app", PYTHON_WEB
    if runtime.startswith("nodejs"):
        program, text = "node app", NODE_WEB
    if runtime.startswith("provided"):
        program = "/usr/bin/python3 app"
    script = f'#!/bin/bash\nexec {program} "$@"\n'.encode()
    values = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap", **variables}
    return {
        "Runtime": runtime,
        "Handler": "run.sh",
        "Layers": [layer],
        "Code": {"ZipFile": zip_files({"run.sh": script, "app": text})},
        "Environment": {"Variables": values},
    }


@pytest.fixture(scope="module", params=["python", "nodejs", "provided.al2023", "image"])
def web(
    request: pytest.FixtureRequest,
    server: RunningServer,
    layer: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Web:
    """One of each kind."""
    kind, name = request.param, f"web-{request.param.partition('.')[0]}"
    if kind == "image":
        image = build(
            [
                base_layer(),
                python_layer(),
                program_layer("opt/extensions/lambda-adapter", PROGRAM),
                tar(
                    file("app/web.py", PYTHON_WEB),
                ),
            ],
            settings={
                "Cmd": [PYTHON, "/app/web.py"],
                "Env": ["PATH=/usr/bin:/bin", "LD_LIBRARY_PATH=/opt/python/lib"],
            },
        )
        folder = write_layout(tmp_path_factory.mktemp("adapter-image") / "image", {"v1": image})
        code = {"ImageUri": f"oci:{folder}:v1"}
        return Web(server, name, PackageType="Image", Code=code)
    runtime = {"python": RUNTIME, "nodejs": node_runtime()}.get(kind, kind)
    return Web(server, name, **zipped(runtime, layer))


def test_a_web_server_behind_the_adapter_answers_and_stays_warm(web: Web) -> None:
    first = web("/first")
    assert first["path"] == "/first"
    assert web("/second")["pid"] == first["pid"]
    posted = web("/post", "POST", "text")
    assert posted["body"] == "text"
    log = wait_for(lambda: (log := web.log()).count("REPORT RequestId") == 3 and log, "reports")
    assert log.count("Init Duration") == 1
    assert f"REPORT RequestId: {posted['request']}" in log
    assert re.search(r"EXTENSION\s+Name: lambda-adapter\s+State: Ready\s+Events: \[\]", log)
    assert log.count("posted") == 1


def test_a_web_server_that_crashes_ends_its_environment_and_the_next_request_is_served(
    web: Web,
) -> None:
    """The adapter's word that the connection broke may come before the end of the process, and so
    may its call for the next invocation.
    """
    error = web("/exit")
    if error["errorType"] == "Runtime.ExitError":
        assert error["errorMessage"].endswith("exit status 5")
    else:
        assert error["errorMessage"].startswith("client error"), error
    assert wait_for(lambda: web("/after").get("path"), "another server") == "/after"


def test_a_request_that_hangs_times_out_and_the_next_one_is_served(web: Web) -> None:
    client = web.client
    client.update_function_configuration(FunctionName=web.name, Timeout=2)
    client.get_waiter("function_updated_v2").wait(FunctionName=web.name)
    error = web("/hang")
    assert error["errorType"] == "Sandbox.Timedout"
    assert web("/after")["path"] == "/after"


def test_a_web_server_that_never_is_ready_times_out(server: RunningServer, layer: str) -> None:
    """Nobody asks for an invocation: first the init ends after 10 s, then the function's time."""
    options = zipped(RUNTIME, layer, AWS_LWA_PORT="8081")
    never = Web(server, "web-never", **{**options, "Timeout": 1})
    error = never("/")
    assert error["errorType"] == "Sandbox.Timedout"
    log = wait_for(lambda: "REPORT" in (log := never.log()) and log, "a report")
    assert "Phase: init\tStatus: timeout" in log
    assert "app is not ready after" in log


def test_a_function_url_streams_what_the_adapter_streams(server: RunningServer, layer: str) -> None:
    web = Web(server, "web-url", **zipped(RUNTIME, layer, AWS_LWA_INVOKE_MODE="response_stream"))
    url = web.client.create_function_url_config(
        FunctionName="web-url", AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )["FunctionUrl"]
    web.client.add_permission(
        FunctionName="web-url",
        StatementId="all",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    host = urlsplit(url).netloc
    for path in ("/a", "/b?c=d"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        assert json.loads(body)["path"] == path
        connection.close()
