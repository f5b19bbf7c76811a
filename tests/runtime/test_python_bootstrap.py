"""What a Python function observes of its runtime, on every interpreter of this machine.

Expected texts follow awslambdaric's source and the answers of real AWS in the facts.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import boto3
import pytest

from lambent.runtime.frames import Kind
from tests.runtime.conftest import Start
from tests.runtime.guest import REQUEST_ID, WAIT_S, Guest


def minor(python: Path) -> int:
    return int(python.name.split(".")[1])


ECHO = "def handler(event, context): return event\n"


def test_a_handler_answers_each_event_and_the_environment_stays(start: Start) -> None:
    guest = start(
        "n = 0\ndef handler(event, context):\n global n; n += 1\n return [n, event]"
    ).ready()
    assert guest.invoke({"a": 1}) == (Kind.RESPONSE, [1, {"a": 1}])
    assert guest.invoke(b' \n"text" ') == (Kind.RESPONSE, [2, "text"])
    assert guest.invoke(b"") == (Kind.RESPONSE, [3, {}])


@pytest.mark.parametrize("handler", ["pkg.mod.run", "pkg/mod.run"])
def test_a_handler_may_be_in_a_package_or_a_folder(start: Start, handler: str) -> None:
    files = {"pkg/__init__.py": "", "pkg/mod.py": "def run(event, context): return __name__"}
    assert start("", handler, files=files).ready().invoke() == (Kind.RESPONSE, "pkg.mod")


def test_results_are_encoded_as_awslambdaric_does(start: Start, python: Path) -> None:
    source = """
import decimal
D = decimal.Decimal
def handler(event, context):
    return {
        "decimals": eval(event), "text": "h\\u00e9\\U0001f600", "bytes": b"raw",
        1: (1, 2), b"key": float("nan"),
    } if event else b"as it is"
