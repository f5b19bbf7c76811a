"""The command line: its parser, and the commands that are clients of a running server.

`lambent.app` calls `build_parser`, performs `start` and `doctor` itself and hands the rest to
`run`. Everything here talks to the server as any AWS client does.
"""

from __future__ import annotations

import argparse
import os
import sys

from lambent import __version__
from lambent.cli import (
    credentials,
    debug,
    deploy,
    dev,
    events,
    invoke,
    logs,
    resources,
    serving,
    sign,
)
from lambent.cli.aws import DEFAULT_ENDPOINT, connect, readable_errors
from lambent.cli.terminal import CliError, paint

FAILED = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command; the chosen one is in `command`."""
    parser = argparse.ArgumentParser(
        prog="lambent",
        description="AWS Lambda on your own machines.",
        parents=[_global_options(default=None)],
    )
    parser.add_argument("--version", action="version", version=f"lambent {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    # The same options behind the command; SUPPRESS, so that they do not undo what stood before it.
    common = _global_options(default=argparse.SUPPRESS)
    serving.add_parsers(commands)
    for group in (deploy, dev, debug, invoke, logs, events, resources, sign, credentials):
        group.add_parsers(commands, common)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Perform a client command; the exit code. Errors are told on standard error, in one text."""
    try:
        connection = connect(arguments)
        with readable_errors(connection.endpoint_url):
            code: int = arguments.perform(arguments, connection)
        sys.stdout.flush()
    except CliError as error:
        print(f"{paint('error', 'red', sys.stderr)}: {str(error).rstrip()}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`lambent list | head`). Python would complain while it closes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


def _global_options(*, default: str | None) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument(
        "--endpoint-url",
        metavar="URL",
        default=default,
        help=f"the server (AWS_ENDPOINT_URL, else {DEFAULT_ENDPOINT})",
    )
    options.add_argument(
        "--region", default=default, help="AWS region (AWS_REGION, else us-east-1)"
    )
    options.add_argument(
        "--json", action="store_true", default=default or False, help="print JSON, for programs"
    )
    return options
