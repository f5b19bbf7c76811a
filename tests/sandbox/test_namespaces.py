"""The namespaces backend on the real kernel: what a bound program is, and how it ends."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambent.sandbox.namespaces import ZygoteFailed

from .sandboxes import PORT, Bench, answer, bench, said

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")


def run(source: str, **changes: Any) -> Any:
    """The `result` of `source` in a sandbox of its own."""

    async def scenario() -> Any:
        async with bench() as one:
            return await one.run(source, **changes)

    return asyncio.run(scenario())


def test_a_bound_program_is_process_1_of_its_own_host_with_its_code_and_nothing_of_ours() -> None:
    os.environ["LAMBENT_TEST_SECRET"] = "not for functions"
    try:
        found = run(
            "import os, sys, socket\n"
            "import app\n"
            "status = dict(l.split(':\\t') for l in open('/proc/self/status') if ':\\t' in l)\n"
            "pids = sorted(int(n) for n in os.listdir('/proc') if n.isdigit())\n"
            "result = {'pid': os.getpid(), 'pids': pids, 'environ': dict(os.environ),\n"
            " 'app': app.answer, 'task': sorted(os.listdir('/var/task')), 'cwd': os.getcwd(),\n"
            " 'hostname': socket.gethostname(), 'path': sys.path, 'prefix': sys.prefix,\n"
            " 'fds': sorted(os.listdir('/proc/self/fd'))[:4], 'status': status}\n"
        )
    finally:
        del os.environ["LAMBENT_TEST_SECRET"]
    assert (found["pid"], found["pids"]) == (1, [1])
    assert found["environ"] == {}
    assert (found["app"], found["task"], found["cwd"]) == (42, ["app.py"], "/var/task")
    assert found["hostname"] == "sandbox-host"
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert found["path"][:4] == [
        "/var/task",
        f"/opt/python/lib/{python}/site-packages",
        "/opt/python",
        "/var/runtime",
    ]
    assert not any("-packages" in path for path in found["path"][3:])
    assert found["prefix"] == "/var/lang"
    assert found["fds"][:4] == ["0", "1", "2", "3"]
    status = {name: value.strip() for name, value in found["status"].items()}
    assert "0" not in status["Uid"].split()
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
        "0" * 16
    }
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_the_user_has_awss_name_and_a_home_that_is_not_there() -> None:
    """As reports of AWS's read: "EROFS: read-only file system, mkdir '/home/sbx_user1051'"."""
    found = run(
        "import getpass, os, pwd\n"
        "user = pwd.getpwuid(os.getuid())\n"
        "result = {'names': [user.pw_name, getpass.getuser()], 'home': os.path.expanduser('~'),\n"
        " 'there': os.path.exists(user.pw_dir), 'tmp': os.listdir('/tmp'),\n"
        " 'writable': os.access('/etc/passwd', os.W_OK)}\n"
    )
    assert found == {
        "names": ["sbx_user1051", "sbx_user1051"],
        "home": "/home/sbx_user1051",
        "there": False,
        "tmp": [],
        "writable": False,
    }


def test_tmp_has_its_size_and_only_it_is_writable() -> None:
    found = run(
        "import os\n"
        "size = os.statvfs('/tmp'); result = {'mib': size.f_blocks * size.f_frsize // 2**20}\n"
        "open('/tmp/x', 'w').write('x')\n"
        "result['refused'] = []\n"
        "for path in ('/', '/var/task', '/opt', '/usr', '/etc', '/dev', '/var/lang',\n"
        "             '/var/runtime', '/proc/sys/kernel/core_pattern', '/home'):\n"
        "    try: open(path + '/x' if os.path.isdir(path) else path, 'w')\n"
        "    except OSError: result['refused'].append(path)\n"
        "try:\n"
        "    with open('/tmp/full', 'wb') as f:\n"
        "        for _ in range(30): f.write(bytes(2**20))\n"
        "except OSError as error: result['full'] = error.errno\n",
        tmp_mib=20,
    )
    assert found["mib"] == 20
    assert len(found["refused"]) == 10
    assert found["full"] == 28  # ENOSPC


def test_sandboxes_of_one_zygote_draw_their_own_random_numbers_and_know_their_own_thread() -> None:
    source = (
        "import logging, random, threading\n"
        "logging.getLogger('a').error('locks work')\n"
        "thread = threading.Thread(target=int); thread.start(); thread.join()\n"
        "result = {'number': random.random(),\n"
        " 'native_id': threading.main_thread().native_id, 'threads': threading.active_count()}\n"
    )

    async def scenario() -> list[Any]:
        async with bench() as one:
            return [await one.run(source) for _ in range(3)]

    found = asyncio.run(scenario())
    assert len({one.pop("number") for one in found}) == 3
    assert found == [{"native_id": 1, "threads": 1}] * 3


