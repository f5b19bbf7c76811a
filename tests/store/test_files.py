"""The code store: content-addressed folders that are complete or not there."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lambent.control.packages import store_package
from lambent.control.testing import make_zip
from lambent.store.files import CodeStore, opt_digest


def with_store(root: Path, use: Callable[[CodeStore], Awaitable[None]]) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(1) as executor:
            store = CodeStore(root, executor=executor)
            try:
                await use(store)
            finally:
                await store.close()

    asyncio.run(main())


def put(store: CodeStore, contents: dict[str, str | bytes]) -> str:
    content = make_zip(contents)
    return store_package(store, content, hashlib.sha256(content).digest()).digest


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_text()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_start_drops_what_no_row_needs_and_what_was_half_made(tmp_path: Path) -> None:
    async def use(store: CodeStore) -> None:
        await store.start(set())
        kept, dropped = put(store, {"a": "1"}), put(store, {"a": "2"})
        store.make_staging().joinpath("half").touch()
        await store.start({kept})
        await store.close()
        assert store.has(kept)
        assert not store.code_dir(dropped).exists()
        assert not store.zip_path(dropped).exists()
        assert not os.listdir(tmp_path / "tmp")
        assert not os.listdir(tmp_path / "trash")

    with_store(tmp_path, use)


def test_later_layers_lie_over_earlier_ones(tmp_path: Path) -> None:
    async def use(store: CodeStore) -> None:
        await store.start(set())
        digests = [
            put(store, {"python/a.py": "1", "python/b.py": "1", "x/deep/file": "1", "y": "1"}),
            put(store, {"python/b.py": "2", "x": "2", "y/file": "2"}),
        ]
        merged = store.merge(digests)
        assert merged == opt_digest(digests)
        assert merged is not None
        assert tree(tmp_path / "opt" / merged) == {
            "python/a.py": "1",
            "python/b.py": "2",
            "x": "2",
            "y/file": "2",
        }
        assert store.merge(digests) == merged
        assert tree(store.code_dir(digests[0]))["python/b.py"] == "1", "the layer is as it was"

    with_store(tmp_path, use)


def test_a_merged_folder_outlives_the_layers_it_was_made_from(tmp_path: Path) -> None:
    async def use(store: CodeStore) -> None:
        await store.start(set())
        digests = [put(store, {"a": "1"}), put(store, {"b": "2"})]
        merged = store.merge(digests)
        assert merged is not None
        assert store.collect(digests) == set()
        await store.close()
        assert not store.code_dir(digests[0]).exists()
        assert tree(tmp_path / "opt" / merged) == {"a": "1", "b": "2"}

    with_store(tmp_path, use)


def test_what_is_held_is_not_collected(tmp_path: Path) -> None:
    async def use(store: CodeStore) -> None:
        await store.start(set())
        digest = put(store, {"a": "1"})
        with store.holding([digest]):
            assert store.collect([digest]) == {digest}
        assert store.has(digest)

    with_store(tmp_path, use)


def test_the_same_package_published_twice_is_stored_once(tmp_path: Path) -> None:
    async def use(store: CodeStore) -> None:
        await store.start(set())
        assert put(store, {"a": "1"}) == put(store, {"a": "1"})
        assert len(os.listdir(tmp_path / "code")) == 1
        assert not os.listdir(tmp_path / "tmp")

    with_store(tmp_path, use)


def test_many_files_are_flushed_together(tmp_path: Path) -> None:
    async def use(store: CodeStore) -> None:
        await store.start(set())
        digest = put(store, {f"f{number}": str(number) for number in range(100)})
        assert len(tree(store.code_dir(digest))) == 100

    with_store(tmp_path, use)


def test_reset_empties_the_store_and_keeps_its_root(tmp_path: Path) -> None:
    async def use(store: CodeStore) -> None:
        await store.start(set())
        digest, root = put(store, {"a": "1"}), os.stat(tmp_path).st_ino
        store.reset()
        assert not store.has(digest)
        assert os.stat(tmp_path).st_ino == root
        put(store, {"a": "1"})
        await store.close()
        assert store.has(digest)
        assert not os.listdir(tmp_path / "trash")

    with_store(tmp_path, use)


def test_a_package_that_does_not_fit_on_the_disk_leaves_nothing_of_it(tmp_path: Path) -> None:
    """The limit of a file's size stands in for a full disk: the write fails half-way."""

    async def use(store: CodeStore) -> None:
        await store.start(())
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(OSError, match="File too large"):
                put(store, {"app.py": "x", "one": os.urandom(90_000), "two": os.urandom(50_000)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert [path.name for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
        assert list((tmp_path / "store" / "code").iterdir()) == []
        digest = put(store, {"app.py": "x = 1"})
        assert store.has(digest), "and the next one that fits is stored"

    with_store(tmp_path / "store", use)
