"""What an invocation of a Python function is on Lambda, on the running server and a real sandbox.

Sources: facts, 'Function error payloads', 'Logs', 'Lifecycle', 'Environment'; Developer Guide,
"Lambda execution environment lifecycle".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningServer, make_zip, missing_runtime
from tests.system.sleepy import SLEEPY, held


def call(client: Any, name: str, payload: Any = None, **options: Any) -> tuple[Any, Any]:
    """Invoke; the parsed result and the whole answer."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload or {}), **options)
    return json.loads(answer["Payload"].read()), answer


def tail(answer: Any) -> str:
    return base64.b64decode(answer["LogResult"]).decode()


def test_a_handler_gets_the_event_and_its_result_comes_back(server: RunningServer) -> None:
    client = server.create("echo", "def handler(event, context):\n    return event\n")
    event = {"text": "grüße 🌍", "list": [1, 2.5, None, True], "empty": {}}
    result, answer = call(client, "echo", event)
    assert result == event
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer


def test_a_handler_that_returns_nothing_answers_null(server: RunningServer) -> None:
    client = server.create("nothing", "def handler(event, context):\n    pass\n")
    answer = client.invoke(FunctionName="nothing")
    assert answer["Payload"].read() == b"null"


def test_an_environment_is_reused_and_keeps_its_memory_and_tmp(server: RunningServer) -> None:
    source = """
import os
count = 0
def handler(event, context):
    global count
    count += 1
    with open("/tmp/kept", "a") as file:
        file.write("x")
    return {"count": count, "kept": os.path.getsize("/tmp/kept"),
            "stream": context.log_stream_name}
"""
    client = server.create("warm", source)
    results = [call(client, "warm")[0] for _ in range(3)]
    assert [one["count"] for one in results] == [1, 2, 3]
    assert [one["kept"] for one in results] == [1, 2, 3]
    assert len({one["stream"] for one in results}) == 1


def test_the_log_tail_holds_start_end_and_report(server: RunningServer) -> None:
    source = "def handler(event, context):\n    print('hello from inside')\n"
    client = server.create("logs-tail", source)
    _, cold = call(client, "logs-tail", LogType="Tail")
    request_id = cold["ResponseMetadata"]["RequestId"]
    pattern = (
        rf"START RequestId: {request_id} Version: \$LATEST\n"
        r"hello from inside\n"
        rf"END RequestId: {request_id}\n"
        rf"REPORT RequestId: {request_id}\tDuration: (\d+\.\d\d) ms\tBilled Duration: (\d+) ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: (\d+) MB\tInit Duration: (\d+\.\d\d) ms\t\n"
    )
    match = re.fullmatch(pattern, tail(cold))
    assert match, tail(cold)
    duration, billed, memory, init = (float(group) for group in match.groups())
    rounding = 0.02  # both are told with two decimals, the bill is of what they were
    assert billed + rounding >= duration + init > billed - 1 - rounding
    assert 0 < memory <= 128
    _, warm = call(client, "logs-tail", LogType="Tail")
    assert "Init Duration" not in tail(warm)
    _, without = call(client, "logs-tail")
    assert "LogResult" not in without


def test_output_of_a_subprocess_belongs_to_its_invocation(server: RunningServer) -> None:
    source = """
import os
def handler(event, context):
    os.write(1, b"raw " + event["word"].encode() + b"\\n")
    os.system("echo from a shell " + event["word"])
"""
    client = server.create("raw-output", source)
    for word in ("first", "second", "third"):
        _, answer = call(client, "raw-output", {"word": word}, LogType="Tail")
        lines = tail(answer)
        assert f"raw {word}\n" in lines
        assert f"from a shell {word}\n" in lines
        assert {"first", "second", "third"} & set(re.findall(r"\w+", lines)) == {word}


