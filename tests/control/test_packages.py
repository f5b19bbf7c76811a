"""Packages on a real code store: held while used, garbage where nobody wants them any more."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambent.control.packages import Packages
from lambent.store.files import CodeStore
from tests.control.scene import CODE

DIGEST = hashlib.sha256(CODE).hexdigest()


def with_packages(
    root: Path, use: Callable[[Packages, CodeStore, ThreadPoolExecutor], Awaitable[None]]
) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            files = CodeStore(root, executor=executor)
            await files.start(set())
            await use(Packages(files, executor=executor), files, executor)
            await files.close()

    asyncio.run(main())


async def store(packages: Packages) -> None:
    async with packages.storing(CODE):
        pass


def test_a_package_is_held_while_it_is_used(tmp_path: Path) -> None:
    async def use(packages: Packages, files: CodeStore, _: ThreadPoolExecutor) -> None:
        async with packages.storing(CODE) as package:
            assert files.collect([package.digest]) == {DIGEST}
        assert files.collect([package.digest]) == set()

    with_packages(tmp_path, use)


def test_what_a_failed_operation_stored_is_garbage(tmp_path: Path) -> None:
    async def use(packages: Packages, files: CodeStore, _: ThreadPoolExecutor) -> None:
        with pytest.raises(ValueError, match="no"):
            async with packages.storing(CODE):
                raise ValueError("no")
        assert packages.garbage == {DIGEST}

    with_packages(tmp_path, use)


def test_what_is_unpacked_for_a_caller_that_hung_up_is_garbage(tmp_path: Path) -> None:
    async def use(packages: Packages, files: CodeStore, executor: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(store(packages))
        await asyncio.sleep(0)
        await loop.run_in_executor(executor, int)  # the hash is done, the unpacking waits
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await loop.run_in_executor(executor, int)  # what waited is done
        assert packages.garbage == {DIGEST}
        assert files.has(DIGEST)

    with_packages(tmp_path, use)


def test_a_package_stored_twice_is_unpacked_once(tmp_path: Path) -> None:
    async def use(packages: Packages, files: CodeStore, _: ThreadPoolExecutor) -> None:
        await store(packages)
        inode = files.code_dir(DIGEST).stat().st_ino
        await asyncio.gather(*(store(packages) for _ in range(3)))
        assert files.code_dir(DIGEST).stat().st_ino == inode

    with_packages(tmp_path, use)
