"""Sandboxes that are forked from an initialised one: they share nothing that can be written."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lambent.sandbox.namespace_sandbox import NamespaceSandbox
from lambent.sandbox.template_link import TemplateLink
from lambent.sandbox.zygote_process import ZygoteFailed
from tests.sandbox.sandboxes import Bench, answer, bench


@contextlib.asynccontextmanager
async def template(world: Bench, init: str) -> AsyncIterator[TemplateLink]:
    """A template that was initialised by `init`."""
    sandbox = await world.backend.launch(world.interpreter)
    try:
        await sandbox.bind(world.spec(init, template=True))
        assert await answer(sandbox) == ""
        link = world.backend.open_template(sandbox)
        yield link
        link.close()
    finally:
        await sandbox.close()


async def fork(
    world: Bench, link: TemplateLink, source: str, **changes: Any
) -> tuple[NamespaceSandbox, Any]:
    sandbox = await world.backend.restore(link)
    await sandbox.bind(world.spec(source, **changes))
    try:
        return sandbox, await answer(sandbox)
    except BaseException:
        await sandbox.close()
        raise


async def ask(world: Bench, init: str, *sources: str) -> list[Any]:
    """What each fork of one template answers, all alive at once."""
    alive, answers = [], []
    async with template(world, init) as link:
        for source in sources:
            sandbox, result = await fork(world, link, source)
            alive.append(sandbox)
            answers.append(result)
        for sandbox in alive:
            await sandbox.close()
    return answers


def test_a_fork_has_what_the_init_left_and_keeps_what_it_writes_to_itself() -> None:
    async def act() -> None:
        async with bench() as world:
            init = "state = [1]\nopen('/tmp/kept', 'w').write('by init')"
            source = """
import os
state.append(len(state))
result = [state, open('/tmp/kept').read(), sorted(os.listdir('/tmp'))]
open('/tmp/kept', 'w').write('changed')
open('/tmp/mine', 'w')
"""
            found = await ask(world, init, source, source)
            assert found == [[[1, 1], "by init", ["kept"]]] * 2

    asyncio.run(act())


def test_a_fork_sees_no_process_but_its_own() -> None:
    async def act() -> None:
        async with bench() as world:
            source = (
                "import os\nresult = [os.getpid(), [n for n in os.listdir('/proc') if n.isdigit()]]"
            )
            assert await ask(world, "", source, source) == [[1, ["1"]]] * 2

    asyncio.run(act())


def test_a_fork_is_the_same_user_without_a_capability_and_cannot_have_one_again() -> None:
    async def act() -> None:
        async with bench() as world:
            source = """
import ctypes, os
def field(name):
    return next(l.split()[1] for l in open('/proc/self/status') if l.startswith(name))
libc = ctypes.CDLL(None, use_errno=True)
result = {
    'caps': [field(n) for n in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb')],
    'uid': os.getuid(), 'nnp': field('NoNewPrivs'),
    'unshare': libc.unshare(0x10000000), 'mount': libc.mount(b'x', b'/tmp', b'tmpfs', 0, 0),
    'host': os.uname().nodename,
}
"""
            [found] = await ask(
                world, "import os\nuid = os.getuid()", source + "result['was'] = uid"
            )
            assert found["caps"] == ["0" * 16] * 5
            assert found["uid"] == found["was"]
            assert (found["nnp"], found["unshare"], found["mount"]) == ("1", -1, -1)
            assert found["host"] == "sandbox-host"

    asyncio.run(act())


def test_forks_have_a_network_of_their_own() -> None:
    async def act() -> None:
        async with bench() as world:
            source = """
import os, socket
one = socket.socket()
one.bind(('127.0.0.1', 8080))
result = [os.readlink('/proc/self/ns/' + n) for n in ('net', 'mnt', 'pid', 'ipc', 'uts', 'user')]
"""
            init = "import os\nhere = os.readlink('/proc/self/ns/net')"
            first, second = await ask(world, init, source, source)
            assert not set(first) & set(second)
            assert len(world.listeners) == 3

    asyncio.run(act())


def test_an_open_file_is_read_at_a_place_of_ones_own() -> None:
    async def act() -> None:
        async with bench() as world:
            init = "file = open('/var/task/app.py')\nfile.read(3)"
            assert await ask(world, init, "result = file.read(3)", "result = file.read(3)") == [
                "wer",
                "wer",
            ]

    asyncio.run(act())


def test_what_cannot_be_had_by_two_at_once_is_refused_with_the_reason() -> None:
    async def act() -> None:
        async with bench() as world:
            for init, reason in (
                (
                    "import threading\nthreading.Thread(target=channel.recv, args=(1,)).start()",
                    "2 threads",
                ),
                ("import socket\ns = socket.socket()", "a socket"),
                ("import os, socket\np = socket.socketpair()\np[1].close()", "a socket"),
                ("import os\nr, w = os.pipe()\nos.close(w)", "a pipe"),
                ("import os\nf = os.memfd_create('x')", "a file to write (/memfd:x"),
                ("f = open('/tmp/x', 'w')", "a file to write (/tmp/x)"),
                ("import mmap\nm = mmap.mmap(-1, 4096)", "shares memory"),
                ("import os, time\nif not os.fork():\n    time.sleep(60)", "another process"),
            ):
                sandbox = await world.backend.launch(world.interpreter)
                await sandbox.bind(world.spec(init, template=True))
                assert reason in await answer(sandbox)
                await sandbox.close()

    asyncio.run(act())


def test_pipes_pairs_and_event_descriptors_are_a_forks_own() -> None:
    async def act() -> None:
        async with bench() as world:
            init = """
import os, select, socket
r, w = os.pipe()
os.write(w, b'1')
near, far = socket.socketpair()
near.setblocking(False)
other, last = socket.socketpair(type=socket.SOCK_DGRAM)
epoll = select.epoll()
for one in (r, far.fileno()):
    epoll.register(one, select.EPOLLIN)
"""
            source = """
first = os.read(r, 5)
quiet = epoll.poll(0)
near.send(b'x')
last.send(b'y')
woken = epoll.poll(1) == [(far.fileno(), select.EPOLLIN)]
result = [first.decode(), quiet, woken, far.recv(5).decode(), other.recv(5).decode(),
          os.get_blocking(near.fileno()), os.get_blocking(w)]
"""
            async with template(world, init) as link:
                alive = []
                for _ in range(2):
                    sandbox, found = await fork(world, link, source)
                    alive.append(sandbox)
                    assert found == ["1", [], True, "x", "y", False, True]
                for sandbox in alive:
                    await sandbox.close()

    asyncio.run(act())


def test_threads_that_their_library_ends_before_a_fork_forbid_none() -> None:
    """As OpenBLAS does, which numpy brings."""

    async def act() -> None:
        async with bench() as world:
            init = """
import os, threading
stop = threading.Event()
worker = threading.Thread(target=stop.wait)
worker.start()
def end():
    stop.set()
    worker.join()
os.register_at_fork(before=end)
"""
            assert await ask(world, init, "result = threading.active_count()") == [1]

    asyncio.run(act())


def test_an_event_loop_of_the_init_goes_on_in_each_fork() -> None:
    async def act() -> None:
        async with bench() as world:
            init = """
import asyncio
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(asyncio.sleep(0))
"""
            source = """
import threading
async def work():
    done = loop.create_future()
    threading.Timer(0.01, loop.call_soon_threadsafe, [done.set_result, 5]).start()
    server = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 8123)
    reader, writer = await asyncio.open_connection('127.0.0.1', 8123)
    return [await done, (await reader.read()).decode()]
