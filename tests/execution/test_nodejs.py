"""Node.js functions on a real node in real sandboxes.

Sources: Developer Guide, "Building Lambda functions with Node.js", "Define Lambda function handler
in Node.js", "Node.js Lambda function logging and monitoring"; facts, 'Function error payloads'.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lambent.runtime.families import nodejs
from tests.conftest import RunningServer, chosen_runtime, make_zip

FOUND = nodejs.find(os.environ.get("LAMBENT_NODES", ""), {"PATH": "/usr/local/bin:/usr/bin:/bin"})
RUNTIME = chosen_runtime(FOUND)

pytestmark = pytest.mark.skipif(
    not FOUND, reason=f"no Node.js of Lambda's versions here (node: {shutil.which('node')})"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("nodejs") / "data"
    running = RunningServer(data_dir=data).start()
    yield running
    running.stop()


CALLBACKS = RUNTIME in ("nodejs18.x", "nodejs20.x", "nodejs22.x")
until_22 = pytest.mark.skipif(not CALLBACKS, reason=f"{RUNTIME} has no callbacks")
from_24 = pytest.mark.skipif(CALLBACKS, reason=f"{RUNTIME} is not 24 or newer (LAMBENT_NODES)")


class Answer:
    def __init__(self, answer: dict[str, Any]) -> None:
        self.value = json.loads(answer["Payload"].read())
        self.error = answer.get("FunctionError", "")
        self.log = base64.b64decode(answer["LogResult"]).decode()


class Function:
    """One Node.js function to invoke."""

    def __init__(
        self, server: RunningServer, name: str, files: str | dict[str, str], **options: Any
    ) -> None:
        code = {"index.js": files} if isinstance(files, str) else files
        settings = {"Runtime": RUNTIME, "Handler": "index.handler", "Timeout": 30, **options}
        self.client = server.create(name, dict(code), **settings)
        self.name = name

    def __call__(self, event: Any = None, **options: Any) -> Answer:
        return Answer(
            self.client.invoke(
                FunctionName=self.name, Payload=json.dumps(event), LogType="Tail", **options
            )
        )


def test_an_async_handler_gets_event_and_context_and_stays_warm(server: RunningServer) -> None:
    echo = Function(
        server,
        "node-echo",
        "let n = 0; exports.handler = async (event, context) => ({event, context, n: ++n, "
        "left: context.getRemainingTimeInMillis(), pid: process.pid, cwd: process.cwd()})",
        MemorySize=256,
    )
    first = echo({"ü": "✓"})
    assert first.value["event"] == {"ü": "✓"}
    assert 0 < first.value["left"] <= 30_000
    assert (first.value["pid"], first.value["cwd"]) == (1, "/var/task")
    context = first.value["context"]
    assert context["functionName"] == "node-echo"
    assert context["functionVersion"] == "$LATEST"
    assert context["memoryLimitInMB"] == "256"
    assert context["invokedFunctionArn"].endswith(":function:node-echo")
    assert context["logGroupName"] == "/aws/lambda/node-echo"
    assert context["awsRequestId"] in first.log
    assert "Init Duration" in first.log
    second = echo()
    assert (second.value["n"], second.value["event"]) == (2, None)
    assert "Init Duration" not in second.log


def test_the_environment_is_lambdas_and_nothing_of_ours(server: RunningServer) -> None:
    show = Function(
        server,
        "node-environment",
        "exports.handler = async () => process.env",
        Environment={"Variables": {"MINE": "1", "NODE_OPTIONS": "--no-deprecation"}},
    )
    variables = show().value
    assert variables["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{RUNTIME}"
    assert variables["_HANDLER"] == "index.handler"
    assert variables["MINE"] == "1"
    assert variables["NODE_PATH"].startswith("/opt/nodejs/node")
    assert not [name for name in variables if "LAMBENT" in name]


@pytest.mark.parametrize(
    ("name", "files", "handler"),
    [
        ("node-esm", {"index.mjs": "export const handler = async () => await 'ok'"}, None),
        (
            "node-type",
            {
                "package.json": '{"type": "module"}',
                "index.js": "const x = await 'ok'; export const handler = async () => x",
            },
            None,
        ),
        ("node-cjs", {"index.cjs": "exports.handler = async () => 'ok'"}, None),
        (
            "node-nested",
            {"src/app.js": "exports.api = {main: async () => 'ok'}"},
            "src/app.api.main",
        ),
        (
            "node-package",
            {
                "index.js": "exports.handler = async () => require('dependency')",
                "node_modules/dependency/index.js": "module.exports = 'ok'",
            },
            None,
        ),
    ],
)
def test_handlers_are_found_in_modules_of_every_kind(
    server: RunningServer, name: str, files: dict[str, str], handler: str | None
) -> None:
    options = {"Handler": handler} if handler else {}
    assert Function(server, name, files, **options)().value == "ok"


def test_a_layers_modules_are_found(server: RunningServer) -> None:
    client = server.client("lambda")
    layer = client.publish_layer_version(
        LayerName="node-modules",
        Content={"ZipFile": make_zip({"nodejs/node_modules/shared/index.js": "exports.x = 41"})},
    )
    function = Function(
        server,
        "node-layer",
        "const {x} = require('shared'); exports.handler = async () => x + 1",
        Layers=[layer["LayerVersionArn"]],
    )
    assert function().value == 42


@until_22
def test_a_callback_waits_for_the_event_loop_unless_told_not_to(server: RunningServer) -> None:
    function = Function(
        server,
        "node-callback",
        "exports.handler = (event, context, callback) => {"
        " context.callbackWaitsForEmptyEventLoop = !event.now;"
        " setTimeout(() => console.log('later'), event.now ? 60000 : 20); callback(null, 'done') }",
    )
    waited = function({})
    assert waited.value == "done"
    assert "later" in waited.log
    at_once = function({"now": True})
    assert at_once.value == "done"
    assert "later" not in at_once.log


@from_24
def test_node_24_and_later_refuse_a_handler_with_a_callback(server: RunningServer) -> None:
    """Source: aws-lambda-nodejs-runtime-interface-client, src/function/callback-deprecation.ts."""
    code = "exports.handler = (event, context, callback) => callback(null, 'done')"
    refused = Function(server, "node-callback", code)()
    assert refused.error == "Unhandled"
    assert refused.value["errorType"] == "Runtime.CallbackHandlerDeprecated"
    assert "removed support for callback-based function handlers" in refused.value["errorMessage"]


@from_24
def test_node_24_and_later_await_what_a_handler_returns_and_nothing_else(
    server: RunningServer,
) -> None:
    """Source: the same client, src/runtime/buffered-invoke-processor.ts, src/context/types.ts."""
    function = Function(
        server,
        "node-awaits",
        "exports.handler = (event, context) => {"
        " setTimeout(() => console.log('later'), 20);"
        " return event.never ? new Promise(() => {}) : Object.keys(context) }",
    )
    answer = function({})
    assert "xRayTraceId" in answer.value
    assert not {"done", "fail", "succeed", "callbackWaitsForEmptyEventLoop"} & {*answer.value}
    assert "later" not in answer.log
    never = function({"never": True})  # UNVERIFIED; that client leaves nothing that could answer
    assert (never.error, never.value["errorType"]) == ("Unhandled", "Runtime.ExitError")


@until_22
def test_a_handler_that_never_answers_is_null_once_nothing_is_left_to_wait_for(
    server: RunningServer,
) -> None:
    function = Function(server, "node-never", "exports.handler = () => new Promise(() => {})")
    assert (function().value, function().value) == (None, None)


def test_errors_carry_type_message_and_trace_and_leave_it_warm(server: RunningServer) -> None:
    function = Function(
        server,
        "node-error",
        "let n = 0; exports.handler = async () => { n++; throw new TypeError('bad ' + n) }",
    )
    first, second = function(), function()
    assert first.error == "Unhandled"
    assert (first.value["errorType"], first.value["errorMessage"]) == ("TypeError", "bad 1")
    assert first.value["trace"][0] == "TypeError: bad 1"
    assert any("/var/task/index.js" in line for line in first.value["trace"])
    assert '\tERROR\tInvoke Error \t{"errorType":"TypeError"' in first.log
    assert second.value["errorMessage"] == "bad 2"


@pytest.mark.parametrize(
    ("name", "code", "error_type"),
    [
        ("node-syntax", "exports.handler = async (", "Runtime.UserCodeSyntaxError"),
        ("node-import", "require('nowhere')", "Runtime.ImportModuleError"),
        ("node-missing", "exports.other = 1", "Runtime.HandlerNotFound"),
        ("node-value", "exports.handler = 1", "Runtime.HandlerNotFound"),
        ("node-throws", "throw new RangeError('at init')", "RangeError"),
    ],
)
def test_an_init_that_fails_says_why(
    server: RunningServer, name: str, code: str, error_type: str
) -> None:
    answer = Function(server, name, code)()
    assert (answer.error, answer.value["errorType"]) == ("Unhandled", error_type)
    assert f"Error Type: {error_type}" in answer.log


def test_what_nobody_catches_ends_the_process_with_that_error(server: RunningServer) -> None:
    function = Function(
        server,
        "node-uncaught",
        "let n = 0; exports.handler = async (event) => { n++;"
        " if (event === 'rejection') Promise.reject(new Error('un'));"
        " if (event === 'throw') setTimeout(() => { throw new Error('unc') }, 1);"
        " if (event === 'exit') process.exit(3);"
        " await new Promise((done) => setTimeout(done, 50)); return n }",
    )
    rejected = function("rejection")
    assert rejected.value["errorType"] == "Runtime.UnhandledPromiseRejection"
    assert rejected.value["errorMessage"] == "Error: un"
    thrown = function("throw")
    assert (thrown.value["errorType"], thrown.value["errorMessage"]) == ("Error", "unc")
    left = function("exit")
    assert left.value["errorType"] == "Runtime.ExitError"
    assert left.value["errorMessage"].endswith("Runtime exited with error: exit status 3")
    assert function("go").value == 1


def test_console_lines_carry_time_request_and_level(server: RunningServer) -> None:
    function = Function(
        server,
        "node-log",
        "console.log('at init'); exports.handler = async (event, context) => {"
        " console.info('two\\nlines'); console.warn('w %d', 5); console.error('e');"
        " console.debug('d'); process.stdout.write('raw\\n'); return context.awsRequestId }",
    )
    answer = function()
    request_id = answer.value
    for text in ("INFO\ttwo\nlines", "WARN\tw 5", "ERROR\te", "DEBUG\td"):
        assert f"\t{request_id}\t{text}\n" in answer.log
    assert "\nraw\n" in answer.log


def test_json_logs_are_objects_of_the_level_that_was_asked_for(server: RunningServer) -> None:
    function = Function(
        server,
        "node-json",
        "exports.handler = async () => { console.debug('no'); console.info('yes', 1);"
        " console.error(new TypeError('bad')) }",
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO"},
    )
    lines = [json.loads(line) for line in function().log.splitlines() if line.startswith("{")]
    mine = [line for line in lines if "level" in line]
    assert [line["level"] for line in mine] == ["INFO", "ERROR"]
    assert mine[0]["message"] == "yes 1"
    assert (mine[1]["errorType"], mine[1]["errorMessage"]) == ("TypeError", "bad")


def test_a_handler_that_streams_has_to_be_async_and_what_it_returns_is_ignored(
    server: RunningServer,
) -> None:
    """Source: aws-lambda-nodejs-runtime-interface-client 3 and 4, both their streaming loops."""
    plain = Function(
        server,
        "node-stream-plain",
        "exports.handler = awslambda.streamifyResponse((event, stream) => { stream.end('x') })",
    )()
    assert plain.value["errorType"] == ("string" if CALLBACKS else "Error")
    assert plain.value["errorMessage"] == "Streaming does not support non-async handlers."
    returns = Function(
        server,
        "node-stream-returns",
        "exports.handler = awslambda.streamifyResponse(async (event, stream) => {"
        " stream.end('1'); await new Promise((done) => setTimeout(done, 20)); return 2 })",
    )()
    assert returns.value == 1
    assert "Streaming handlers ignore return values." in returns.log


def test_a_response_streams_with_its_metadata(server: RunningServer) -> None:
    function = Function(
        server,
        "node-stream",
        "exports.handler = awslambda.streamifyResponse(async (event, stream) => {"
        " stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201});"
        " for (let n = 0; n < 3; n++) { stream.write('part ' + n + ' ');"
        " await new Promise((done) => setTimeout(done, 2)) }"
        " if (event === 'fail') throw new Error('late');"
        " stream.end() })",
    )

    def stream(event: Any) -> tuple[bytes, dict[str, Any]]:
        answer = function.client.invoke_with_response_stream(
            FunctionName="node-stream", Payload=json.dumps(event)
        )
        body, complete = b"", {}
        for one in answer["EventStream"]:
            body += one.get("PayloadChunk", {}).get("Payload", b"")
            complete = one.get("InvokeComplete", complete)
        return body, complete

    body, complete = stream(None)
    assert body == b'{"statusCode":201}' + bytes(8) + b"part 0 part 1 part 2 "
    assert "ErrorCode" not in complete
    assert stream("fail")[1]["ErrorCode"] == "Error"


def test_payloads_up_to_6_mb_pass_both_ways_and_larger_ones_do_not(server: RunningServer) -> None:
    function = Function(
        server,
        "node-large",
        "exports.handler = async (event) => typeof event === 'number' ? 'x'.repeat(event) : event",
        MemorySize=512,
    )
    big = "y" * (6 * 1024 * 1024 - 2)
    assert function(big).value == big
    over = function(6_291_556 - 1)
    assert (over.error, over.value["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


def test_twenty_rapid_invokes_of_a_cold_function_all_answer(server: RunningServer) -> None:
    function = Function(
        server, "node-rapid", "exports.handler = async (event) => event", MemorySize=512
    )
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: function(number).value, range(20)))
    assert answers == list(range(20))


def test_a_version_gets_its_own_arn_and_no_memory_is_shared_with_another(
    server: RunningServer,
) -> None:
    function = Function(
        server,
        "node-version",
        "let n = 0; exports.handler = async (e, context) => [++n, context.invokedFunctionArn]",
    )
    assert function().value[0] == 1
    version = function.client.publish_version(FunctionName="node-version")["Version"]
    count, arn = function(Qualifier=version).value
    assert (count, arn.rsplit(":", 1)[1]) == (1, version)
