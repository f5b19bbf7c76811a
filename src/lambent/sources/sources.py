"""All event source mappings of a server: each has its state, and a poller where there is a reader.

Rows are the truth of what is to be; states are only here. After a start what is stored is taken up
again: the messages that were in a poller's hand are in their queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from lambent.domain.event_source import EventSourceMapping, MappingState
from lambent.sources.interface import Around, QueueReader
from lambent.sources.queue_poller import QueuePoller
from lambent.sources.states import Signal, decide

UNREAD = "PROBLEM: Lambent does not read event sources of this kind yet."


class _Life:
    """One mapping while it is there."""

    def __init__(self, mapping: EventSourceMapping, state: MappingState) -> None:
        self.mapping = mapping
        self.state: MappingState | None = state
        self.poller: QueuePoller | None = None
        self.polls = False

    def signal(self, signal: Signal) -> None:
        assert self.state is not None
        self.state = decide(self.state, signal)


class Sources:
    """`control.event_sources.Live`, and the start and end of it all."""

    def __init__(self, around: Around, readers: Mapping[str, QueueReader]) -> None:
        """`readers`: by type of source, e.g. `sqs`. Those without one are kept, and not read."""
        self._around = around
        self._readers = readers
        self._lives: dict[str, _Life] = {}
        self._open = False
        self._ended = asyncio.Event()

    # What changes

    def start(self, mappings: Iterable[EventSourceMapping]) -> None:
        """Take up what is stored."""
        self._open = True
        for mapping in mappings:
            self.created(mapping)

    def created(self, mapping: EventSourceMapping) -> None:
        life = _Life(mapping, MappingState.CREATING)
        self._lives[mapping.uuid] = life
        reader = self._readers.get(mapping.source_type)
        if reader is not None:
            life.poller = QueuePoller(
                mapping, reader, self._around, lambda: self._drained(mapping.uuid)
            )
        self._settle(life)

    def changed(self, mapping: EventSourceMapping) -> None:
        life = self._lives.get(mapping.uuid)
        if life is None:  # `start` takes it up as it is stored
            return
        if mapping.enabled != life.mapping.enabled:
            life.signal(Signal.ENABLE if mapping.enabled else Signal.DISABLE)
        else:
            life.signal(Signal.CHANGE)
        life.mapping = mapping
        if life.poller is not None:
            life.poller.change(mapping)
        self._settle(life)

    def deleted(self, uuid: str) -> None:
        """Its row is gone; it is shown until its last batch has ended."""
        life = self._lives.get(uuid)
        if life is None:
            return
        life.signal(Signal.DELETE)
        self._settle(life)

    # What is shown

    def state(self, uuid: str) -> MappingState | None:
        life = self._lives.get(uuid)
        return None if life is None else life.state

    def result(self, uuid: str) -> str | None:
        """LastProcessingResult."""
        life = self._lives.get(uuid)
        if life is None:
            return None
        return UNREAD if life.poller is None else life.poller.result

    def deleting(self) -> list[EventSourceMapping]:
        """Mappings without a row, of which something runs."""
        return [
            life.mapping for life in self._lives.values() if life.state is MappingState.DELETING
        ]

    # The end

    def stop(self) -> None:
        """Poll nothing more; what runs may end."""
        self._open = False
        for life in self._lives.values():
            if life.poller is not None and life.polls:
                life.polls = False
                life.poller.stop()

    async def ended(self) -> None:
        """Returns when no batch runs and what was taken is deleted."""
        while any(life.poller is not None and life.poller.active for life in self._lives.values()):
            self._ended.clear()
            await self._ended.wait()

    def close(self) -> None:
        """End at once; the queues have what was not deleted."""
        self.stop()
        for life in self._lives.values():
            if life.poller is not None:
                life.poller.cancel()

    def reset(self) -> None:
        """Forget every mapping."""
        self.close()
        self._lives.clear()
        self._open = True

    def _settle(self, life: _Life) -> None:
        """Have the poller do what the mapping says; without one that is done at once."""
        wanted = life.mapping.enabled and life.state is not MappingState.DELETING
        if life.poller is None or (not wanted and not life.polls and not life.poller.active):
            self._arrived(life)
        elif wanted:
            if not life.polls and self._open:
                life.polls = True
                life.poller.start()
            life.signal(Signal.POLLING)
        elif life.polls:
            life.polls = False
            life.poller.stop()

    def _arrived(self, life: _Life) -> None:
        enabled = life.mapping.enabled and life.state is not MappingState.DELETING
        life.signal(Signal.POLLING if enabled else Signal.DRAINED)
        if life.state is None:
            del self._lives[life.mapping.uuid]

    def _drained(self, uuid: str) -> None:
        self._ended.set()
        life = self._lives.get(uuid)
        if life is not None and life.state in _LEAVING:
            self._arrived(life)


_LEAVING = (MappingState.DISABLING, MappingState.DELETING, MappingState.UPDATING)
