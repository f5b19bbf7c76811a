"""Tasks with an owner: each is born in one TaskGroup, and none of them can take the others down."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("lambent")


class Tasks:
    """Runs coroutines inside a TaskGroup that the app awaits."""

    __slots__ = ("_group",)

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group

    def spawn(self, work: Coroutine[Any, Any, object], *, name: str) -> asyncio.Task[None]:
        """Run `work`; an exception in it is a fault of ours: logged here, once, and contained."""
        return self._group.create_task(_contained(work, name), name=name)


async def _contained(work: Coroutine[Any, Any, object], name: str) -> None:
    try:
        await work
    except Exception:  # outermost loop of a driver: the group must outlive one task's fault
        log.exception("fault in task %s", name)
