"""`invoke`: run a function once and print what it answers."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lambent.cli.aws import Connection
from lambent.cli.terminal import CliError, paint, printable


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "invoke",
        parents=[common],
        help="run a function",
        description="Run a function and print its result. "
        "The exit code is 1 when the function failed.",
    )
    parser.add_argument("name")
    parser.add_argument(
        "--payload", default="{}", metavar="JSON|@FILE|-", help="the event; - reads standard input"
    )
    parser.add_argument("--log", action="store_true", help="print the log on standard error")
    parser.add_argument("--client-context", metavar="JSON|@FILE")
    parser.add_argument("--qualifier", help="version or alias")
    parser.set_defaults(perform=perform_invoke)


def perform_invoke(arguments: argparse.Namespace, connection: Connection) -> int:
    request: dict[str, Any] = {
        "FunctionName": arguments.name,
        "Payload": read_argument(arguments.payload),
    }
    if arguments.log:
        request["LogType"] = "Tail"
    if arguments.client_context is not None:
        context = read_argument(arguments.client_context)
        request["ClientContext"] = base64.b64encode(context).decode()
    if arguments.qualifier is not None:
        request["Qualifier"] = arguments.qualifier
    answer = connection.client("lambda").invoke(**request)
    payload = answer["Payload"].read()
    failed = "FunctionError" in answer
    log = base64.b64decode(answer.get("LogResult", "")).decode("utf-8", "replace")
    if arguments.json:
        print(json.dumps(_summarise(answer, payload, log), indent=2))
        return int(failed)
    if log:
        print(paint(printable(log, sys.stderr).rstrip("\n"), "dim", sys.stderr), file=sys.stderr)
    if failed:
        print(printable(format_function_error(payload), sys.stderr), file=sys.stderr)
    else:
        print(format_payload(payload))
    return int(failed)


def read_argument(text: str) -> bytes:
    """The bytes that `text` is or names: itself, `@file`, or `-` for standard input."""
    if text == "-":
        return sys.stdin.buffer.read()
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes()
        except OSError as error:
            raise CliError(f"{text[1:]}: {error.strerror}") from error
    return text.encode()


def format_payload(payload: bytes) -> str:
    """As it came, for a program; indented where a person looks."""
    text = payload.decode("utf-8", "replace")
    if not sys.stdout.isatty():
        return text
    try:
        return printable(json.dumps(json.loads(text), indent=2, ensure_ascii=False))
    except ValueError:
        return printable(text)


def format_function_error(payload: bytes) -> str:
    """`Type: message` and the stack below it, from the error that the runtime reported."""
    text = payload.decode("utf-8", "replace")
    try:
        error = json.loads(text)
    except ValueError:
        return text
    if not isinstance(error, dict):
        return text
    head = f"{error.get('errorType', 'Error')}: {error.get('errorMessage', '')}"
    # Python says stackTrace, Node trace.
    stack = error.get("stackTrace") or error.get("trace") or []
    lines = [str(line).rstrip("\n") for line in stack] if isinstance(stack, list) else []
    return "\n".join([paint(head, "red", sys.stderr), *lines])


def _summarise(answer: Mapping[str, Any], payload: bytes, log: str) -> dict[str, Any]:
    names = ("StatusCode", "ExecutedVersion", "FunctionError")
    summary = {name: answer[name] for name in names if name in answer}
    text = payload.decode("utf-8", "replace")
    try:
        summary["Payload"] = json.loads(text) if text else None
    except ValueError:
        summary["Payload"] = text
    if log:
        summary["Log"] = log
    return summary