"""
    guest = start(source).ready()
    kind, body = guest.send('[D("1.10"), D("1E+3"), D("NaN")]').answer()
    text = '"h\u00e9\U0001f600"' if minor(python) >= 12 else r'"h\u00e9\ud83d\ude00"'
    assert kind is Kind.RESPONSE
    assert body.decode() == (
        f'{{"decimals": [1.10, 1E+3, NaN], "text": {text}, "bytes": "raw", '
        '"1": [1, 2], "key": NaN}'
    )
    assert guest.send("").answer() == (Kind.RESPONSE, b"as it is")


def test_half_a_surrogate_pair_survives_the_round_trip(start: Start) -> None:
    assert start(ECHO).ready().send(b'"\\ud800"').answer() == (Kind.RESPONSE, b'"\\ud800"')


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("{1, 2}", "Object of type set is not JSON serializable"),
        ("{(1, 2): 3}", "keys must be str, int, float, bool or None, not tuple"),
        ("circle", "Circular reference detected"),
    ],
)
def test_a_result_that_is_not_json_is_a_marshal_error(
    start: Start, expression: str, reason: str
) -> None:
    source = f"circle = []\ncircle.append(circle)\ndef handler(e, c): return e or {expression}"
    guest = start(source).ready()
    kind, error = guest.invoke()
    assert (kind, error["errorType"]) == (Kind.ERROR, "Runtime.MarshalError")
    assert error["errorMessage"] == f"Unable to marshal response: {reason}"
    assert error["stackTrace"] == []
    assert guest.invoke([[], []]) == (Kind.RESPONSE, [[], []])


def test_an_exception_gives_awss_payload_and_log_line(start: Start, python: Path) -> None:
    guest = start(
        "def deep():\n    raise ValueError('boom')\ndef handler(e, c):\n    deep()\n"
    ).ready()
    kind, error = guest.invoke()
    app = guest.task / "app.py"
    expected = {
        "errorMessage": "boom",
        "errorType": "ValueError",
        "requestId": REQUEST_ID,
        "stackTrace": [
            f'  File "{app}", line 4, in handler\n    deep()\n',
            f"  File \"{app}\", line 2, in deep\n    raise ValueError('boom')\n",
        ],
    }
    if minor(python) < 9:
        del expected["requestId"]
    assert (kind, list(error.items())) == (Kind.ERROR, list(expected.items()))
    assert guest.logs == [
        "[ERROR] ValueError: boom\nTraceback (most recent call last):\n"
        f'\xa0\xa0File "{app}", line 4, in handler\n\xa0\xa0\xa0\xa0deep()\n'
        f"\xa0\xa0File \"{app}\", line 2, in deep\n\xa0\xa0\xa0\xa0raise ValueError('boom')"
    ]
    assert guest.invoke()[0] is Kind.ERROR


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        (
            ECHO,
            "nope.handler",
            "ImportModuleError",
            "Unable to import module 'nope': No module named 'nope'",
        ),
        (
            "import absent",
            "app.handler",
            "ImportModuleError",
            "Unable to import module 'app': No module named 'absent'",
        ),
        (ECHO, "app.other", "HandlerNotFound", "Handler 'other' missing on module 'app'"),
        (
            ECHO,
            "app",
            "MalformedHandlerName",
            "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
        ),
        (
            ECHO,
            "sys.exit",
            "BuiltInModuleConflict",
            "Cannot use built-in module sys as a handler module",
        ),
    ],
)
def test_a_handler_that_cannot_be_loaded_ends_the_init(
    start: Start, python: Path, source: str, handler: str, kind: str, message: str
) -> None:
    guest = start(source, handler)
    answer, body = guest.answer()
    error = json.loads(body)
    assert answer is Kind.INIT_ERROR
    assert error["errorType"] == f"Runtime.{kind}"
    assert error["errorMessage"] == message
    assert error["stackTrace"] == []
    assert error.get("requestId") == ("" if minor(python) >= 9 else None)
    assert guest.logs[0].startswith("[WARNING]\t")
    assert "\t\tLAMBDA_WARNING: Unhandled exception." in guest.logs[0]
    assert guest.logs[1:] == [
        f"[ERROR] Runtime.{kind}: {message}\nTraceback (most recent call last):"
    ]
    assert guest.exit_status() == 1


def test_a_syntax_error_names_the_line(start: Start) -> None:
    guest = start("x = 1\ndef handler(:\n  pass\n")
    kind, body = guest.answer()
    error = json.loads(body)
    assert (kind, error["errorType"]) == (Kind.INIT_ERROR, "Runtime.UserCodeSyntaxError")
    assert re.fullmatch(
        r"Syntax error in module 'app': invalid syntax \(app\.py, line 2\)", error["errorMessage"]
    )
    assert error["stackTrace"] == [f'  File "{guest.task}/app.py" Line 2\n    def handler(:\n']


def test_an_exception_while_importing_keeps_its_own_type(start: Start) -> None:
    guest = start("raise KeyError('gone')")
    kind, body = guest.answer()
    error = json.loads(body)
    assert (kind, error["errorType"], error["errorMessage"]) == (
        Kind.INIT_ERROR,
        "KeyError",
        "'gone'",
    )
    assert error["stackTrace"][-1] == (
        f"  File \"{guest.task}/app.py\", line 1, in <module>\n    raise KeyError('gone')\n"
    )
    assert "bootstrap.py" not in error["stackTrace"][0]


@pytest.mark.parametrize(
    ("call", "status"),
    [("sys.exit(3)", 3), ("sys.exit()", 0), ("os._exit(9)", 9), ("sys.exit('text')", 1)],
)
def test_leaving_inside_the_handler_ends_the_process(start: Start, call: str, status: int) -> None:
    guest = start(f"import os, sys\ndef handler(e, c):\n  print('bye')\n  {call}").ready()
    assert guest.send().exit_status() == status
    assert guest.output == b"bye\n" + (b"text\n" if "text" in call else b"")


def test_sys_exit_while_importing_ends_the_process_without_an_init_error(start: Start) -> None:
    assert start("import sys; sys.exit(4)").exit_status() == 4


@pytest.mark.parametrize("event", [b"nope", b'{"a":}', b"1 2", b"\xff", b"NaN", b"[" * 100_000])
def test_an_event_that_is_not_json_is_refused_and_the_environment_stays(
    start: Start, event: bytes
) -> None:
    guest = start(ECHO).ready()
    kind, text = guest.invoke(event)
    assert kind is Kind.BAD_EVENT
    assert text.startswith("Could not parse request body into json: Could not parse payload")
    assert guest.invoke(1) == (Kind.RESPONSE, 1)


def test_the_context_has_awss_attributes(start: Start) -> None:
    source = """
def handler(event, context):
    context.own = 1
    left = context.get_remaining_time_in_millis()
    client = context.client_context
    context.log("a line")
    return {
        "vars": {k: v for k, v in vars(context).items() if isinstance(v, str)},
        "left": 1000 < left <= 3000, "type": type(left).__name__, "repr": repr(context),
        "identity": context.identity.cognito_identity_id, "tenant": context.tenant_id,
        "client": client and [client.custom, client.env, client.client.app_title],
    }
