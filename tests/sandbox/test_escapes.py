"""What untrusted code tries, on the real kernel: each is refused or contained."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from .sandboxes import answer, bench

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")

# The number of each system call on x86_64 and aarch64 comes from the module under test; that the
# kernel then refuses is what is tested here.
TRY_CALLS = """
import ctypes, errno, os, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
def attempt(number, *arguments):
    ctypes.set_errno(0)
    if libc.syscall(number, *(ctypes.c_ulong(a) for a in arguments)) >= 0:
        return 'done'
    return errno.errorcode[ctypes.get_errno()]
"""


def run(source: str, **changes: Any) -> Any:
    async def scenario() -> Any:
        async with bench() as one:
            return await one.run(source, **changes)

    return asyncio.run(scenario())


def test_the_hosts_files_other_code_and_the_store_are_not_there() -> None:
    async def scenario() -> Any:
        async with bench() as one:
            other = one.code_root / "other"
            other.mkdir()
            (other / "lambent-secret.py").write_text("password = 'of another function'\n")
            return await one.run(
                "import os\n"
                "result = {'seen': {}, 'mounts': open('/proc/self/mountinfo').read()}\n"
                "for path in ('/root', '/home', '/run', '/work', '/sys', '/boot', '/mnt', '/srv',\n"
                "             '/var/lib', '/var/log', '/tmp', '/etc/shadow', '/etc/hostname',\n"
                "             '/var/rapid/store', '/var/rapid/proc', '/dev/vda', '/dev/shm',\n"
                f"             {str(one.code_root)!r}):\n"
                "    if os.path.isdir(path):\n"
                "        try: seen = os.listdir(path)\n"
                "        except PermissionError: seen = []\n"
                "    else: seen = ['a file'] if os.path.exists(path) else []\n"
                "    if seen: result['seen'][path] = seen\n"
                "result['secret'] = []\n"
                "for folder, folders, names in os.walk('/'):\n"
                "    if folder == '/': folders[:] = set(folders) - {'usr', 'proc'}\n"
                "    result['secret'] += [name for name in names if name == 'lambent-secret.py']\n"
            )

    found = asyncio.run(scenario())
    assert found["seen"] == {}
    assert found["secret"] == []
    assert "/var/rapid/store" not in found["mounts"]


def test_forbidden_system_calls_answer_eperm() -> None:
    found = run(
        TRY_CALLS
        + "x86 = platform.machine() == 'x86_64'\n"
        + "calls = {'mount': (165, 40), 'umount2': (166, 39), 'pivot_root': (155, 41),\n"
        " 'ptrace': (101, 117), 'bpf': (321, 280), 'unshare': (272, 97), 'setns': (308, 268),\n"
        " 'keyctl': (250, 219), 'io_uring_setup': (425, 425), 'fsopen': (430, 430),\n"
        " 'open_tree': (428, 428), 'move_mount': (429, 429), 'mount_setattr': (442, 442),\n"
        " 'perf_event_open': (298, 241), 'init_module': (175, 105), 'reboot': (169, 142),\n"
        " 'userfaultfd': (323, 282), 'process_vm_readv': (310, 270), 'chroot': (161, 51),\n"
        " 'open_by_handle_at': (304, 265), 'clock_settime': (227, 112)}\n"
        "result = {name: attempt(n[0] if x86 else n[1], 0, 0, 0, 0, 0)\n"
        "          for name, n in calls.items()}\n"
        "result['clone NEWUSER'] = attempt(56 if x86 else 220, 0x10000011, 0, 0, 0, 0)\n"
        "result['personality'] = attempt(135 if x86 else 92, 0x0040000)\n"
        "result['clone3'] = attempt(435, 0, 0)\n"
    )
    assert found.pop("clone3") == "ENOSYS"
    assert set(found.values()) == {"EPERM"}, found


def test_raw_packet_and_kernel_sockets_are_refused_and_ordinary_ones_work() -> None:
    found = run(
        "import socket\n"
        "result = {}\n"
        "for name, arguments in {\n"
        "    'raw': (socket.AF_INET, socket.SOCK_RAW, 1),\n"
        "    'raw6': (socket.AF_INET6, socket.SOCK_RAW, 58),\n"
        "    'packet': (socket.AF_PACKET, socket.SOCK_RAW, 0),\n"
        "    'vsock': (40, socket.SOCK_STREAM, 0), 'alg': (38, socket.SOCK_SEQPACKET, 0),\n"
        "    'netfilter': (socket.AF_NETLINK, socket.SOCK_RAW, 12),\n"
        "    'tcp': (socket.AF_INET, socket.SOCK_STREAM, 0),\n"
        "    'udp6': (socket.AF_INET6, socket.SOCK_DGRAM, 0),\n"
        "    'unix': (socket.AF_UNIX, socket.SOCK_STREAM, 0),\n"
        "    'route': (socket.AF_NETLINK, socket.SOCK_RAW, 0),\n"
        "}.items():\n"
        "    try: socket.socket(*arguments).close(); result[name] = 'made'\n"
        "    except OSError as error: result[name] = error.errno\n"
    )
    made = {name for name, outcome in found.items() if outcome == "made"}
    assert made == {"tcp", "udp6", "unix", "route"}


def test_threads_subprocesses_and_multiprocessing_work_inside() -> None:
    found = run(
        "import concurrent.futures, subprocess, sys, os\n"
        "with concurrent.futures.ThreadPoolExecutor(4) as pool:\n"
        "    squares = list(pool.map(lambda n: n * n, range(8)))\n"
        "shell = subprocess.run(['sh', '-c', 'echo $((6 * 7))'], capture_output=True, text=True)\n"
        "pid = os.fork()\n"
        "if pid == 0: os._exit(5)\n"
        "result = [squares, shell.stdout, os.waitpid(pid, 0)[1]]\n"
    )
    assert found == [[0, 1, 4, 9, 16, 25, 36, 49], "42\n", 5 << 8]


def test_a_fork_bomb_meets_the_limit_of_processes_and_harms_no_other_sandbox() -> None:
    bomb = (
        "import os, time\n"
        "made = 0\n"
        "try:\n"
        "    for _ in range(500):\n"
        "        if os.fork() == 0: time.sleep(1000)\n"
        "        made += 1\n"
        "except BlockingIOError: pass\n"
        "result = made\n"
    )

    async def scenario() -> tuple[int, str]:
        async with bench() as one:
            sandbox = await one.launch(bomb, processes_max=40)
            made = await answer(sandbox)
            other = await one.run(
                "import subprocess\nresult = subprocess.check_output(['echo', 'ok'], text=True)"
            )
            await sandbox.close()
            return made, other

    made, other = asyncio.run(scenario())
    assert 30 <= made <= 40
    assert other == "ok\n"


def test_a_memory_bomb_is_out_of_memory() -> None:
    async def scenario() -> None:
        async with bench() as one:
            sandbox = await one.launch(
                "held = []\nwhile True: held.append(bytearray(b'x' * 2**20))", memory_mib=128
            )
            ended = await asyncio.wait_for(sandbox.exited, 60)
            assert ended.out_of_memory
            await sandbox.close()

    asyncio.run(scenario())


def test_another_sandboxs_and_the_servers_processes_cannot_be_named() -> None:
    async def scenario() -> None:
        async with bench() as one:
            first = await one.launch("result = 1")
            await answer(first)
            source = (
                "import os\n"
                "result = []\n"
                f"for pid in ({first.pid}, {first.zygote.pid}, 2):\n"
                "    try: os.kill(pid, 9); result.append('killed')\n"
                "    except ProcessLookupError: result.append('unknown')\n"
            )
            assert await one.run(source) == ["unknown"] * 3
            assert not first.exited.done()
            await first.close()

    asyncio.run(scenario())
