"""The telemetry of one environment: what its journal and its outputs tell, to those who subscribed.

`Telemetry` lives as long as the environment and keeps what happened in an init until it ends, for
extensions subscribe in the middle of it. A `TelemetrySink` belongs to one sandbox: its
subscribers, each with a buffer (`runtime/api/telemetry_buffer`) and a timer.
Source: Developer Guide, "Accessing real-time telemetry data for extensions".
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from lambent.clock import Clock
from lambent.runtime.api import replies
from lambent.runtime.api.replies import Reply
from lambent.runtime.api.telemetry_buffer import Batch, TelemetryBuffer
from lambent.runtime.api.telemetry_events import TelemetryEvent, dropped, render
from lambent.runtime.api.telemetry_subscription import Api, Destination, Subscription
from lambent.tasks import Tasks

SUBSCRIPTIONS_MAX = 20
"""[own] Of one sandbox."""
_KEPT_MAX = 2_000
"""[own] Events of an init that are kept for those who have not yet subscribed."""


class Delivery(Protocol):
    """The way to one destination."""

    async def send(self, events: tuple[bytes, ...]) -> None:
        """Raises OSError where they did not arrive, or may not have."""
        ...

    def close(self) -> None: ...


class Deliveries(Protocol):
    """Opens ways into one sandbox."""

    def __call__(self, destination: Destination) -> Delivery: ...


class Telemetry:
    """Where events come in."""

    def __init__(self, clock: Clock, *, init_type: str, json_lines: bool) -> None:
        self.clock = clock
        self.json_lines = json_lines
        self._init_type = init_type
        self._phase = ""
        self._kept: deque[TelemetryEvent] = deque(maxlen=_KEPT_MAX)
        self._initialises = False
        self._runtime_ready = False
        self._sink: TelemetrySink | None = None
        self.on_subscribed: Callable[[Subscription, str], None] = lambda subscription, name: None
        """For the log."""

    # The journal

    def begin(self, phase: str, runtime: Mapping[str, str]) -> None:
        """An init begins; `phase`: init or invoke."""
        self._phase = phase
        self._kept.clear()
        self._initialises = True
        self._runtime_ready = False
        self._sink = None
        self.tell("platform.initStart", {**self._init(), **runtime})

    def init_done(self, init_ms: float, *, status: str, error_type: str | None) -> None:
        """It is over, its extensions' part too."""
        self._tell_runtime_ready(status, error_type)
        record: dict[str, Any] = {**self._init(), "status": status}
        if error_type is not None:
            record["errorType"] = error_type
        record["metrics"] = {"durationMs": round(init_ms, 3)}
        self.tell("platform.initReport", record)
        self._initialises = False
        self._kept.clear()

    def tell(self, kind: str, record: Mapping[str, Any] | str, wall_s: float | None = None) -> None:
        event = TelemetryEvent(self.clock.wall_s() if wall_s is None else wall_s, kind, record)
        if self._initialises:
            self._kept.append(event)
        if self._sink is not None:
            self._sink.tell(event)

    def function_line(self, line: str) -> None:
        self.tell("function", line)

    # The sandbox

    def runtime_ready(self) -> None:
        """The runtime has initialised; extensions may still be at it."""
        self._tell_runtime_ready("success", None)

    def open(self, sink: TelemetrySink) -> None:
        """That sandbox's subscribers are told from now on."""
        self._sink = sink

    def subscribed(self, subscription: Subscription, name: str) -> None:
        logs = subscription.api is Api.LOGS
        record = {"name": name, "state": "Subscribed", "types": list(subscription.types)}
        self.on_subscribed(subscription, name)
        self.tell("platform.logsSubscription" if logs else "platform.telemetrySubscription", record)

    @property
    def kept(self) -> tuple[TelemetryEvent, ...]:
        return tuple(self._kept)

    def _tell_runtime_ready(self, status: str, error_type: str | None) -> None:
        if not self._runtime_ready:
            self._runtime_ready = True
            record = {**self._init(), "status": status}
            if error_type is not None:
                record["errorType"] = error_type
            self.tell("platform.initRuntimeDone", record)

    def _init(self) -> dict[str, Any]:
        return {"initializationType": self._init_type, "phase": self._phase}


