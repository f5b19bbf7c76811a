"""`dev`: a folder runs as a function while it is written: deployed in place, its log followed."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lambent.cli.aws import Connection, format_client_error
from lambent.cli.deploy import (
    DEFAULT_ROLE,
    WAIT,
    add_code_options,
    changed_options,
    find_configuration,
    given_options,
    guess_name,
    guess_options,
)
from lambent.cli.invoke import format_function_error, format_payload, read_argument
from lambent.cli.logs import Unseen, print_events
from lambent.cli.package import collect_files
from lambent.cli.terminal import CliError, paint, printable

PAUSE_S = 0.25
START_TIMEOUT_S = 30.0


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "dev",
        parents=[common],
        help="run a folder while you write: deploy, watch, follow the log",
        description="Run a folder in place as a function: a change of a file is there at the next "
        "invocation, without a deployment. Follows the function's log until Ctrl-C. Where no "
        "server answers, one runs as long as this command.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--name", help="of the function (that of the folder)")
    add_code_options(parser)
    parser.add_argument("--memory", type=int, metavar="MB", help="MemorySize (128)")
    parser.add_argument("--timeout", type=int, metavar="SECONDS", help="(3)")
    parser.add_argument(
        "--env", nargs="+", action="extend", metavar="K=V", help="environment variables"
    )
    parser.add_argument(
        "--event",
        metavar="JSON|@FILE",
        help="invoke with it at the start and after each change, and print the result",
    )
    parser.set_defaults(perform=perform_dev, role=None)


def perform_dev(arguments: argparse.Namespace, connection: Connection) -> int:
    folder = arguments.folder.resolve()
    if not folder.is_dir():
        raise CliError(f"{arguments.folder} is not a folder.")
    event = None if arguments.event is None else read_argument(arguments.event)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a server of ours must not stay
    with _server(connection):
        client = connection.client("lambda")
        name = arguments.name or guess_name(folder)
        unseen = Unseen(int(time.time() * 1000))
        _deploy(client, name, folder, given_options(arguments))
        print(f"{paint(name, 'bold')} runs {folder} at {connection.endpoint_url}")
        print(f"Write, then: lambent invoke {name}   (Ctrl-C ends this)", flush=True)
        _follow(connection, name, folder, event, unseen)
    return 0


def _follow(
    connection: Connection, name: str, folder: Path, event: bytes | None, unseen: Unseen
) -> None:
    """Print what is logged and what changes, until Ctrl-C."""
    client, logs = connection.client("lambda"), connection.client("logs")
    before: Mapping[str, float] | None = None
    while True:
        now = _snapshot(folder)
        changed = [] if before is None else _changes(before, now)
        for path in changed:
            print(paint(f"changed {path}", "dim"), flush=True)
        if event is not None and (changed or before is None):
            _invoke(client, name, event)
        before = now
        print_events(logs, f"/aws/lambda/{name}", unseen, as_json=False)
        time.sleep(PAUSE_S)


def _invoke(client: Any, name: str, event: bytes) -> None:
    try:
        answer = client.invoke(FunctionName=name, Payload=event)
    except client.exceptions.ClientError as error:
        print(paint(format_client_error(error.response), "red"), flush=True)
        return
    payload = answer["Payload"].read()
    if "FunctionError" in answer:
        print(printable(format_function_error(payload)), flush=True)
    else:
        print(f"{paint('→', 'green')} {format_payload(payload)}", flush=True)


def _deploy(client: Any, name: str, folder: Path, options: dict[str, Any]) -> None:
    """Have the function run the folder itself; what no option names stays as it was."""
    code = {"S3Bucket": "hot-reload", "S3Key": str(folder)}
    current = find_configuration(client, name)
    if current is None:
        defaults = {"Role": DEFAULT_ROLE, **guess_options(collect_files(folder), options)}
        client.create_function(FunctionName=name, Code=code, **{**defaults, **options})
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAIT)
        return
    waiter = client.get_waiter("function_updated_v2")
    client.update_function_code(FunctionName=name, **code)
    waiter.wait(FunctionName=name, WaiterConfig=WAIT)
    changes = changed_options(options, current)
    if changes:
        client.update_function_configuration(FunctionName=name, **changes)
        waiter.wait(FunctionName=name, WaiterConfig=WAIT)


@contextlib.contextmanager
def _server(connection: Connection) -> Iterator[None]:
    """Where none answers on this machine, a server with its own state until the block ends."""
    if _answers(connection):
        yield
        return
    port = connection.local_port
    if port is None:
        raise CliError(f"No Lambent answers at {connection.endpoint_url}.")
    with tempfile.TemporaryFile() as log:
        # A session of its own: Ctrl-C is for this command, which then ends the server in order.
        server = subprocess.Popen(
            [sys.executable, "-I", "-m", "lambent", "start", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ),
            start_new_session=True,
        )
        try:
            _wait_until_ready(connection, server, log)
            yield
        finally:
            server.terminate()
            server.wait()


def _answers(connection: Connection) -> bool:
    """Whether a Lambent is there. Raises CliError where something else is."""
    try:
        connection.request("GET", "/_lambent/health")
    except OSError:
        return False
    return True


def _wait_until_ready(connection: Connection, server: subprocess.Popen[bytes], log: Any) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < deadline:
        if _answers(connection):
            return
        time.sleep(0.05)
    log.seek(0)
    raise CliError(f"The server did not start:\n{log.read().decode(errors='replace').strip()}")


def _snapshot(folder: Path) -> dict[str, float]:
    """The folder's files and when each changed."""
    found = {}
    for path in folder.rglob("*"):
        if "__pycache__" in path.parts or path.name.startswith("."):
            continue
        with contextlib.suppress(OSError):  # it went meanwhile
            if path.is_file():
                found[path.relative_to(folder).as_posix()] = path.stat().st_mtime
    return found


def _changes(before: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    return sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
