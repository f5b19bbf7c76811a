"""The log store against a list: random writes, flushes, restarts and reads."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from lambent.store.log_query import EventQuery, Position
from lambent.store.logs import LogStore

NOW_MS = 1_700_000_000_000
_OFFSET = st.integers(0, 3) | st.integers(0, 8_000_000)  # ties; more than two chunk spans
_WINDOW = st.just((0, 9_000_000)) | st.tuples(_OFFSET, _OFFSET)
_STREAM = st.sampled_from(["a", "b", "ab"])


class LogStoreMatchesAList(RuleBasedStateMachine):
    """Model: a list of (timestamp, stream's order of creation, ordinal, stream, message)."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.orders: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.events: list[tuple[int, int, int, str, str]] = []
        self.opened()

    def opened(self) -> None:
        self.store = LogStore(Path(self.folder.name) / "logs.db", wall_s=lambda: NOW_MS / 1000)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.store.close())
            self.runner.close()
            self.folder.cleanup()

    def note(self, stream: str, offset: int, message: str) -> None:
        order = self.orders.setdefault(stream, len(self.orders))
        ordinal = self.counts[stream] = self.counts.get(stream, -1) + 1
        self.events.append((NOW_MS + offset, order, ordinal, stream, message))

    @rule(stream=_STREAM, offsets=st.lists(_OFFSET, min_size=1, max_size=5), text=st.text("xyé\n"))
    def write(self, stream: str, offsets: list[int], text: str) -> None:
        async def write() -> None:
            opened = self.store.open_stream("g", stream)
            for offset in offsets:
                opened.write(NOW_MS + offset, text)
                self.note(stream, offset, text)

        self.runner.run(write())

    @rule(stream=_STREAM, offsets=st.lists(_OFFSET, min_size=1, max_size=5))
    def put(self, stream: str, offsets: list[int]) -> None:
        if stream in self.orders:
            events = [(NOW_MS + offset, "put") for offset in offsets]
            self.runner.run(self.store.put_events("g", stream, events))
            for offset in offsets:
                self.note(stream, offset, "put")

    @rule()
    def flush(self) -> None:
        self.runner.run(self.store.flush())

    @rule()
    def restart(self) -> None:
        self.runner.run(self.store.close())
        self.opened()

    @rule(
        window=_WINDOW,
        limit=st.integers(1, 7),
        backward=st.booleans(),
        streams=st.none() | st.lists(_STREAM, min_size=1, unique=True).map(tuple),
        prefix=st.none() | st.sampled_from(["a", "b", "c"]),
        wanted=st.none() | st.sampled_from(["x", "put"]),
    )
    def read_all_pages(
        self,
        window: tuple[int, int],
        limit: int,
        backward: bool,
        streams: tuple[str, ...] | None,
        prefix: str | None,
        wanted: str | None,
    ) -> None:
        if not self.orders or not set(streams or ()) <= set(self.orders):
            return
        start, end = NOW_MS + window[0], NOW_MS + window[1]
        expected = [
            event
            for event in sorted(self.events, reverse=backward)
            if start <= event[0] < end
            and (streams is None or event[3] in streams)
            and (streams is not None or prefix is None or event[3].startswith(prefix))
            and (wanted is None or wanted in event[4])
        ]
        found: list[tuple[int, str, str]] = []
        positions: list[Position] = []
        after = None
        while True:
            query = EventQuery(
                group="g",
                streams=streams,
                stream_prefix=prefix,
                start_ms=start,
                end_ms=end,
                after=after,
                backward=backward,
                limit=limit,
                matches=None if wanted is None else lambda message: wanted in message,
            )
            page = self.runner.run(self.store.find_events(query))
            assert len(page.events) <= limit
            found += [(event.position[0], event.stream, event.message) for event in page.events]
            positions += [event.position for event in page.events]
            after = page.more_after
            if after is None:
                break
        assert found == [(event[0], event[3], event[4]) for event in expected]
        assert positions == sorted(set(positions), reverse=backward)


LogStoreMatchesAList.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None
)
test_log_store_matches_a_list = LogStoreMatchesAList.TestCase
