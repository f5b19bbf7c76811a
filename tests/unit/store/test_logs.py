"""The log store: what running functions write is found, in order, within bounds."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from lambent.domain.limits import LOG_EVENT_BYTES_MAX
from lambent.store.log_buffer import split_message
from lambent.store.log_query import EventPage, EventQuery
from lambent.store.log_rows import (
    LogFile,
    LogGroupExists,
    LogGroupNotFound,
    LogStreamExists,
    LogStreamNotFound,
)
from lambent.store.logs import LogStore

T = TypeVar("T")
NOW_MS = 1_700_000_000_000
GROUP = "/aws/lambda/f"


def run(
    folder: Path,
    scenario: Callable[[LogStore], Awaitable[T]],
    *,
    group_bytes_max: int = 1 << 26,
    pending_bytes_max: int = 1 << 24,
) -> T:
    async def main() -> T:
        store = LogStore(
            folder / "logs.db",
            group_bytes_max=group_bytes_max,
            pending_bytes_max=pending_bytes_max,
            wall_s=lambda: NOW_MS / 1000,
        )
        try:
            return await scenario(store)
        finally:
            await store.close()

    return asyncio.run(main())


def messages(page: EventPage) -> list[str]:
    return [event.message for event in page.events]


def test_event_is_found_by_the_call_after_the_write(tmp_path: Path) -> None:
    """While the function still runs: nothing has been flushed by a timer."""

    async def scenario(store: LogStore) -> None:
        stream = store.open_stream(GROUP, "s")
        stream.write(NOW_MS, "one\n")
        assert messages(await store.find_events(EventQuery(group=GROUP))) == ["one\n"]
        stream.write(NOW_MS, "two\n")
        assert messages(await store.find_events(EventQuery(group=GROUP))) == ["one\n", "two\n"]

    run(tmp_path, scenario)


def test_opened_stream_is_listed_before_it_has_events(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        store.open_stream(GROUP, "s").close()
        (group,), more = await store.describe_groups()
        (stream,), _ = await store.describe_streams(GROUP)
        assert (group.name, group.created_ms, more) == (GROUP, NOW_MS, False)
        assert (stream.name, stream.last_ts) == ("s", None)

    run(tmp_path, scenario)


def test_events_of_streams_are_interleaved_by_time(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        a, b = store.open_stream(GROUP, "a"), store.open_stream(GROUP, "b")
        for offset in (0, 4, 2):
            a.write(NOW_MS + offset, f"a{offset}")
            b.write(NOW_MS + offset + 1, f"b{offset + 1}")
            await store.flush()
        page = await store.find_events(EventQuery(group=GROUP))
        assert messages(page) == ["a0", "b1", "a2", "b3", "a4", "b5"]
        assert [event.stream for event in page.events] == ["a", "b"] * 3

    run(tmp_path, scenario)


def test_positions_page_through_both_ways_without_loss(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        stream = store.open_stream(GROUP, "s")
        expected = [f"m{index}" for index in range(10)]
        for index, message in enumerate(expected):
            stream.write(NOW_MS + index // 3, message)  # ties
            if index % 4 == 3:
                await store.flush()
        for backward in (False, True):
            found: list[str] = []
            after = None
            while True:
                query = EventQuery(group=GROUP, after=after, backward=backward, limit=3)
                page = await store.find_events(query)
                found += messages(page)
                after = page.more_after
                if after is None:
                    break
            assert found == (expected[::-1] if backward else expected)

    run(tmp_path, scenario)


def test_events_of_one_instant_keep_their_order_whatever_was_flushed_first(tmp_path: Path) -> None:
    """By stream, then as written: a position means the same whenever it is used."""

    async def scenario(store: LogStore) -> None:
        a, b = store.open_stream(GROUP, "a"), store.open_stream(GROUP, "b")
        for round_ in range(2):
            b.write(NOW_MS, f"b{round_}")
            await store.flush()
            a.write(NOW_MS, f"a{round_}")
            await store.flush()
        for backward, expected in ((False, "a0 a1 b0 b1"), (True, "b1 b0 a1 a0")):
            page = await store.find_events(EventQuery(group=GROUP, backward=backward))
            assert messages(page) == expected.split()

    run(tmp_path, scenario)


def test_page_ends_at_a_megabyte_and_says_where_to_go_on(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        stream = store.open_stream(GROUP, "s")
        for index in range(6):
            stream.write(NOW_MS, f"{index}" * (250 * 1024))
        page = await store.find_events(EventQuery(group=GROUP))
        assert len(page.events) == 4
        rest = await store.find_events(EventQuery(group=GROUP, after=page.more_after))
        assert [event.message[0] for event in rest.events] == ["4", "5"]

    run(tmp_path, scenario)


def test_message_over_the_bound_is_split_between_characters(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        stream = store.open_stream(GROUP, "s")
        text = "é" * LOG_EVENT_BYTES_MAX  # twice the bytes
        stream.write(NOW_MS, text)
        page = await store.find_events(EventQuery(group=GROUP))
        assert len(page.events) == 2
        assert "".join(messages(page)) == text

    run(tmp_path, scenario)
    assert split_message("aé", 2) == ["a", "é"]


def test_full_buffer_drops_the_oldest_of_the_fullest_stream_and_says_so(tmp_path: Path) -> None:
    """What one function floods with costs another nothing."""

    async def scenario(store: LogStore) -> None:
        quiet, loud = store.open_stream(GROUP, "quiet"), store.open_stream(GROUP, "loud")
        quiet.write(NOW_MS, "kept")
        for index in range(1000):
            loud.write(NOW_MS + index, f"{index:04d}")
        assert store.buffer.pending_bytes <= store.buffer.bytes_max
        query = EventQuery(group=GROUP, streams=("loud",))
        found = messages(await store.find_events(query))
        assert found[-1] == "0999"
        dropped = int(found[0].split()[0])
        assert found[0].endswith("dropped: they were written faster than they are stored")
        assert dropped + len(found) - 1 == 1000
        query = EventQuery(group=GROUP, streams=("quiet",))
        assert messages(await store.find_events(query)) == ["kept"]

    run(tmp_path, scenario, pending_bytes_max=10_000)


def test_group_over_its_bound_loses_its_oldest_chunks_and_emptied_streams(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        for index in range(100):
            stream = store.open_stream(GROUP, f"s{index:03d}")
            stream.write(NOW_MS + index, "x" * 4096)
            stream.close()
            await store.flush()
        (group,), _ = await store.describe_groups()
        assert group.stored_bytes <= 50_000
        streams, _ = await store.describe_streams(GROUP, limit=1000)
        page = await store.find_events(EventQuery(group=GROUP))
        assert {event.stream for event in page.events} == {stream.name for stream in streams}
        assert streams[-1].name == "s099"
        assert 30 < len(streams) < 50

    run(tmp_path, scenario, group_bytes_max=50_000)


def test_stream_that_retention_took_is_written_anew(tmp_path: Path) -> None:
    """The environment that holds it is still alive."""

    async def scenario(store: LogStore) -> None:
        old, new = store.open_stream(GROUP, "old"), store.open_stream(GROUP, "new")
        old.write(NOW_MS, "x" * 4096)
        await store.flush()
        for index in range(20):
            new.write(NOW_MS + 1 + index, "x" * 4096)
            await store.flush()
        assert [stream.name for stream in (await store.describe_streams(GROUP))[0]] == ["new"]
        old.write(NOW_MS + 50, "back")
        query = EventQuery(group=GROUP, streams=("old",))
        assert messages(await store.find_events(query)) == ["back"]

    run(tmp_path, scenario, group_bytes_max=5_000)


def test_deleted_group_is_made_anew_by_a_function_that_still_writes(tmp_path: Path) -> None:
    """As on AWS, where Lambda creates the group again."""

    async def scenario(store: LogStore) -> None:
        stream = store.open_stream(GROUP, "s")
        stream.write(NOW_MS, "before")
        await store.delete_group(GROUP)
        with pytest.raises(LogGroupNotFound):
            await store.find_events(EventQuery(group=GROUP))
        stream.write(NOW_MS, "after")
        assert messages(await store.find_events(EventQuery(group=GROUP))) == ["after"]

    run(tmp_path, scenario)


def test_refusals_name_what_is_missing_or_there(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        with pytest.raises(LogGroupNotFound):
            await store.create_stream(GROUP, "s")
        await store.create_group(GROUP, tags={"a": "b"})
        with pytest.raises(LogGroupExists):
            await store.create_group(GROUP)
        await store.create_stream(GROUP, "s")
        with pytest.raises(LogStreamExists):
            await store.create_stream(GROUP, "s")
        with pytest.raises(LogStreamNotFound):
            await store.put_events(GROUP, "t", [(NOW_MS, "x")])
        await store.delete_stream(GROUP, "s")
        with pytest.raises(LogStreamNotFound):
            await store.delete_stream(GROUP, "s")
        with pytest.raises(LogStreamNotFound):
            await store.find_events(EventQuery(group=GROUP, streams=("s",)))

    run(tmp_path, scenario)


def test_put_events_and_a_running_function_share_a_stream(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        stream = store.open_stream(GROUP, "s")
        stream.write(NOW_MS, "a")
        await store.put_events(GROUP, "s", [(NOW_MS - 5, "put")])
        stream.write(NOW_MS, "b")
        page = await store.find_events(EventQuery(group=GROUP))
        assert messages(page) == ["put", "a", "b"]
        assert [event.ingested_ms for event in page.events] == [NOW_MS] * 3
        assert len({event.position for event in page.events}) == 3

    run(tmp_path, scenario)


def test_clear_leaves_nothing_and_open_streams_go_on(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        stream = store.open_stream(GROUP, "s")
        stream.write(NOW_MS, "stored")
        await store.flush()
        stream.write(NOW_MS, "pending")
        await store.clear()
        assert await store.describe_groups() == ([], False)
        stream.write(NOW_MS, "new")
        assert messages(await store.find_events(EventQuery(group=GROUP))) == ["new"]

    run(tmp_path, scenario)


def test_closed_store_holds_everything_when_opened_again(tmp_path: Path) -> None:
    async def write(store: LogStore) -> None:
        store.open_stream(GROUP, "s").write(NOW_MS, "one")

    async def go_on(store: LogStore) -> list[str]:
        store.open_stream(GROUP, "s").write(NOW_MS, "two")
        return messages(await store.find_events(EventQuery(group=GROUP)))

    run(tmp_path, write)
    assert run(tmp_path, go_on) == ["one", "two"]


def test_closed_streams_leave_memory_once_stored(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        stream = store.open_stream(GROUP, "s")
        stream.write(NOW_MS, "last words")
        stream.close()
        await store.flush()
        assert store.open_stream(GROUP, "s") is not stream
        assert messages(await store.find_events(EventQuery(group=GROUP))) == ["last words"]

    run(tmp_path, scenario)


def test_failed_flush_keeps_the_events_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: SQLite's error is the boundary that is replaced here."""
    real = LogFile.store

    def fail(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def scenario(store: LogStore) -> None:
        stream = store.open_stream(GROUP, "s")
        stream.write(NOW_MS, "one")
        monkeypatch.setattr(LogFile, "store", fail)
        with pytest.raises(sqlite3.OperationalError):
            await store.flush()
        stream.write(NOW_MS, "two")
        monkeypatch.setattr(LogFile, "store", real)
        assert messages(await store.find_events(EventQuery(group=GROUP))) == ["one", "two"]

    run(tmp_path, scenario)


def test_run_flushes_what_is_written_without_being_asked(tmp_path: Path) -> None:
    """Seen from a second connection: no read of the store's own has flushed."""

    async def scenario(store: LogStore) -> None:
        flushing = asyncio.ensure_future(store.run())
        store.open_stream(GROUP, "s").write(NOW_MS, "x" * store.buffer.pressure_bytes)
        other = sqlite3.connect(tmp_path / "logs.db")
        async with asyncio.timeout(60):
            while not other.execute("SELECT count(*) FROM log_chunks").fetchone()[0]:
                await asyncio.sleep(0)
        other.close()
        flushing.cancel()

    run(tmp_path, scenario, pending_bytes_max=1024)


def test_cancelled_caller_does_not_lose_events(tmp_path: Path) -> None:
    async def scenario(store: LogStore) -> None:
        store.open_stream(GROUP, "s").write(NOW_MS, "one")
        flushing = asyncio.ensure_future(store.flush())
        await asyncio.sleep(0)
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing
        assert messages(await store.find_events(EventQuery(group=GROUP))) == ["one"]

    run(tmp_path, scenario)


def test_cancelled_run_ends_even_where_its_flush_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that drains with a full disk; the events are still there for the last flush."""
    real = LogFile.store

    async def scenario(store: LogStore) -> None:
        loop = asyncio.get_running_loop()
        begun = asyncio.Event()

        def fail(*_: object, **__: object) -> None:
            loop.call_soon_threadsafe(begun.set)
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(LogFile, "store", fail)
        flushing = asyncio.ensure_future(store.run())
        store.open_stream(GROUP, "s").write(NOW_MS, "x" * store.buffer.pressure_bytes)
        await begun.wait()
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing
        monkeypatch.setattr(LogFile, "store", real)
        assert len((await store.find_events(EventQuery(group=GROUP))).events) == 1

    run(tmp_path, scenario, pending_bytes_max=1024)