result = loop.run_until_complete(work())
"""
            assert await ask(world, init, source, source) == [[5, ""]] * 2

    asyncio.run(act())


def test_how_a_fork_ends_is_told_and_the_template_goes_on() -> None:
    async def act() -> None:
        async with bench() as world, template(world, "import os") as link:
            ending = "channel.sendall(b'{\"result\":0}\\n'); os._exit(3)"
            sandbox, _ = await fork(world, link, ending)
            assert (await sandbox.exited).code == 3
            await sandbox.close()
            sandbox, _ = await fork(world, link, "result = 1")
            sandbox.kill()
            assert (await sandbox.exited).signal == signal.SIGKILL
            await sandbox.close()
            assert link.forks == 0

    asyncio.run(act())


@pytest.mark.parametrize(
    "message",
    [
        "nonsense",
        "[]",
        '{"warmed": "another"}',
        '{"warmed": ["x"]}',
        '{"exited": "x", "status": 0}',
        '{"spawned": "x", "pid": 1}',
    ],
)
def test_a_template_that_lies_is_ended_with_its_forks(message: str) -> None:
    """Before it is jailed again a fork may say anything on the template's socket."""
    init = f"""
import os, socket
def lie():
    for name in os.listdir('/proc/self/fd'):
        try:
            one = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        if one.type == socket.SOCK_SEQPACKET:
            one.send({message!r}.encode())
os.register_at_fork(after_in_child=lie)
"""

    async def act() -> None:
        async with bench() as world, template(world, init) as link:
            with pytest.raises(ZygoteFailed):
                await world.backend.restore(link)
            assert not link.alive

    asyncio.run(act())


def test_a_fork_that_says_it_has_ended_is_not_believed() -> None:
    async def act() -> None:
        init = """
import os, socket
kept = []
def keep():
    for name in os.listdir('/proc/self/fd'):
        try:
            one = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        if one.type == socket.SOCK_SEQPACKET:
            kept.append(one)
os.register_at_fork(after_in_child=keep)
"""
        async with bench() as world, template(world, init) as link:
            sandbox = await world.backend.restore(link)
            lie = f'{{"exited": "{sandbox.sandbox_id}", "status": 0}}'
            await sandbox.bind(world.spec(f"kept[0].send({lie!r}.encode())"))
            assert (await sandbox.exited).signal == signal.SIGKILL
            assert not link.alive
            await sandbox.close()

    asyncio.run(act())


def test_more_forks_than_a_socket_holds_are_made_in_turn() -> None:
    async def act() -> None:
        async with bench() as world, template(world, "") as link:
            asked = [fork(world, link, f"result = {number}") for number in range(40)]
            born = await asyncio.gather(*asked)
            assert [result for _, result in born] == list(range(40))
            for sandbox, _ in born:
                await sandbox.close()
            assert link.alive
            assert link.forks == 0

    asyncio.run(act())


def test_forks_end_with_their_template() -> None:
    async def act() -> None:
        async with bench() as world, template(world, "") as link:
            sandbox, _ = await fork(world, link, "result = 1")
            link.close()
            assert (await sandbox.exited).signal == signal.SIGKILL
            await sandbox.close()

    asyncio.run(act())


def test_memory_of_a_fork_is_limited_by_its_own_group() -> None:
    async def act() -> None:
        async with bench() as world, template(world, "") as link:
            sandbox = await world.backend.restore(link)
            await sandbox.bind(world.spec("b = bytearray(300 << 20)\nresult = 1", memory_mib=128))
            end = await sandbox.exited
            assert end.out_of_memory
            await sandbox.close()
            sandbox, found = await fork(world, link, "result = 2")
            assert found == 2, "the template is not hurt"
            await sandbox.close()

    asyncio.run(act())