"""
    guest = start(source).ready()
    _, plain = guest.invoke()
    assert plain["vars"] == {
        "aws_request_id": REQUEST_ID,
        "function_name": "fn",
        "function_version": "$LATEST",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:000000000000:function:fn",
        "memory_limit_in_mb": "128",
        "log_group_name": "/aws/lambda/fn",
        "log_stream_name": "2026/01/01/[$LATEST]0",
    }
    assert plain["left"]
    assert plain["type"] == "int"
    assert plain["identity"] is plain["client"] is plain["tenant"] is None
    assert plain["repr"].startswith(
        f"LambdaContext([aws_request_id={REQUEST_ID},log_group_name=/aws"
    )
    assert plain["repr"].endswith("cognito_identity_pool_id=None]),tenant_id=None])")
    assert guest.logs == ["a line"]

    context = b'{"client": {"app_title": "T"}, "custom": {"a": 1}, "env": {"b": 2}}'
    _, mobile = guest.invoke(client_context=context, tenant_id=b"blue", qualifier=b"live")
    assert mobile["client"] == [{"a": 1}, {"b": 2}, "T"]
    assert mobile["tenant"] == "blue"
    assert mobile["vars"]["invoked_function_arn"].endswith(":function:fn:live")
    _, latest = guest.invoke(qualifier=b"$LATEST")
    assert latest["vars"]["invoked_function_arn"].endswith(":function:fn:$LATEST")
    assert latest["tenant"] is latest["client"] is None
    assert guest.invoke()[1]["vars"] == plain["vars"]
    _, late = guest.invoke(timeout_s=-5.0)
    assert not late["left"]
    kind, error = guest.invoke(client_context=b"{")
    assert (kind, error["errorType"]) == (Kind.ERROR, "Runtime.LambdaContextUnmarshalError")


def test_the_environment_is_exactly_the_programs_and_the_trace_id_the_invocations(
    start: Start,
) -> None:
    source = """
import os, sys, time
def handler(event, context):
    return [os.environ.get("_X_AMZN_TRACE_ID"), os.environ.get("HOME"), os.environ["A"],
            os.getcwd(), time.tzname[0], sys.path[:3]]
"""
    guest = start(source, environment={"A": "\u00e4", "TZ": "Asia/Tokyo"}).ready()
    task = str(guest.task)
    _, got = guest.invoke(trace_id=b"Root=1-2-3")
    assert got[:5] == ["Root=1-2-3", None, "\u00e4", task, "JST"]
    assert got[5][0] == task
    assert got[5][2] == "/opt/python"
    assert guest.invoke()[1][0] is None


def test_a_package_in_the_deployment_comes_before_the_preloaded_sdk(start: Start) -> None:
    files = {"boto3/__init__.py": "mine = True", "bootstrap.py": "mine = True"}
    source = "import boto3, bootstrap\ndef handler(e, c): return [boto3.mine, bootstrap.mine]"
    assert start(source, files=files).ready().invoke() == (Kind.RESPONSE, [True, True])


def test_large_events_and_results_pass_whole(start: Start) -> None:
    guest = start(ECHO).ready()
    for size in (70_000, 1_000_000, 6_000_000):
        text = "\u00e9" + "x" * size
        assert guest.invoke(json.dumps(text, ensure_ascii=False).encode()) == (Kind.RESPONSE, text)


@pytest.mark.parametrize("source", ["return 'x' * event", "raise ValueError('x' * event)"])
def test_an_answer_over_the_limit_becomes_awss_error(start: Start, source: str) -> None:
    guest = start(f"def handler(event, context): {source}").ready()
    assert guest.invoke(6_291_556) == (
        Kind.ERROR,
        {
            "errorMessage": "Response payload size exceeded maximum allowed payload size "
            "(6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        },
    )
    if source.startswith("return"):
        assert guest.invoke(6_291_554)[0] is Kind.RESPONSE


def test_the_guest_ends_quietly_when_the_server_is_gone(start: Start) -> None:
    guest = start(ECHO).ready()
    guest.channel.close()
    assert guest.process.wait(WAIT_S) == 0


def test_the_preloaded_boto3_takes_everything_from_the_functions_environment(
    tmp_path: Path,
) -> None:
    source = """
import threading, boto3, botocore.session
def handler(event, context):
    client = boto3.client("s3")
    credentials = boto3.Session().get_credentials()
    other = botocore.session.Session()
    other.set_config_variable("data_path", "/nowhere")
    return {
        "region": client.meta.region_name, "key": credentials.access_key,
        "endpoint": client.meta.endpoint_url, "agent": client.meta.config.user_agent,
        "warm": [len(s.get_component("data_loader")._cache) > 0
                 for s in (botocore.session.Session(), other)],
        "threads": threading.active_count(),
    }
"""
    environment = {
        "AWS_ACCESS_KEY_ID": "MINE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
    }
    site = Path(boto3.__file__).parents[1]
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"):
        (tmp_path / name).symlink_to(site / name)
    own = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    with Guest(own, {"app.py": source}, environment=environment, modules=(tmp_path,)) as guest:
        _, got = guest.ready().invoke()
    assert "AWS_Lambda_python3.11" in got.pop("agent")
    assert got == {
        "region": "eu-west-1",
        "key": "MINE",
        "endpoint": "http://127.0.0.1:4566",
        "warm": [True, False],
        "threads": 1,
    }
