"""What README.md tells a newcomer to type, typed: only port and runtime are this test's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import RUNTIME, RunningServer

README = Path(__file__).resolve().parents[2] / "README.md"


def blocks(language: str, server: RunningServer) -> str:
    text = README.read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found, f"README.md has no {language} block"
    code = "".join(found).replace("http://127.0.0.1:4566", server.endpoint)
    return code.replace("python3.11", RUNTIME)


def perform(command: list[str], folder: Path) -> str:
    """What it prints, in an empty home and with the tools of this environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "AWS_PAGER": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_function_of_the_readme_runs_by_the_aws_cli(
    server: RunningServer, tmp_path: Path
) -> None:
    printed = perform(["sh", "-ec", blocks("sh", server)], tmp_path)
    assert '{"message": "Hello, Ada!"}' in printed
    assert "saying hello" in printed


def test_the_first_function_of_the_readme_runs_by_boto3(
    server: RunningServer, tmp_path: Path
) -> None:
    printed = perform([sys.executable, "-c", blocks("python", server)], tmp_path)
    assert printed == "{'message': 'Hello, Ada!'}\n"