def test_a_handler_error_is_unhandled_and_leaves_the_environment_warm(
    server: RunningServer,
) -> None:
    source = """
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if event.get("fail"):
        raise ValueError("no good")
    return calls
"""
    client = server.create("raises", source)
    result, answer = call(client, "raises", {"fail": True})
    assert answer["FunctionError"] == "Unhandled"
    assert answer["StatusCode"] == 200
    assert result["errorType"] == "ValueError"
    assert result["errorMessage"] == "no good"
    assert result["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert result["stackTrace"] == [
        '  File "/var/task/app.py", line 7, in handler\n    raise ValueError("no good")\n'
    ]
    assert call(client, "raises")[0] == 2


def test_a_timeout_answers_as_aws_and_the_next_invocation_is_a_cold_start(
    server: RunningServer,
) -> None:
    source = """
import time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    print("started")
    time.sleep(event.get("sleep", 0))
    return calls
"""
    client = server.create("sleepy", source, Timeout=2)
    assert call(client, "sleepy")[0] == 1
    result, answer = call(client, "sleepy", {"sleep": 30}, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert result == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 2.00 seconds",
    }
    assert answer["FunctionError"] == "Unhandled"
    assert f"{request_id} Task timed out after 2.00 seconds\n" in tail(answer)
    assert "Status: timeout" in tail(answer)
    assert "started" in tail(answer)
    assert call(client, "sleepy")[0] == 1


@pytest.mark.parametrize(
    ("statement", "error_type", "text"),
    [
        ("os._exit(3)", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime.ExitError", "Runtime exited without providing a reason"),
        ("sys.exit(5)", "Runtime.ExitError", "Runtime exited with error: exit status 5"),
        (
            "ctypes.string_at(0)",
            "Runtime.ExitError",
            "Runtime exited with error: signal: segmentation fault",
        ),
    ],
)
def test_an_exit_is_answered_with_awss_error(
    server: RunningServer, statement: str, error_type: str, text: str
) -> None:
    name = "exit-" + re.sub(r"\W+", "-", statement).strip("-")
    source = f"import os, sys, ctypes\ndef handler(event, context):\n    {statement}\n"
    client = server.create(name, source)
    for _ in range(2):
        result, answer = call(client, name)
        request_id = answer["ResponseMetadata"]["RequestId"]
        assert result == {
            "errorType": error_type,
            "errorMessage": f"RequestId: {request_id} Error: {text}",
        }


def test_more_memory_than_memory_size_is_out_of_memory(server: RunningServer) -> None:
    """Source: adobe/helix-html2md-service#1001 (2026-07) for the payload."""
    source = """
def handler(event, context):
    data = []
    while True:
        data.append(bytearray(4 * 1024 * 1024))
"""
    client = server.create("greedy", source, Timeout=20)
    result, answer = call(client, "greedy")
    assert result == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": f"RequestId: {answer['ResponseMetadata']['RequestId']} "
        "Error: Runtime exited with error: signal: killed",
    }


def test_files_in_tmp_are_not_charged_to_memory(server: RunningServer) -> None:
    source = """
def handler(event, context):
    with open("/tmp/big", "wb") as file:
        for _ in range(300):
            file.write(bytes(1024 * 1024))
    return "written"
"""
    client = server.create("tmp-300", source, MemorySize=128, Timeout=20)
    assert call(client, "tmp-300")[0] == "written"


def test_a_response_over_the_limit_is_response_size_too_large(server: RunningServer) -> None:
    source = "def handler(event, context):\n    return 'x' * event['size']\n"
    client = server.create("big-response", source, MemorySize=512)
    limit = 6_291_556 - 2  # two quotation marks
    result, answer = call(client, "big-response", {"size": limit + 1})
    assert result == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert answer["FunctionError"] == "Unhandled"
    assert len(call(client, "big-response", {"size": limit})[0]) == limit


def test_a_payload_of_6_mb_is_taken_and_one_byte_more_is_413(server: RunningServer) -> None:
    client = server.create(
        "big-request", "def handler(event, context):\n    return len(event)\n", MemorySize=512
    )
    limit = 6 * 1024 * 1024
    answer = client.invoke(FunctionName="big-request", Payload=b'"%s"' % (b"x" * (limit - 2)))
    assert json.loads(answer["Payload"].read()) == limit - 2
    with pytest.raises(ClientError) as caught:
        client.invoke(FunctionName="big-request", Payload=b'"%s"' % (b"x" * (limit - 1)))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert caught.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert "must be smaller than 6291456 bytes" in str(caught.value)


