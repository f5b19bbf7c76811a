"""`lambent debug --get debugpy`: debugpy from PyPI, by pip, in the release that is pinned here."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lambent.app.backend import debuggers_folder
from lambent.cli.serving import settings_overrides
from lambent.settings import load_settings

RELEASE = "1.8.21"
"""The last one for Python 3.8 and 3.9 too (PyPI, 2026-11-21)."""
SHA256 = "b1e37d333663c8851516a47364ef473da127f9caebe4417e6df6f5825a7e9a92"
"""Of debugpy-1.8.21-py2.py3-none-any.whl, which has no compiled parts and so fits every Python."""
FETCH_TIMEOUT_S = 300

_ANY_PYTHON = ("--platform", "any", "--implementation", "py", "--abi", "none")
_OLDEST = ("--python-version", "3.8")


def get_debugger(arguments: argparse.Namespace) -> int:
    """Fetch it into the server's data folder; the exit code."""
    folder = debuggers_folder(load_settings(os.environ, settings_overrides(arguments)))
    try:
        told = fetch_debugpy(folder)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"lambent: {error}", file=sys.stderr)
        return 1
    print(told)
    return 0


def fetch_debugpy(folder: Path) -> str:
    """Make `folder` hold debugpy alone; a line for people. Raises OSError, SubprocessError."""
    if (folder / f"debugpy-{RELEASE}.dist-info").is_dir():
        return f"debugpy {RELEASE}: is there"
    folder.parent.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.parent.mkdir(exist_ok=True, mode=0o755)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as fresh:
        _install(Path(fresh))
        for path in Path(fresh).rglob("*"):  # functions are users of their own
            path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.rmtree(folder, ignore_errors=True)
        (Path(fresh) / "packages").rename(folder)
    return f"debugpy {RELEASE}: fetched into {folder}"


def _install(fresh: Path) -> None:
    wanted = fresh / "wanted.txt"
    wanted.write_text(f"debugpy=={RELEASE} --hash=sha256:{SHA256}\n")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-compile", "--only-binary", ":all:", "--require-hashes"]
    command += [*_ANY_PYTHON, *_OLDEST, "--target", str(fresh / "packages"), "-r", str(wanted)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        raise OSError(f"pip could not fetch debugpy: {done.stderr.strip()[-1000:]}")
