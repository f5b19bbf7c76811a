"""The driver of one mapping of a queue: receives, invokes, deletes.

Pollers are tasks, each with one batch in its hand. One at most waits for messages; when it has got
some, it calls the next. So an idle mapping is one waiting receive, and a busy one has as many
pollers as `scaling` allows. What the function did not take stays in flight and becomes visible by
the queue's visibility timeout; what is deleted was taken before. A crash at any instant leaves
every message in the queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from lambent.domain.errors import LambdaError, PlatformFault
from lambent.domain.event_source import EventSourceMapping
from lambent.domain.invocation import Outcome
from lambent.sources.batching import Batcher, Item, make_payload
from lambent.sources.filtering import Criteria
from lambent.sources.groups import GroupOrder
from lambent.sources.interface import Around, NotRun, Problem, QueueReader
from lambent.sources.responses import parse_failures
from lambent.sources.scaling import Scaling
from lambent.sources.sqs_event import make_item, make_record

log = logging.getLogger("lambent")

RECEIVE_MAX = 10
"""[B] ReceiveMessage: MaxNumberOfMessages."""
IDLE_WAIT_S = 300.0
"""Of one receive; a reader that speaks HTTP waits at most 20 s."""
EMPTY_PAUSE_S = 0.1
"""Between receives that do not wait as long as they are told to."""
THROTTLE_PAUSE_S = (0.1, 5.0)
"""The first and the longest between tries of a batch that was throttled."""
PROBLEM_PAUSE_S = (0.5, 10.0)
"""The first and the longest until a source that cannot be polled is tried again."""

FAILED = "PROBLEM: Function call failed"  # [B], example of GetEventSourceMapping in the CLI guide
OK = "OK"


class QueuePoller:
    """Works from `start` to `stop`; then `on_drained` is called once nothing of it runs."""

    def __init__(
        self,
        mapping: EventSourceMapping,
        reader: QueueReader,
        around: Around,
        on_drained: Callable[[], None],
    ) -> None:
        self.result: str | None = None
        """LastProcessingResult; None until there is one."""
        self._reader = reader
        self._around = around
        self._runner = around.runner
        self._now = around.clock.now
        self._on_drained = on_drained
        self._scaling = Scaling(None, self._now())
        self._open = False
        self.active = 0
        """Pollers: the one that waits, and those with a batch."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = False
        self._end_wait: Callable[[], None] | None = None
        self._stopped = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._pause_s = PROBLEM_PAUSE_S[0]
        self.change(mapping)

    def change(self, mapping: EventSourceMapping) -> None:
        """From the next batch on."""
        options = mapping.options
        filters = (options.get("FilterCriteria") or {}).get("Filters") or []
        self._mapping = mapping
        self._criteria = Criteria([one.get("Pattern") or "{}" for one in filters], "body")
        self._partial = "ReportBatchItemFailures" in (options.get("FunctionResponseTypes") or ())
        self._size_max = options.get("BatchSize") or RECEIVE_MAX
        self._window_s = float(options.get("MaximumBatchingWindowInSeconds") or 0)
        self._scaling.resize((options.get("ScalingConfig") or {}).get("MaximumConcurrency"))
        if self._end_wait is not None:
            self._end_wait()

    def start(self) -> None:
        self._open = True
        self._stopped.clear()
        self._pause_s = PROBLEM_PAUSE_S[0]
        self._tend()

    def stop(self) -> None:
        """Receive nothing more. What runs goes on."""
        self._open = False
        self._stopped.set()
        self._set_timer(None)
        if self._end_wait is not None:
            self._end_wait()
        if not self.active:
            self._on_drained()

    def cancel(self) -> None:
        """End what runs; after `stop`."""
        for task in self._tasks:
            task.cancel()

    def _tend(self) -> None:
        """Have one poller wait, if one more is allowed."""
        if not self._open or self._waiting or self._timer is not None:
            return
        if self.active < self._scaling.allowed(self._now(), self.active):
            self._waiting = True
            self.active += 1
            task = self._around.tasks.spawn(self._poll(), name="poll a queue")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._set_timer(self._scaling.grows_in_s())

    def _set_timer(self, delay_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if delay_s is not None:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._timer_rang)

    def _timer_rang(self) -> None:
        self._timer = None
        self._tend()

    # One poller

    async def _poll(self) -> None:
        """One batch; several where one receive was too much for an invocation."""
        try:
            collected = await self._collect_or_pause()
            if collected:
                self._tend()
                await self._process(collected)
        finally:
            self.active -= 1
            if self._open:
                self._tend()
            elif not self.active:
                self._on_drained()

    async def _collect_or_pause(self) -> Batcher | None:
        try:
            return await self._collect()
        except (Problem, LambdaError, PlatformFault, OSError) as error:
            self._pause(str(error))
        except Exception:  # the outermost loop: it would go round at once
            log.exception("fault while polling %s", self._mapping.source_arn)
            self._pause("internal error")
        finally:
            self._waiting = False
        return None

    def _pause(self, why: str) -> None:
        """Nothing can be polled: try again later, ever more seldom."""
        text = f"PROBLEM: {why}"
        if text != self.result:
            log.warning("mapping %s: %s", self._mapping.uuid, text)
        self.result = text
        if self._open:
            self._set_timer(self._pause_s)
            self._pause_s = min(2 * self._pause_s, PROBLEM_PAUSE_S[1])

    async def _collect(self) -> Batcher:
        """What makes a batch by size, window or bytes; nothing once it is stopped."""
        batcher = self._new_batcher()
        while self._open:
            begun_s = self._now()
            if not len(batcher):
                batcher = self._new_batcher()
                self._runner.check(self._mapping)
            wait_s = batcher.wait_s(begun_s)
            if wait_s == 0:
                break
            try:
                messages = await self._receive(
                    batcher.room, IDLE_WAIT_S if wait_s is None else wait_s
                )
            except (Problem, LambdaError, PlatformFault, OSError):
                if len(batcher):  # what is in hand is run first
                    break
                raise
            self._pause_s = PROBLEM_PAUSE_S[0]
            if messages:
                batcher.add(await self._filter(messages), self._now())
            elif wait_s is None and self._now() - begun_s < EMPTY_PAUSE_S:
                await self._wait(EMPTY_PAUSE_S)
        return batcher

    async def _receive(self, count_max: int, wait_s: float) -> list[dict[str, Any]]:
        """Messages that the role may still read: a wait is long."""
        try:
            messages = await self._reader.receive(
                self._mapping,
                min(RECEIVE_MAX, count_max),
                wait_s=wait_s,
                on_cancel=self._set_end_wait,
            )
        finally:
            self._end_wait = None
        if messages:
            try:
                self._runner.check(self._mapping)
            except Problem:
                await self._release([message["ReceiptHandle"] for message in messages])
                raise
        return messages

    def _new_batcher(self) -> Batcher:
        return Batcher(self._size_max, self._window_s)

    def _set_end_wait(self, end: Callable[[], None]) -> None:
        self._end_wait = end

    async def _filter(self, messages: Sequence[dict[str, Any]]) -> list[Item]:
        """Those that the function wants; the others are deleted."""
        items, unwanted = [], []
        for message in messages:
            record = make_record(message, self._mapping.source_arn)
            if self._criteria.passes(record, record["body"]):
                items.append(make_item(record))
            else:
                unwanted.append(record["receiptHandle"])
        if unwanted:
            await self._delete(unwanted)
        return items

    async def _wait(self, seconds: float) -> None:
        """Until then, or until it is stopped."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        except TimeoutError:
            pass

    # One batch

    async def _process(self, collected: Batcher) -> None:
        first_s = collected.first_s or self._now()
        order = GroupOrder()
        for batch in collected.take():
            ready = order.admit(batch)
            if not ready:
                continue
            failed = await self._run(ready, first_s)
            order.finished(ready, failed)
            if done := [item.handle for item in ready if item.id not in failed]:
                await self._delete(done)

    async def _run(self, batch: Sequence[Item], first_s: float) -> set[str]:
        """The ids of those that the function did not take."""
        looped, trace_id = self._chain(batch)
        rest = [item for item in batch if item.id not in looped]
        if not rest:
            return looped
        payload = make_payload(rest)
        pause_s = THROTTLE_PAUSE_S[0]
        while True:
            mapping = self._mapping
            outcome = await self._runner.run(mapping, payload, trace_id)
            if not isinstance(outcome, NotRun):
                break
            self.result = f"PROBLEM: {outcome.text}"
            self._scaling.throttled(self.active)
            kept_s = await self._kept_s(mapping)
            if not self._open:
                await self._release([item.handle for item in batch])
                return {item.id for item in batch}
            if self._now() + pause_s > first_s + kept_s:
                return {item.id for item in batch}
            await self._wait(pause_s)
            pause_s = min(2 * pause_s, THROTTLE_PAUSE_S[1])
        self._scaling.succeeded()
        return looped | self._failed(rest, outcome)

    async def _kept_s(self, mapping: EventSourceMapping) -> float:
        """For how long after its receive a batch may still be begun."""
        try:
            return await self._reader.visibility_s(mapping) - self._runner.timeout_s(mapping)
        except (LambdaError, PlatformFault, OSError):
            return 0.0

    def _failed(self, batch: Sequence[Item], outcome: Outcome | LambdaError) -> set[str]:
        ids = [item.id for item in batch]
        failed: set[str] | None = None
        if not isinstance(outcome, LambdaError) and outcome.error is None:
            failed = parse_failures(outcome.payload, ids) if self._partial else set()
        self.result = FAILED if failed is None else OK
        return set(ids) if failed is None else failed

    def _chain(self, batch: Sequence[Item]) -> tuple[set[str], bytes]:
        """The ids of messages that came round too often, and the trace header of the others.

        Of several chains the first goes on.
        """
        looped, trace_id = set(), b""
        for item in batch:
            stepped = self._runner.step(self._mapping, item.trace)
            if stepped is None:
                looped.add(item.id)
            else:
                trace_id = trace_id or stepped
        return looped, trace_id

    async def _delete(self, handles: Sequence[str]) -> None:
        """What cannot be deleted comes again: at least once is what is promised."""
        try:
            await self._reader.delete(self._mapping, handles)
        except (LambdaError, PlatformFault, OSError) as error:
            log.warning("messages of %s stay: %s", self._mapping.source_arn, error)

    async def _release(self, handles: Sequence[str]) -> None:
        try:
            await self._reader.release(self._mapping, handles)
        except (LambdaError, PlatformFault, OSError) as error:
            log.warning("messages of %s stay in flight: %s", self._mapping.source_arn, error)
