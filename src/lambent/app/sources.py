"""Event source mappings, with the readers that this process has."""

from __future__ import annotations

from lambent.app.delivery import Around as Surroundings
from lambent.control.plane import Plane
from lambent.domain.event_source import SourceType
from lambent.invoke.invoker import Invoker
from lambent.services.sqs import Sqs
from lambent.sources.interface import Around
from lambent.sources.local_queues import LocalQueueReader
from lambent.sources.runner import FunctionRunner
from lambent.sources.sources import Sources


def make_sources(around: Surroundings, invoker: Invoker, plane: Plane, sqs: Sqs) -> Sources:
    """A service that can be a source adds its reader here."""
    runner = FunctionRunner(invoker, plane.role_permissions, plane.recursion, around.clock)
    sources = Sources(
        Around(runner, around.clock, around.tasks),
        {SourceType.SQS: LocalQueueReader(sqs.local)},
    )
    plane.event_sources.live = sources
    return sources
