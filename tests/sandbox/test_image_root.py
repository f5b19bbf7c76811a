"""A container image as the root of a sandbox: what is seen of it, of the host and of others."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from lambent.sandbox.interface import HostFolder
from tests.sandbox.sandboxes import Bench, answer, bench, make_root

LOOK = """
import os
def names(path):
    return sorted(os.listdir(path))
"""


def run(source: str, **changes: Any) -> Any:
    """The `result` of `source`, with an image as root beside which there is another one."""

    async def main() -> Any:
        async with bench() as one:
            make_root(one.code_root, "other")
            root = make_root(one.code_root)
            return await one.run(LOOK + source, task_dir=None, root_dir=root, **changes)

    return asyncio.run(main())


def test_an_image_is_the_whole_root_and_nothing_of_the_host_is_left() -> None:
    assert run("result = [names('/'), names('/app'), open('/app/file').read()]") == [
        ["app", "dev", "etc", "mnt", "proc", "tmp"],
        ["file", "secret"],
        "image",
    ]


def test_no_mount_leads_to_the_store_or_to_another_image() -> None:
    found = run("result = open('/proc/self/mountinfo').read()")
    points = sorted({line.split()[4] for line in found.splitlines()})
    assert [one for one in points if not one.startswith("/dev/")] == [
        "/",
        "/dev",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/proc",
        "/tmp",
    ]
    assert "other" not in found


def test_climbing_out_of_an_image_leads_to_its_own_root() -> None:
    source = """
os.chdir('/')
for _ in range(20):
    os.chdir('..')
result = [names('.'), names('/proc/self/root'), names('/proc/1/root'), names('/proc/self/cwd')]
"""
    found = run(source)
    assert all(one == ["app", "dev", "etc", "mnt", "proc", "tmp"] for one in found)


def test_an_image_is_read_only_but_for_tmp() -> None:
    source = """
def attempt(path):
    try:
        open(path, 'w').close()
        return 'written'
    except OSError as error:
        return error.strerror
result = [attempt(p) for p in ('/x', '/app/file', '/etc/hosts', '/dev/x', '/mnt/x', '/tmp/x')]
"""
    *refused, tmp = run(source)
    assert tmp == "written"
    assert set(refused) <= {"Read-only file system", "Permission denied"}


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user owns the image's files")
def test_a_function_owns_no_file_of_its_image() -> None:
    source = """
try:
    result = open('/app/secret').read()
except OSError as error:
    result = error.strerror
"""
    assert run(source) == "Permission denied"


def test_dev_and_the_network_files_are_those_of_a_sandbox() -> None:
    source = (
        "zero = open('/dev/zero', 'rb').read(1) == b'\\0'\n"
        "result = [names('/dev'), open('/etc/hosts').read(), zero]"
    )
    devices, hosts, zero = run(source)
    assert "null" in devices
    assert "sda" not in devices
    assert "localhost" in hosts
    assert zero


def test_nothing_that_was_open_on_the_host_stays_open() -> None:
    assert run(
        "result = sorted(os.readlink(f'/proc/self/fd/{fd}').split(':')[0] for fd in (0, 1, 2, 3))"
    ) == [
        "/dev/null",
        "pipe",
        "pipe",
        "socket",
    ]


def test_folders_of_the_host_appear_below_mnt(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    (shared / "data").write_text("kept")
    tmp_path.chmod(0o755)

    async def main() -> Any:
        async with bench() as one:
            root = make_root(one.code_root)
            folders = (HostFolder(source=shared, target="/mnt/efs", writable=True),)
            sandbox = await one.backend.launch(one.interpreter, folders=folders)
            source = (
                "open('/mnt/efs/new', 'w').close(); result = [names('/mnt'), names('/mnt/efs')]"
            )
            await sandbox.bind(one.spec(LOOK + source, task_dir=None, root_dir=root))
            try:
                return await answer(sandbox)
            finally:
                await sandbox.close()

    assert asyncio.run(main()) == [["efs"], ["data", "new"]]


def test_a_root_outside_of_the_store_is_refused(tmp_path: Path) -> None:
    async def main(one: Bench) -> None:
        sandbox = await one.backend.launch(one.interpreter)
        try:
            with pytest.raises(ValueError, match=r"is not in the subpath|not inside"):
                await sandbox.bind(one.spec("", task_dir=None, root_dir=tmp_path))
        finally:
            await sandbox.close()

    async def around() -> None:
        async with bench() as one:
            await main(one)

    asyncio.run(around())
