"""The file in which a server that enforces IAM keeps root's access key."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from lambent.settings import default_data_dir

ROOT_FILE = "root-credentials"


def root_file(environ: Mapping[str, str], data_dir: Path | None = None) -> Path:
    """Where a server on this machine keeps root's access key."""
    named = environ.get("LAMBENT_DATA_DIR")
    return (data_dir or (Path(named) if named else default_data_dir(environ))) / ROOT_FILE


def read_root_file(path: Path) -> dict[str, str]:
    """The two keys, by AWS's names of them. Raises OSError."""
    parser = configparser.ConfigParser(interpolation=None)
    with path.open() as file:
        parser.read_file(file)
    names = ("aws_access_key_id", "aws_secret_access_key")
    return {name: parser["default"][name] for name in names}