def test_opt_is_bound_and_layers_are_importable() -> None:
    async def scenario() -> Any:
        async with bench() as one:
            layer = one.code_root / "layer"
            (layer / "python").mkdir(parents=True)
            (layer / "python" / "shared.py").write_text("value = 'of the layer'\n")
            return await one.run("import shared; result = shared.value", opt_dir=layer)

    assert asyncio.run(scenario()) == "of the layer"


@pytest.mark.parametrize(
    ("source", "code", "number"),
    [
        ("import os; os._exit(7)", 7, None),
        ("raise SystemExit(3)", 3, None),
        ("raise SystemExit", 0, None),
        ("import ctypes; ctypes.string_at(0)", None, signal.SIGSEGV),
    ],
)
def test_the_end_of_a_program_is_reported(source: str, code: int, number: int) -> None:
    async def scenario() -> None:
        async with bench() as one:
            sandbox = await one.launch(source)
            ended = await asyncio.wait_for(sandbox.exited, 60)
            assert (ended.code, ended.signal, ended.out_of_memory) == (code, number, False)
            await sandbox.close()

    asyncio.run(scenario())


def test_raw_output_of_the_program_and_its_children_arrives() -> None:
    async def scenario() -> bytes:
        async with bench() as one:
            sandbox = await one.launch(
                "import os, subprocess\n"
                "os.write(1, b'one '); subprocess.run(['echo', '-n', 'two '], check=True)\n"
                "open('/dev/stderr', 'w').write('three')\n"
            )
            await answer(sandbox)
            text = said(sandbox)
            await sandbox.close()
            return text

    assert asyncio.run(scenario()) == b"one two three"


def test_kill_ends_every_process_and_may_be_said_twice() -> None:
    seconds = 100_000 + os.getpid()  # as nobody else on this host sleeps

    async def scenario() -> None:
        async with bench() as one:
            sandbox = await one.launch(
                f"import subprocess; subprocess.Popen(['sleep', '{seconds}1'])\n"
                f"subprocess.Popen(['sh', '-c', 'setsid sleep {seconds}2 & sleep {seconds}3'])\n"
            )
            await answer(sandbox)
            sandbox.kill()
            sandbox.kill()
            ended = await asyncio.wait_for(sandbox.exited, 60)
            assert (ended.signal, ended.out_of_memory) == (signal.SIGKILL, False)
            sandbox.kill()
            await sandbox.close()
            await sandbox.close()

    asyncio.run(scenario())
    assert _processes_of(f"sleep {seconds}") == []


def test_a_parked_sandbox_is_bound_later_and_one_that_is_let_go_ends() -> None:
    async def scenario() -> None:
        async with bench() as one:
            parked, unused = [await one.backend.launch(one.interpreter) for _ in range(2)]
            await parked.warmed
            await unused.warmed
            await parked.bind(one.spec("result = 'bound'"))
            assert await answer(parked) == "bound"
            await unused.close()
            assert unused.exited.done()
            await parked.close()

    asyncio.run(scenario())


def test_a_connection_from_inside_reaches_the_listener_of_its_sandbox() -> None:
    async def scenario() -> None:
        async with bench() as one:
            sandbox = await one.launch(
                "import socket\n"
                f"client = socket.create_connection(('127.0.0.1', {PORT}))\n"
                "client.sendall(b'ping'); result = client.recv(10).decode()\n"
            )
            await sandbox.warmed
            loop = asyncio.get_running_loop()
            connection, _ = await loop.sock_accept(one.listeners[sandbox.sandbox_id])
            with connection:
                assert await loop.sock_recv(connection, 10) == b"ping"
                await loop.sock_sendall(connection, b"pong")
                assert await answer(sandbox) == "pong"
            await sandbox.close()

    asyncio.run(scenario())


def test_a_jail_that_cannot_be_made_ends_with_71_and_says_why() -> None:
    async def scenario() -> None:
        async with bench() as one:
            sandbox = await one.launch("result = 1", task_dir=one.code_root.resolve() / "absent")
            assert (await sandbox.exited).code == 71
            assert "/var/task" in sandbox.failure
            with pytest.raises(ValueError, match="subpath"):
                await one.launch("result = 1", task_dir=Path("/etc"))

    asyncio.run(scenario())


