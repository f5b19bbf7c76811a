"""The command `lambent`: starts the server, examines the host, else hands over to the client."""

from __future__ import annotations

import argparse
import gc
import sys

from lambent.cli import main as client
from lambent.settings import SettingError


def main(argv: list[str] | None = None) -> int:
    """Parse and perform one command; the exit code."""
    arguments = client.build_parser().parse_args(argv)
    try:
        return _perform(arguments)
    except SettingError as error:
        print(f"lambent: {error}", file=sys.stderr)
        return 2


def _perform(arguments: argparse.Namespace) -> int:
    # Each imports what it needs alone: a client command must not wait for the server's modules.
    match arguments.command:
        case "start":
            gc.disable()  # until the server has started: next to nothing of it is garbage
            from lambent.app.serving import start

            return start(arguments)
        case "doctor":
            from lambent.app.doctor import doctor

            return doctor(arguments)
        case "runtimes":
            from lambent.app.runtimes import runtimes

            return runtimes(arguments)
        case "debug" if arguments.get is not None:
            from lambent.app.debuggers import get_debugger

            return get_debugger(arguments)
        case _:
            return client.run(arguments)
