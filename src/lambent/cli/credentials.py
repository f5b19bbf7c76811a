"""`credentials`: root's access key of a server on this machine that was started with --auth iam."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from lambent.cli.aws import Connection
from lambent.cli.root_key import read_root_file, root_file
from lambent.cli.terminal import CliError


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    credentials = commands.add_parser(
        "credentials",
        parents=[common],
        help="root's access key of a server with --auth iam",
        description='Print root\'s access key as shell variables: eval "$(lambent credentials)". '
        "It may do everything; make users with `aws iam create-user` for daily work.",
    )
    credentials.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="the server's (~/.local/share/lambent)"
    )
    credentials.set_defaults(perform=perform_credentials)


def perform_credentials(arguments: argparse.Namespace, connection: Connection) -> int:
    path = root_file(os.environ, arguments.data_dir)
    try:
        keys = read_root_file(path)
    except FileNotFoundError:
        raise CliError(
            f"There is no {path}: a server makes it when it first starts with --auth iam. If its"
            " state is elsewhere, say --data-dir."
        ) from None
    if arguments.json:
        print(json.dumps({name.upper(): value for name, value in keys.items()}, indent=2))
        return 0
    for name, value in keys.items():
        print(f"export {name.upper()}={value}")
    return 0
