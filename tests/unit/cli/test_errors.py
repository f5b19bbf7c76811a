"""Errors say what to do next, in one text without a traceback."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from lambent.cli.aws import connect, format_client_error, format_waiter_error
from lambent.cli.deploy import guess_name
from lambent.cli.main import INTERRUPTED, build_parser, run
from lambent.cli.terminal import CliError

DEAD = "http://127.0.0.1:1"  # tcpmux: nothing listens there


@pytest.mark.parametrize("command", [("list",), ("invoke", "f"), ("logs", "f"), ("bill",)])
def test_without_a_server_the_person_is_told_to_start_one(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(build_parser().parse_args([*command, "--endpoint-url", DEAD])) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    expected = f"error: No Lambent answers at {DEAD}: start it with `lambent start`\n"
    assert shown.err == expected


@pytest.mark.parametrize(
    "url", ["localhost:4566", "ftp://a", "http://", "http://a:b", "http://a:0"]
)
def test_what_is_not_an_endpoint_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build_parser().parse_args(["list", "--endpoint-url", url])) == 1
    assert "is not an endpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "environ", "url"),
    [
        (None, {}, "http://127.0.0.1:4566"),
        (None, {"AWS_ENDPOINT_URL": "http://a:1/"}, "http://a:1"),
        ("http://b:2", {"AWS_ENDPOINT_URL": "http://a:1"}, "http://b:2"),
    ],
)
def test_the_endpoint_is_the_options_then_the_environments_then_the_default(
    option: str | None, environ: dict[str, str], url: str
) -> None:
    arguments = argparse.Namespace(endpoint_url=option, region=None)
    assert connect(arguments, environ).endpoint_url == url


def test_an_aws_error_is_its_code_and_message() -> None:
    error = {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    reason = "ConcurrentInvocationLimitExceeded"
    assert format_client_error({"Error": error}) == "TooManyRequestsException: Rate Exceeded."
    assert format_client_error({"Error": error, "Reason": reason}).endswith(f"({reason})")


def test_a_function_that_failed_to_become_active_says_why() -> None:
    configuration = {"FunctionName": "f", "State": "Failed", "StateReason": "no python3.9"}
    text = format_waiter_error({"Configuration": configuration}, "fallback")
    assert text == "f cannot run (State: Failed): no python3.9"
    assert format_waiter_error({"Configuration": {}}, "fallback") == "fallback"


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("my.app", "my-app"),
        ("job.py", "job"),
        ("pack.zip", "pack"),
        ("orders-1.0.jar", "orders-1-0"),
        ("été 2", "t-2"),
        ("x" * 80, "x" * 64),
    ],
)
def test_the_function_is_named_after_what_is_deployed(target: str, name: str) -> None:
    assert guess_name(Path("/code") / target) == name


def test_a_name_that_cannot_be_guessed_is_asked_for() -> None:
    with pytest.raises(CliError, match="--name"):
        guess_name(Path("/"))


def test_ctrl_c_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    arguments = build_parser().parse_args(["list", "--endpoint-url", DEAD])
    arguments.perform = interrupted
    assert run(arguments) == INTERRUPTED
    assert capsys.readouterr().err == "\n"


def test_the_parser_is_built_without_importing_boto3() -> None:
    code = (
        "import sys; from lambent.cli.main import build_parser; build_parser();"
        "print([name for name in ('boto3', 'botocore', 'asyncio') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"
