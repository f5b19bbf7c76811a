"""`debug`: attach a debugger to a function as it is, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lambent.cli.aws import Connection
from lambent.cli.terminal import CliError, paint

PATH = "/_lambent/debug"
DEBUGPY = "debugpy"
TASK_ROOT = "/var/task"
PORT_MAX = 65535


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "debug",
        parents=[common],
        help="attach a debugger to a function",
        description="Have a Python, Node.js or Java function wait for a debugger on a port of the "
        "server's loopback, without a change to its code, and print what VS Code needs to attach. "
        "Until Ctrl-C the function has one environment, which no time-out ends.",
    )
    parser.add_argument("name", nargs="?", help="of the function; its $LATEST is debugged")
    parser.add_argument("--port", type=int, default=0, help="(5678, 9229 or 5005 if free; or any)")
    parser.add_argument(
        "--stop", action="store_true", help="end a session whose command was killed"
    )
    parser.add_argument(
        "--get",
        choices=(DEBUGPY,),
        help="fetch the debugger for Python from PyPI into the server's data folder, once",
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="of `--get`: the server's data folder"
    )
    parser.set_defaults(perform=perform_debug)


def perform_debug(arguments: argparse.Namespace, connection: Connection) -> int:
    if arguments.name is None:
        raise CliError("name the function to debug, or what to fetch: --get debugpy")
    if not 0 <= arguments.port <= PORT_MAX:
        raise CliError(f"{arguments.port} is not a port (0 to {PORT_MAX})")
    path = f"{PATH}/{quote(arguments.name, safe='')}"
    if arguments.stop:
        connection.request("DELETE", path)
        print(f"{arguments.name} is not debugged any more.")
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the session must not stay
    session = connection.request("POST", f"{path}?port={arguments.port}")
    try:
        _show(session, as_json=arguments.json)
        while True:
            signal.pause()
    finally:
        connection.request("DELETE", path)


def _show(session: Mapping[str, Any], *, as_json: bool) -> None:
    launch = {"version": "0.2.0", "configurations": [configuration(session)]}
    if as_json:
        print(json.dumps({**session, "Launch": launch}, indent=2), flush=True)
        return
    name, where = session["FunctionName"], f"{session['Host']}:{session['Port']}"
    print(f"{paint(name, 'bold')} waits for a debugger ({session['Debugger']}) at {where}")
    if not session["Ready"]:
        print(f"It has not initialised yet: see `lambent logs {name}`.")
    print("For VS Code, in .vscode/launch.json of the folder that holds the code:\n")
    print(json.dumps(launch, indent=2))
    print(f"\nAttach, then: lambent invoke {name}   (Ctrl-C ends this)", flush=True)


def configuration(session: Mapping[str, Any]) -> dict[str, Any]:
    """One of VS Code's configurations, which attaches."""
    named = {"name": f"Lambent: {session['FunctionName']}", "request": "attach"}
    return {**named, **_LANGUAGES[session["Debugger"]](session["Host"], session["Port"])}


# Source of the names: VS Code's documentation of each language's debugger, "launch configurations".


def _python(host: str, port: int) -> dict[str, Any]:
    folders = {"localRoot": "${workspaceFolder}", "remoteRoot": TASK_ROOT}
    connect = {"host": host, "port": port}
    return {"type": "debugpy", "connect": connect, "pathMappings": [folders]}


def _nodejs(host: str, port: int) -> dict[str, Any]:
    folders = {"localRoot": "${workspaceFolder}", "remoteRoot": TASK_ROOT}
    return {"type": "node", "address": host, "port": port, **folders}


def _java(host: str, port: int) -> dict[str, Any]:
    return {"type": "java", "hostName": host, "port": port}


_LANGUAGES: Mapping[str, Callable[[str, int], dict[str, Any]]] = {
    DEBUGPY: _python,
    "inspector": _nodejs,
    "jdwp": _java,
}
