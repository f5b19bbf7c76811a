"""The same backend for a user who is not root: a server process under another uid."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

UID = 65534
SYSTEM_PYTHON = Path("/usr/bin/python3.11")
REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not SYSTEM_PYTHON.exists(),
    reason="needs root (to become another user) and an interpreter that every user can read",
)

SERVER = """
import asyncio, json, sys
from pathlib import Path
from lambent.domain.interpreter import Interpreter
from tests.sandbox import sandboxes

SOURCE = '''
import os, socket, subprocess
status = dict(l.split(":\\\\t") for l in open("/proc/self/status") if ":\\\\t" in l)
result = {"uid": os.getuid(), "pid": os.getpid(),
 "pids": [n for n in os.listdir("/proc") if n.isdigit()],
 "caps": status["CapEff"].strip() + status["CapBnd"].strip(), "seccomp": status["Seccomp"].strip(),
 "home": os.path.exists("/home/x") or bool(os.listdir("/home")), "hostname": socket.gethostname(),
 "store": os.listdir("/var/rapid/store") + os.listdir("/var/rapid/proc"),
 "tmp_mib": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize // 2**20,
 "task": os.listdir("/var/task")}
try: open("/var/task/x", "w")
except OSError as error: result["write"] = error.errno
try: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
except OSError as error: result["raw"] = error.errno
open("/tmp/mine", "w").close()
made = 0
try:
    for _ in range(100):
        if os.fork() == 0:
            import time; time.sleep(1000)
        made += 1
except BlockingIOError: pass
result["forks"] = made
'''

async def main():
    async with sandboxes.bench() as one:
        one.interpreter = Interpreter(
            runtime="python3.11", version="", executable=Path(sys.executable), prefix=Path("/usr")
        )
        bombs = [await one.launch(SOURCE, processes_max=20) for _ in range(2)]
        found = [await sandboxes.answer(bomb) for bomb in bombs]
        folder = one.code_root / "fresh"
        folder.mkdir()
        (folder / "module.py").write_text("x = 1")
        await one.backend.compile(one.interpreter, folder)
        look = 'import os; result = [sorted(os.listdir("/")), open("/app/secret").read()]'
        root = sandboxes.make_root(one.code_root)
        image = await one.run(look, task_dir=None, root_dir=root)
        left = await one.launch("open('/tmp/file', 'w').write('kept'); result = None")
        await sandboxes.answer(left)
        left.kill()
        await left.exited
        remains = left.remains()
        await left.close()
        after = await one.backend.launch(one.interpreter)
        source = "import os; result = [open('/tmp/file').read(), os.stat('/tmp/file').st_uid]"
        await after.bind(one.spec(source), remains)
        report = one.backend.report()
        print(json.dumps({
            "found": found,
            "image": image,
            "after": await sandboxes.answer(after),
            "compiled": [path.name for path in folder.rglob("*.pyc")],
            "as_root": report.as_root,
            "report": {item.name: [item.enforced, item.how, item.hint] for item in report.items},
        }))

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a backend of an ordinary user did; its code is a copy that he may read."""
    folder = Path("/tmp") / f"lambent-unprivileged-{os.getpid()}"
    try:
        shutil.copytree(REPOSITORY / "src" / "lambent", folder / "lambent")
        shutil.copytree(REPOSITORY / "tests" / "sandbox", folder / "tests" / "sandbox")
        (folder / "tests" / "__init__.py").touch()
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        done = subprocess.run(
            [SYSTEM_PYTHON, "-c", SERVER],
            user=UID,
            group=UID,
            extra_groups=[],
            env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)
    finally:
        shutil.rmtree(folder)


def test_an_ordinary_users_sandbox_is_as_closed_as_roots(outcome: dict[str, Any]) -> None:
    for found in outcome["found"]:
        assert found["uid"] == 993
        assert (found["pid"], found["pids"][0]) == (1, "1")
        assert found["caps"] == "0" * 32
        assert found["seccomp"] == "2"
        assert (found["home"], found["store"]) == (False, [])
        assert (found["hostname"], found["tmp_mib"]) == ("sandbox-host", 64)
        assert found["task"] == ["app.py"]
        assert found["write"] == 30  # EROFS
        assert found["raw"] == 1  # EPERM


def test_an_ordinary_users_fork_bombs_are_counted_apart(outcome: dict[str, Any]) -> None:
    """Each sandbox's user namespace has its own count, though the user is one."""
    for found in outcome["found"]:
        assert 15 <= found["forks"] <= 20


def test_an_ordinary_users_tmp_can_outlive_a_sandbox(outcome: dict[str, Any]) -> None:
    assert outcome["after"] == ["kept", 993]


def test_an_ordinary_user_can_compile(outcome: dict[str, Any]) -> None:
    assert outcome["compiled"] == [f"module.{'cpython-311'}.pyc"]


def test_the_report_says_what_an_ordinary_user_lacks_and_how_to_get_it(
    outcome: dict[str, Any],
) -> None:
    assert outcome["as_root"] is False
    report = outcome["report"]
    for name in ("filesystem", "processes", "users", "capabilities", "seccomp", "tmp", "resets"):
        assert report[name][0], report[name]
    assert "root" in report["users"][2]
    if not report["memory"][0]:
        assert report["memory"][2]


def test_an_image_is_the_root_of_an_ordinary_users_sandbox_too(outcome: dict[str, Any]) -> None:
    """Whose user owns its files: what an image hides from others is no secret there."""
    assert outcome["image"] == [["app", "dev", "etc", "mnt", "proc", "tmp"], "root's own"]
