"""A sandbox takes over /tmp and user of one that has ended: what a reset keeps."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from tests.sandbox.sandboxes import Bench, answer, bench, make_root

LEAVE = """
import os, pwd
os.mkdir('/tmp/folder', 0o700)
open('/tmp/folder/file', 'w').write('kept')
os.symlink('/etc/shadow', '/tmp/passwd')
open('/dev/shm/gone', 'w').close() if os.path.isdir('/dev/shm') else None
result = os.getuid()
"""
FIND = """
import os, pwd
user, size = pwd.getpwuid(os.getuid()), os.statvfs('/tmp')
result = {'uid': os.getuid(), 'text': open('/tmp/folder/file').read(), 'name': user.pw_name,
 'names': sorted(os.listdir('/tmp')), 'owner': os.stat('/tmp/folder/file').st_uid,
 'mib': size.f_blocks * size.f_frsize // 2**20, 'inodes': size.f_files,
 'flags': size.f_flag & (os.ST_NOSUID | os.ST_NODEV),
 'mounts': [line.split()[1] for line in open('/proc/self/mounts') if line.split()[1] == '/tmp']}
"""


async def _after(one: Bench, source: str, then: str, **changes: Any) -> tuple[Any, Any]:
    """What `source` answers and, once that was killed, `then` in what it left."""
    first = await one.launch(source, **changes)
    try:
        answered = await answer(first)
        first.kill()
        await first.exited
        remains = first.remains()
    finally:
        await first.close()
    assert remains is not None
    second = await one.backend.launch(one.interpreter)
    try:
        await second.bind(one.spec(then, **changes), remains)
        return answered, await answer(second)
    finally:
        await second.close()


def test_tmp_and_user_outlive_a_sandbox_and_nothing_else_does() -> None:
    async def scenario() -> tuple[Any, Any]:
        async with bench() as one:
            return await _after(one, LEAVE, FIND)

    uid, found = asyncio.run(scenario())
    assert found == {
        "uid": uid,
        "owner": uid,
        "text": "kept",
        "name": "sbx_user1051",
        "names": ["folder", "passwd"],
        "mib": 64,
        "inodes": 64 * 256,
        "flags": os.ST_NOSUID | os.ST_NODEV,
        "mounts": ["/tmp"],
    }


def test_a_sandbox_begins_in_a_tmp_that_is_full() -> None:
    source = """
import errno
try:
    with open('/tmp/full', 'wb', buffering=0) as file:
        while True:
            file.write(bytes(2**16))
except OSError as error:
    result = error.errno == errno.ENOSPC
"""
    then = "import os, pwd; result = os.path.getsize('/tmp/full'), pwd.getpwuid(os.getuid())[0]"

    async def scenario() -> tuple[Any, Any]:
        async with bench() as one:
            return await _after(one, source, then, tmp_mib=4)

    full, (size, name) = asyncio.run(scenario())
    assert full
    assert 4 * 2**20 - 2**16 <= size < 4 * 2**20
    assert name == "sbx_user1051"


def test_a_sandbox_of_an_image_takes_over_tmp() -> None:
    source = "open('/tmp/file', 'w').write('kept'); result = None"
    then = "result = open('/tmp/file').read(), open('/app/file').read()"

    async def scenario() -> tuple[Any, Any]:
        async with bench() as one:
            root = make_root(one.code_root)
            return await _after(one, source, then, root_dir=root, task_dir=None)

    assert asyncio.run(scenario())[1] == ["kept", "image"]


def test_tmp_passes_on_and_on_and_no_descriptor_or_user_stays() -> None:
    async def scenario() -> tuple[list[Any], set[int]]:
        async with bench() as one:
            found: list[Any] = []
            opened: set[int] = set()
            remains = None
            for number in range(4):
                sandbox = await one.backend.launch(one.interpreter)
                source = (
                    f"import os; open('/tmp/{number}', 'w'); result = sorted(os.listdir('/tmp'))"
                )
                await sandbox.bind(one.spec(source), remains)
                found.append(await answer(sandbox))
                sandbox.kill()
                await sandbox.exited
                remains = sandbox.remains()
                assert remains is not None
                await sandbox.close()
                one.listeners.pop(sandbox.sandbox_id).close()
                opened.add(len(os.listdir("/proc/self/fd")))
            remains.close()
            remains.close()
            fresh = await one.run("import os; result = os.listdir('/tmp')")
            found.append(fresh)
            return found, opened

    found, opened = asyncio.run(scenario())
    assert found == [["0"], ["0", "1"], ["0", "1", "2"], ["0", "1", "2", "3"], []]
    assert len(opened) == 1, "as many descriptors after each"


def test_a_user_is_given_to_nobody_else_while_its_files_are_kept() -> None:
    async def scenario() -> bool:
        async with bench() as one:
            first = await one.launch("result = None")
            await answer(first)
            first.kill()
            await first.exited
            remains = first.remains()
            await first.close()
            assert remains is not None
            uid = first.uid
            uids = first._uids
            held = uid in uids._holders
            remains.close()
            return held and uid not in uids._holders

    assert asyncio.run(scenario())