def test_a_zygote_that_cannot_start_tells_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "bootstrap.py").write_text("raise RuntimeError('no such luck')\n")

    async def scenario() -> None:
        async with bench(program_dir=tmp_path) as one:
            with pytest.raises(ZygoteFailed, match="no such luck"):
                await one.backend.launch(one.interpreter)

    asyncio.run(scenario())


def test_a_zygote_that_dies_takes_its_sandboxes_along_and_the_next_launch_starts_another() -> None:
    async def scenario() -> None:
        async with bench() as one:
            sandbox = await one.launch("result = 1")
            await answer(sandbox)
            os.kill(sandbox.zygote.pid, signal.SIGKILL)
            assert (await asyncio.wait_for(sandbox.exited, 60)).signal == signal.SIGKILL
            await sandbox.close()
            assert await one.run("result = 2") == 2

    asyncio.run(scenario())


def test_launches_at_once_share_one_zygote() -> None:
    async def scenario() -> None:
        async with bench() as one:
            launches = (one.backend.launch(one.interpreter) for _ in range(10))
            sandboxes = await asyncio.gather(*launches)
            assert len({sandbox.zygote.pid for sandbox in sandboxes}) == 1
            assert len({sandbox.uid for sandbox in sandboxes}) == 10
            await asyncio.gather(*(sandbox.close() for sandbox in sandboxes))

    asyncio.run(scenario())


def test_compile_writes_unchecked_pycs_and_tolerates_what_does_not_compile() -> None:
    async def scenario() -> None:
        async with bench() as one:
            folder = one.code_root / "fresh"
            (folder / "package").mkdir(parents=True)
            (folder / "package" / "inner.py").write_text("x = 1\n")
            (folder / "wrong.py").write_text("def (\n")
            (folder / "outer.py").write_text("y = 2\n")
            await one.backend.compile(one.interpreter, folder)
            tag = sys.implementation.cache_tag
            compiled = sorted(path.name for path in folder.rglob("*.pyc"))
            assert compiled == [f"inner.{tag}.pyc", f"outer.{tag}.pyc"]
            data = (folder / "__pycache__" / f"outer.{tag}.pyc").read_bytes()
            assert int.from_bytes(data[4:8], "little") == 1  # hash-based, unchecked (PEP 552)

    asyncio.run(scenario())


def test_two_hundred_sandboxes_live_at_once_and_stop_leaves_nothing() -> None:
    async def scenario() -> int:
        async with bench() as one:
            sandboxes = [await one.launch("result = 1") for _ in range(200)]
            for sandbox in sandboxes:
                assert await answer(sandbox) == 1
            return sandboxes[0].zygote.pid

    zygote = asyncio.run(scenario())
    assert not Path(f"/proc/{zygote}").exists()
    assert _children_of(zygote) == []
    assert "lambent-test-" not in Path("/proc/self/mountinfo").read_text()


def test_nothing_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", _DOOMED_SERVER],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert server.stdout is not None
    zygote, *pids = [int(pid) for pid in server.stdout.readline().split()]
    assert len(pids) == 3
    watched = [os.pidfd_open(pid) for pid in (zygote, *pids)]
    server.kill()
    server.wait()
    server.stdout.close()
    for pidfd in watched:
        _await_end(pidfd)


_DOOMED_SERVER = """
import asyncio
from tests.sandbox.sandboxes import answer, bench
async def main():
    async with bench(cgroups=False) as one:
        sandboxes = [await one.launch("result = 1") for _ in range(2)]
        for sandbox in sandboxes:
            await answer(sandbox)
        sandboxes.append(await one.backend.launch(one.interpreter))
        await sandboxes[-1].warmed
        print(sandboxes[0].zygote.pid, *(sandbox.pid for sandbox in sandboxes), flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def _await_end(pidfd: int) -> None:
    try:
        assert select.select([pidfd], [], [], 60)[0], "a process outlived its server"
    finally:
        os.close(pidfd)


def _processes_of(command: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if entry.name.isdigit() and line.startswith(command):
            found.append(line)
    return found


def _children_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            text = (entry / "stat").read_text()
        except OSError:
            continue
        if entry.name.isdigit() and int(text.rpartition(")")[2].split()[1]) == pid:
            found.append(int(entry.name))
    return found


def test_the_report_names_what_is_enforced() -> None:
    async def scenario() -> Bench:
        async with bench() as one:
            return one

    report = asyncio.run(scenario()).backend.report()
    names = [item.name for item in report.items]
    assert report.backend == "namespaces"
    assert len(names) == len(set(names))
    wanted = {"filesystem", "processes", "network", "users", "capabilities", "seccomp", "tmp"}
    assert wanted <= set(names)
    assert all(item.enforced or item.hint or item.how for item in report.items)