class TelemetrySink:
    """The subscribers of one sandbox."""

    def __init__(
        self,
        telemetry: Telemetry,
        deliveries: Deliveries,
        loop: asyncio.AbstractEventLoop,
        tasks: Tasks,
    ) -> None:
        self._telemetry = telemetry
        self._deliveries = deliveries
        self._loop = loop
        self._tasks = tasks
        self._subscribers: dict[tuple[str, Destination], Subscriber] = {}
        self._open = True
        telemetry.open(self)

    def subscribe(self, name: str, subscription: Subscription) -> Reply:
        """By the extension of that name. The same destination again changes its subscription."""
        key = (name, subscription.destination)
        for (other, _), one in self._subscribers.items():
            api = one.subscription.api
            if other == name and api is not subscription.api:
                return replies.other_api(subscription.api, name, api)
        again = self._subscribers.get(key)
        if again is not None:
            again.change(subscription)
            return replies.SUBSCRIBED
        if len(self._subscribers) >= SUBSCRIPTIONS_MAX:
            return replies.too_many_subscriptions(subscription.api, SUBSCRIPTIONS_MAX)
        one = Subscriber(
            subscription,
            self._deliveries(subscription.destination),
            self._telemetry,
            self._loop,
            self._tasks,
        )
        for event in self._telemetry.kept:
            one.tell(event)
        self._subscribers[key] = one
        self._telemetry.subscribed(subscription, name)
        return replies.SUBSCRIBED

    def tell(self, event: TelemetryEvent) -> None:
        for one in self._subscribers.values():
            one.tell(event)

    def extension_line(self, line: str) -> None:
        if self._open:
            self._telemetry.tell("extension", line)

    def flush(self) -> None:
        """The environment ends: nothing waits for more."""
        for one in self._subscribers.values():
            one.flush()

    def close(self) -> None:
        """The sandbox is over; what was not delivered is lost."""
        self._open = False
        for one in self._subscribers.values():
            one.close()
        self._subscribers.clear()


class Subscriber:
    """Drives one buffer: a timer while it waits, a task while it sends."""

    def __init__(
        self,
        subscription: Subscription,
        delivery: Delivery,
        telemetry: Telemetry,
        loop: asyncio.AbstractEventLoop,
        tasks: Tasks,
    ) -> None:
        self.subscription = subscription
        self._delivery = delivery
        self._telemetry = telemetry
        self._clock = telemetry.clock
        self._loop = loop
        self._tasks = tasks
        self._buffer = TelemetryBuffer(subscription.buffering)
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._open = True

    def change(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self._buffer.limit(subscription.buffering)

    def tell(self, event: TelemetryEvent) -> None:
        if event.type not in self.subscription.types or not self._open:
            return
        encoded = self._render(event)
        if encoded is not None:
            self._buffer.add(encoded, self._clock.now())
            self._look()

    def flush(self) -> None:
        self._buffer.flush()
        self._stop_timer()
        self._look()

    def close(self) -> None:
        self._open = False
        self._stop_timer()
        if self._sending is not None:
            self._loop.call_soon(self._sending.cancel)  # once it has begun
        self._delivery.close()

    def _render(self, event: TelemetryEvent) -> bytes | None:
        json_lines = self._telemetry.json_lines
        return render(event, self.subscription.schema, json_lines=json_lines)

    def _look(self) -> None:
        wait_s = self._buffer.wait_s(self._clock.now())
        if wait_s is None or not self._open:
            return
        if wait_s <= 0.0:
            self._stop_timer()
            batch = self._buffer.take()
            self._sending = self._tasks.spawn(self._send(batch), name="telemetry")
        elif self._timer is None:
            self._timer = self._loop.call_later(wait_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._look()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    async def _send(self, batch: Batch) -> None:
        if not self._open:
            return
        events = batch.events
        if batch.dropped_records:
            lost = dropped(self._clock.wall_s(), batch.dropped_records, batch.dropped_bytes)
            encoded = self._render(lost)
            assert encoded is not None
            events = (encoded, *events)
        try:
            await self._delivery.send(events)
        except OSError:
            self._buffer.failed(self._clock.now())
        else:
            self._buffer.delivered()
        self._sending = None
        self._look()
