"""The log file survives SIGKILL: it opens, and what was promised or flushed is there."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

from lambent.store.log_query import EventQuery
from lambent.store.logs import LogStore

ROUNDS = 12
_WRITER = """
import asyncio, sys
from pathlib import Path
from lambent.store.logs import LogStore

async def main():
    store = LogStore(Path(sys.argv[1]), group_bytes_max=200_000)
    first = int(sys.argv[2])
    if first == 0:
        await store.create_group("put")
        await store.create_stream("put", "s")
    stream = store.open_stream("function", "s")
    for number in range(first, first + 1_000_000):
        stream.write(1_700_000_000_000 + number, f"{number} " + "x" * 200)
        if number % 5 == 0:
            await store.flush()
        if number % 50 == 0:
            await store.put_events("put", "s", [(1_700_000_000_000 + number, str(number))])
            print(number, flush=True)

asyncio.run(main())
"""


def test_killed_writer_leaves_a_whole_file_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    """Retention runs all the while, so that rows are deleted under the knife too."""
    path = tmp_path / "logs.db"
    chance = random.Random(2)
    acknowledged: list[int] = []
    for _ in range(ROUNDS):
        first = acknowledged[-1] + 50 if acknowledged else 0
        acknowledged += _write_until_killed(path, first, lines=chance.randint(1, 12))
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        found = asyncio.run(_read(path, "put"))
        assert set(map(str, acknowledged)) <= set(found)
    numbers = [int(message.split()[0]) for message in asyncio.run(_read(path, "function"))]
    assert numbers == sorted(numbers)
    assert numbers[-1] >= acknowledged[-1]


def _write_until_killed(path: Path, first: int, *, lines: int) -> list[int]:
    """Numbers that the writer acknowledged before it was killed in the middle of its work."""
    command = [sys.executable, "-c", _WRITER, str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        numbers = [int(process.stdout.readline()) for _ in range(lines)]
        process.kill()
        return numbers + [int(line) for line in process.stdout.read().split()]


async def _read(path: Path, group: str) -> list[str]:
    store = LogStore(path)
    try:
        found: list[str] = []
        query = EventQuery(group=group)
        while True:
            page = await store.find_events(query)
            found += [event.message for event in page.events]
            if page.more_after is None:
                return found
            query = EventQuery(group=group, after=page.more_after)
    finally:
        await store.close()