def test_a_payload_that_is_not_json_is_invalid_request_content(server: RunningServer) -> None:
    client = server.create("needs-json", "def handler(event, context):\n    return 1\n")
    with pytest.raises(client.exceptions.InvalidRequestContentException, match="Could not parse"):
        client.invoke(FunctionName="needs-json", Payload=b"{nonsense")
    assert call(client, "needs-json")[0] == 1


def test_an_import_error_is_init_error_and_names_the_module(server: RunningServer) -> None:
    client = server.create("broken-import", "import not_there\n")
    result, answer = call(client, "broken-import", LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert result["errorType"] == "Runtime.ImportModuleError"
    assert result["errorMessage"] == "Unable to import module 'app': No module named 'not_there'"


def test_a_missing_handler_is_handler_not_found(server: RunningServer) -> None:
    client = server.create("no-handler", "x = 1\n")
    result, _ = call(client, "no-handler")
    assert result["errorType"] == "Runtime.HandlerNotFound"
    assert result["errorMessage"] == "Handler 'handler' missing on module 'app'"


@pytest.fixture(scope="module", autouse=True)
def slow_init(server: RunningServer) -> Iterator[Future[tuple[Any, Any]]]:
    """An invocation that takes 12 s by what it is: it runs beside the module's other tests."""
    source = "import time\ntime.sleep(600)\ndef handler(event, context): pass\n"
    client = server.create("slow-init", source, Timeout=2)
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(call, client, "slow-init", LogType="Tail")


def test_an_init_that_exits_is_tried_again_inside_the_first_invocation(
    server: RunningServer,
) -> None:
    client = server.create("exit-in-init", "import os\nos._exit(7)\n")
    result, answer = call(client, "exit-in-init", LogType="Tail")
    assert result["errorType"] == "Runtime.ExitError"
    assert "exit status 7" in result["errorMessage"]
    assert "INIT_REPORT" in tail(answer)
    assert "Phase: invoke" in tail(answer)


def test_the_context_and_environment_are_awss(server: RunningServer) -> None:
    source = """
import os
def handler(event, context):
    return {
        "environment": dict(os.environ),
        "arn": context.invoked_function_arn, "name": context.function_name,
        "version": context.function_version, "memory": context.memory_limit_in_mb,
        "request_id": context.aws_request_id, "group": context.log_group_name,
        "left": context.get_remaining_time_in_millis(),
        "custom": context.client_context.custom if context.client_context else None,
        "path": __import__("sys").path, "cwd": os.getcwd(),
    }
"""
    client = server.create(
        "context", source, Timeout=30, MemorySize=256, Environment={"Variables": {"MINE": "ä b"}}
    )
    context = base64.b64encode(b'{"custom": {"key": "value"}}').decode()
    result, answer = call(client, "context", ClientContext=context)
    environment = result["environment"]
    assert environment["MINE"] == "ä b"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "context"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == "us-east-1"
    assert environment["_HANDLER"] == "app.handler"
    assert environment["LAMBDA_TASK_ROOT"] == "/var/task"
    assert (environment["TZ"], environment["PWD"]) == (":UTC", "/var/task")
    assert environment["AWS_XRAY_DAEMON_ADDRESS"] == "127.0.0.1:2000"
    assert "HOME" not in environment or environment["HOME"] != "/root"
    assert not [name for name in environment if name.startswith(("PYTEST", "VIRTUAL_ENV"))]
    assert result["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:context"
    latest, _ = call(client, "context", Qualifier="$LATEST")
    assert latest["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:context:$LATEST"
    assert result["memory"] == "256"
    assert result["request_id"] == answer["ResponseMetadata"]["RequestId"]
    assert result["group"] == "/aws/lambda/context"
    assert 25_000 < result["left"] <= 30_000
    assert result["custom"] == {"key": "value"}
    assert result["path"][0] == "/var/task"
    assert result["cwd"] == "/var/task"


def test_code_inside_reaches_lambent_by_boto3_without_a_setting(server: RunningServer) -> None:
    source = """
import boto3
def handler(event, context):
    return {"account": boto3.client("sts").get_caller_identity()["Account"],
            "functions": len(boto3.client("lambda").list_functions()["Functions"])}
"""
    client = server.create("calls-home", source, Timeout=30, MemorySize=512)
    result, _ = call(client, "calls-home")
    assert result["account"] == "000000000000"
    assert result["functions"] >= 1


def test_layers_are_merged_in_order_into_opt(server: RunningServer) -> None:
    client = server.client("lambda")
    arns = []
    for number in (1, 2):
        content = make_zip(
            {
                "python/shared.py": f"VALUE = {number}\n",
                f"python/only{number}.py": f"VALUE = {number}\n",
                "data.txt": f"layer {number}",
            }
        )
        published = client.publish_layer_version(
            LayerName=f"merge{number}", Content={"ZipFile": content}
        )
        arns.append(published["LayerVersionArn"])
    source = """
import shared, only1, only2
def handler(event, context):
    return [shared.VALUE, only1.VALUE, only2.VALUE, open("/opt/data.txt").read()]
"""
    server.create("layered-two", source, Layers=arns)
    assert call(client, "layered-two")[0] == [2, 1, 2, "layer 2"]


def test_new_code_serves_new_invocations_while_a_running_one_finishes_on_the_old(
    server: RunningServer,
) -> None:
    source = SLEEPY.rpartition("    return")[0]
    client = server.create("replaced", source + "    return 'old'\n", Timeout=60)
    assert call(client, "replaced")[0] == "old"
    with held(server, client, "replaced") as release:
        client.update_function_code(
            FunctionName="replaced", ZipFile=make_zip({"app.py": source + "    return 'new'\n"})
        )
        client.get_waiter("function_updated_v2").wait(FunctionName="replaced")
        assert call(client, "replaced")[0] == "new"
        assert release() == ["old"]


def test_invocations_at_once_run_at_once_each_in_an_environment_of_its_own(
    server: RunningServer,
) -> None:
    client = server.create("parallel", SLEEPY, Timeout=60)
    with held(server, client, "parallel", count=20) as release:
        streams = [stream for stream, _ in release()]
    assert len(set(streams)) == 20


def test_dry_run_verifies_and_runs_nothing(server: RunningServer) -> None:
    client = server.create("dry", "def handler(event, context):\n    return 1\n")
    answer = client.invoke(FunctionName="dry", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert answer["Payload"].read() == b""
    assert "ExecutedVersion" not in answer
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="dry-not-there", InvocationType="DryRun")


def test_a_runtime_without_its_interpreter_fails_and_says_how_to_get_it(
    server: RunningServer,
) -> None:
    missing = missing_runtime(server)
    client = server.create("no-interpreter", "def handler(e, c): pass\n", Runtime=missing)
    configuration = client.get_function_configuration(FunctionName="no-interpreter")
    assert configuration["State"] == "Failed"
    assert configuration["StateReasonCode"] == "InvalidRuntime"
    assert missing in configuration["StateReason"]
    with pytest.raises(client.exceptions.ResourceConflictException, match="Failed"):
        client.invoke(FunctionName="no-interpreter")


def test_an_init_over_10_s_is_tried_again_inside_the_invocation_under_its_time_out(
    server: RunningServer, slow_init: Future[tuple[Any, Any]]
) -> None:
    result, answer = slow_init.result()
    assert result["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 2.00 seconds" in result["errorMessage"]
    assert "Duration: 2000.00 ms\tBilled Duration: 2000 ms" in tail(answer)
    found = server.client("logs").filter_log_events(
        logGroupName="/aws/lambda/slow-init", filterPattern="INIT_REPORT"
    )["events"]
    report = re.fullmatch(
        r"INIT_REPORT Init Duration: (\d+)\.\d\d ms\tPhase: init\tStatus: timeout\n",
        found[0]["message"],
    )
    assert report is not None, found
    assert int(report[1]) >= 10_000
    assert "Phase: invoke\tStatus: timeout" in found[1]["message"], "DataDog/…-extension#1237"
