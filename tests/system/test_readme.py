"""What README.md and the guide tell a newcomer to type, typed: only ports, runtime and folders are
this test's own, and how long it waits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import RUNTIME, RunningServer, make_zip, running

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "guide.md"
APP = 'def handler(event, context):\n    return {"message": f"Hello, {event.get(\'name\')}!"}\n'
AWAIT_OUTCOMES = "until [ $(lambent logs outcome | grep -cE ' (Success|Retries)') = 2 ]; do :; done"
ACCESS_POINT = (
    "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"
)


def blocks(language: str, server: RunningServer, document: Path = README) -> str:
    text = document.read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert found, f"{document.name} has no {language} block"
    code = "".join(found).replace("http://127.0.0.1:4566", server.endpoint)
    return code.replace("python3.11", RUNTIME).replace("\nsleep 2\n", f"\n{AWAIT_OUTCOMES}\n")


def perform(command: list[str], folder: Path) -> str:
    """What it prints, in an empty home and with the tools of this environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "AWS_PAGER": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_function_of_the_readme_runs_by_the_aws_cli(
    server: RunningServer, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)  # a folder that is run in place is read by others
    printed = perform(["sh", "-ec", blocks("sh", server)], tmp_path)
    assert '{"message": "Hello, Ada!"}' in printed
    assert "saying hello" in printed
    for text in ("Good morning, Ada!", "Good evening, Ada!"):
        assert text in printed
    for path in ("/by/name", "/by/path", "/by/host"):
        assert "".join(f"line {number} for {path}\n" for number in range(3)) in printed
    for condition in ("Success {'message': 'Good morning, Ada!'}", "RetriesExhausted {'error"):
        assert condition in printed


def test_the_first_function_of_the_readme_runs_by_boto3(
    server: RunningServer, tmp_path: Path
) -> None:
    printed = perform([sys.executable, "-c", blocks("python", server)], tmp_path)
    assert printed == "{'message': 'Hello, Ada!'}\n"


def test_the_guide_leads_to_users_roles_and_a_public_url(tmp_path: Path) -> None:
    (tmp_path / "function.zip").write_bytes(make_zip({"app.py": APP}))
    data = tmp_path / ".local/share/lambent"  # where the command looks, in this home
    data.parent.mkdir(parents=True)
    with running(data, "--auth", "iam") as server:
        printed = perform(["sh", "-ec", blocks("sh iam", server, GUIDE)], tmp_path)
    assert "arn:aws:iam::000000000000:user/ada" in printed
    assert "not allowed, as it should be" in printed
    assert printed.endswith('{"message":"Hello, None!"}'), printed


def test_the_guide_leads_to_file_systems_and_signed_code(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    notes.chmod(0o777)
    (tmp_path / "function.zip").write_bytes(make_zip({"app.py": APP}))
    with running(tmp_path / "data", "--file-systems", f"{ACCESS_POINT}={notes}") as server:
        printed = perform(["sh", "-ec", blocks("sh files", server, GUIDE)], tmp_path)
    assert (notes / "notes.txt").read_text() == "one more\n"
    assert '"one more\\n"' in printed
    assert "refused, as it should be" in printed
    assert '["restored"]' in printed
