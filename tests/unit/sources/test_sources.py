"""All mappings of a server: their states, from creation to deletion."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from lambent.domain.event_source import MappingState
from lambent.sources.sources import UNREAD, Sources
from tests.unit.sources.virtual import run_virtually
from tests.unit.sources.world import MemoryQueue, ScriptedFunction, around, make_mapping


def test_a_mapping_is_disabled_and_deleted_once_its_batches_have_ended() -> None:
    async def act() -> None:
        async with asyncio.TaskGroup() as group:
            queue, function = MemoryQueue(), ScriptedFunction(takes_s=5)
            sources = Sources(around(function, group), {"sqs": queue})
            mapping = make_mapping()
            sources.start([mapping])
            assert sources.state("m") is MappingState.ENABLED
            queue.send("a")
            await asyncio.sleep(1)
            sources.changed(replace(mapping, enabled=False))
            assert sources.state("m") is MappingState.DISABLING
            await asyncio.sleep(5)
            assert sources.state("m") is MappingState.DISABLED
            queue.send("b")
            await asyncio.sleep(1)
            assert len(function.payloads) == 1
            sources.changed(mapping)
            assert sources.state("m") is MappingState.ENABLED
            await asyncio.sleep(1)
            sources.deleted("m")
            assert sources.deleting() == [mapping]
            await sources.ended()
            assert sources.state("m") is None
            assert len(function.payloads) == 2
            assert not queue.states.messages

    run_virtually(act())


def test_what_has_no_reader_is_kept_and_what_is_not_taken_up_yet_is_left() -> None:
    async def act() -> None:
        async with asyncio.TaskGroup() as group:
            sources = Sources(around(ScriptedFunction(), group), {})
            mapping = make_mapping()
            sources.changed(mapping)
            sources.deleted("m")
            sources.start([mapping])
            assert sources.state("m") is MappingState.ENABLED
            assert sources.result("m") == UNREAD
            sources.changed(replace(mapping, enabled=False))
            assert sources.state("m") is MappingState.DISABLED
            sources.deleted("m")
            assert sources.state("m") is None

    run_virtually(act())
