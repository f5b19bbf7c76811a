"""Which zygote a version's environments are forked from: one with the AWS SDK loaded, or without.

Importing boto3 in an environment takes 200 ms, forking it along costs every fork 1 to 2 ms and a
megabyte of page tables. So the package is read once, when it is published: where its Python files
name the SDK, and do not bring their own, the zygote with the SDK serves. A wrong guess is only
slow.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PRELOAD = "preload"
PRELOAD_SDK = "preload_sdk"
FILES_MAX = 2_000
BYTES_MAX = 16 * 1024 * 1024

_MARK = b"boto"  # boto3, botocore, aioboto3


def choose_preload(folders: Iterable[Path]) -> str:
    """PRELOAD_SDK where a *.py under `folders` names the SDK. Blocks; bounded."""
    files, budget = 0, BYTES_MAX
    for folder in folders:
        if (folder / "boto3").is_dir() or (folder / "python" / "boto3").is_dir():
            return PRELOAD
        for path in folder.rglob("*.py"):
            files += 1
            if files > FILES_MAX or budget <= 0:
                return PRELOAD_SDK  # so large a package most likely uses it somewhere
            try:
                with path.open("rb") as file:
                    content = file.read(budget)
            except OSError:
                continue
            if _MARK in content:
                return PRELOAD_SDK
            budget -= len(content)
    return PRELOAD
