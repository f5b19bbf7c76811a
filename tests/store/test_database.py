"""The database: what is answered is on disk, what raised is not, order is kept."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lambent.domain.errors import PlatformFault
from lambent.store.database import Database


def with_database(path: Path, use: Callable[[Database], Awaitable[None]]) -> None:
    async def main() -> None:
        database = Database(path)
        await database.start()
        try:
            await use(database)
        finally:
            await database.close()

    asyncio.run(main())


def put(name: str) -> Callable[[sqlite3.Connection], str]:
    def write(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO secrets VALUES (?, x'00')", (name,))
        return name

    return write


def names(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM secrets ORDER BY name")
    return [name for (name,) in rows]


def test_a_write_is_there_for_reads_and_after_opening_again(tmp_path: Path) -> None:
    async def write(database: Database) -> None:
        assert await database.write(put("a")) == "a"
        assert await database.read(names) == ["a"]

    async def read(database: Database) -> None:
        assert await database.read(names) == ["a"]

    with_database(tmp_path / "db", write)
    with_database(tmp_path / "db", read)


def test_a_write_that_raises_is_rolled_back_alone(tmp_path: Path) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        put("broken")(connection)
        raise ValueError("no")

    async def use(database: Database) -> None:
        results = await asyncio.gather(
            database.write(put("a")),
            database.write(broken),
            database.write(put("a")),
            database.write(put("b")),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [
            str,
            ValueError,
            sqlite3.IntegrityError,
            str,
        ]
        assert await database.read(names) == ["a", "b"]

    with_database(tmp_path / "db", use)


def test_waiting_writes_share_a_commit(tmp_path: Path) -> None:
    """500 writes at once cost a few commits; one by one they would cost 500."""

    async def use(database: Database) -> None:
        await asyncio.gather(*(database.write(put(f"{number:03}")) for number in range(500)))
        assert len(await database.read(names)) == 500

    with_database(tmp_path / "db", use)


def test_close_finishes_what_waits_and_refuses_what_comes_after(tmp_path: Path) -> None:
    async def main() -> None:
        database = Database(tmp_path / "db")
        await database.start()
        writes = [database.submit(put(f"{number:03}")) for number in range(300)]
        await database.close()
        assert [write.result() for write in writes] == [f"{number:03}" for number in range(300)]
        with pytest.raises(PlatformFault, match="closed"):
            await database.write(put("late"))
        await database.close()

    asyncio.run(main())


def test_a_caller_that_gives_up_does_not_undo_its_write(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        task = asyncio.ensure_future(database.write(put("a")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await database.write(put("b")) == "b"
        assert await database.read(names) == ["a", "b"]

    with_database(tmp_path / "db", use)


def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        second = Database(tmp_path / "db")
        with pytest.raises(PlatformFault, match="in use by another Lambent"):
            await second.start()

    with_database(tmp_path / "db", use)


def test_reads_cannot_write(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        with pytest.raises(sqlite3.OperationalError):
            await database.read(put("a"))

    with_database(tmp_path / "db", use)


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()

    async def main() -> None:
        database = Database(tmp_path / "db")
        with pytest.raises(PlatformFault, match="newer version"):
            await database.start()
        await database.close()

    asyncio.run(main())


WRITER = """
import asyncio, sys
from pathlib import Path
from lambent.store.database import Database

async def main():
    database = Database(Path(sys.argv[1]))
    await database.start()
    async def one(client):
        number = 0
        while True:
            name = f"{sys.argv[2]}-{client}-{number}"
            await database.write(
                lambda c: c.execute("INSERT INTO secrets VALUES (?, x'00')", (name,))
            )
            sys.stdout.write(name + "\\n")
            sys.stdout.flush()
            number += 1
    await asyncio.gather(*(one(client) for client in range(8)))

asyncio.run(main())
"""


def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Eight clients write at once; the process dies after some acknowledgements.

    Found afterwards: everything acknowledged, and of each client at most the one write that was
    under way.
    """
    path = tmp_path / "db"
    acknowledged: set[str] = set()
    for round_number, kill_after in enumerate((1, 37, 160)):
        command = [sys.executable, "-c", WRITER, str(path), str(round_number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(kill_after):
                acknowledged.add(process.stdout.readline().strip())
            process.kill()
            # Only whole lines count: the last may have been cut off by the kill.
            rest = process.stdout.read()
            acknowledged.update(rest[: rest.rfind("\n") + 1].split())

        async def check(database: Database) -> None:
            found = set(await database.read(names))
            assert acknowledged <= found
            assert len(found - acknowledged) <= 8 * (round_number + 1)  # noqa: B023
            for name in found - acknowledged:
                client, number = name.rsplit("-", 1)
                assert number == "0" or f"{client}-{int(number) - 1}" in found

        with_database(path, check)
