"""One running Lambent: its parts start, serve and stop. No decisions are made here."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lambent.app.access import load_session_tokens
from lambent.app.front import Answers, make_gateway
from lambent.app.parts import Parts
from lambent.app.readings import usage_of, usage_row
from lambent.app.side_ports import listen_beside
from lambent.app.status import describe_bill, describe_health
from lambent.control.downloads import load_downloads
from lambent.control.snap_start import SnapStart
from lambent.domain import limits
from lambent.domain.errors import PlatformFault
from lambent.gateway.gateway import Gateway
from lambent.http.message import Request
from lambent.http.protocol import HttpLimits
from lambent.http.server import HttpServer
from lambent.placement.placement import SWEEP_S
from lambent.settings import Settings
from lambent.store.usage import clear_usage, load_usage, store_usage
from lambent.tasks import Tasks

USAGE_FLUSH_S = 1.0
HTTP_LIMITS = HttpLimits(
    connections=limits.CONNECTIONS_MAX,
    bodies_bytes=limits.BODIES_BYTES_MAX,
    header_bytes=limits.HEADER_BYTES_MAX,
    header_timeout_s=limits.HEADER_TIMEOUT_S,
    body_timeout_s=limits.BODY_TIMEOUT_S,
    idle_s=limits.KEEP_ALIVE_TIMEOUT_S,
)


class Server:
    """From its start to its close."""

    def __init__(self, settings: Settings, tasks: Tasks, blocking: ThreadPoolExecutor) -> None:
        self.settings = settings
        self.parts = Parts(settings, tasks, blocking)
        self._tasks = tasks
        self._gateway: Gateway
        self.http: HttpServer
        self.port = 0
        self.side_ports: list[tuple[str, str]] = []

    async def start(self) -> None:
        """Open the state, get the host ready, listen. Raises PlatformFault and OSError."""
        parts, settings = self.parts, self.settings
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        await parts.database.start()
        usage = await parts.database.read(load_usage)
        parts.meter.load({row[0]: usage_of(row) for row in usage})
        await parts.execution.backend.start()
        await parts.registry.load()
        parts.plane.concurrency.enforce_by(parts.execution.placement)
        for service in parts.services.every:
            await service.load()
        parts.roles.tokens = await load_session_tokens(parts.database)
        await self._listen()
        await self._begin()

    async def _listen(self) -> None:
        parts, settings = self.parts, self.settings
        downloads = await load_downloads(parts.database, clock=parts.clock)
        parts.plane.downloads = downloads
        answers = Answers(
            health=partial(describe_health, parts),
            bill=partial(describe_bill, parts.meter),
            reset=self.reset if settings.allow_reset else None,
            endpoint=self._endpoint,
        )
        self._gateway = await make_gateway(parts, downloads, answers)
        self.http = HttpServer(self._gateway, HTTP_LIMITS)
        parts.execution.inside.adopt = self.http.adopt
        self.port = await self.http.listen(settings.host, settings.port, option="--port")
        self.side_ports = await listen_beside(
            settings, self.http, parts.invoker, parts.account, parts.plane.recursion.step
        )

    async def _begin(self) -> None:
        """All that happens by itself, once every target is there."""
        parts = self.parts
        await parts.queue.start()
        await parts.courier.start()
        for service in parts.services.every:
            service.start()
        parts.sources.start(parts.plane.event_sources.every())
        snap_start = SnapStart(parts.registry, parts.execution.snapshots, self._tasks)
        parts.plane.versions.begin_snapshot = snap_start.begin
        snap_start.resume()
        parts.plane.image_functions.resume()

    def _endpoint(self, request: Request) -> str:
        """The server as the caller named it."""
        host = request.headers.get("host")
        return f"http://{host}" if host else f"http://{self.settings.host}:{self.port}"

    async def stop(self) -> None:
        """Drain: running invocations finish within their time-outs; then everything ends."""
        parts = self.parts
        self.http.stop_listening()
        parts.execution.debugging.end_all()  # what stands at a breakpoint would never be done
        parts.queue.stop()
        parts.courier.stop()
        parts.sources.stop()
        for service in parts.services.every:
            service.stop()
        self.http.drain()
        await parts.invoker.drain()
        await parts.sources.ended()
        await self._gateway.answered()
        await asyncio.sleep(0)  # the last answers leave before their connections
        self.http.drain()

    async def close(self) -> None:
        """End every process and store what is pending; also after a start that failed."""
        parts = self.parts
        parts.queue.close()
        parts.courier.close()
        parts.sources.close()
        parts.plane.image_functions.close()
        parts.close_images()
        await parts.execution.close()
        with contextlib.suppress(PlatformFault):
            await self._store_uses()
        await parts.close_stores()

    async def reset(self) -> None:
        """Back to empty: functions, layers, roles, logs, bill; environments end."""
        parts = self.parts
        parts.execution.debugging.end_all()
        parts.sources.reset()
        await parts.courier.reset()
        for service in parts.services.every:
            await service.reset()
        await parts.queue.reset()
        await parts.registry.reset()
        parts.execution.snapshots.drop_all()
        await parts.logs.clear()
        parts.meter.clear()
        await parts.database.write(clear_usage)

    # Loops for ever

    def spawn_loops(self) -> list[asyncio.Task[None]]:
        """As tasks, to be cancelled before the close."""
        works = {
            "sweep connections": self.http.sweep(),
            "flush logs": self.parts.logs.run(),
            "sweep what is over": self._sweep(),
            "flush uses": self._flush_uses(),
            **{f"run {one.name}": one.run() for one in self.parts.services.every if one.run},
        }
        return [self._tasks.spawn(work, name=name) for name, work in works.items()]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.parts.execution.sweep()
            await self.parts.registry.storage.sweep()
            for service in self.parts.services.every:
                await service.sweep()

    async def _flush_uses(self) -> None:
        while True:
            await asyncio.sleep(USAGE_FLUSH_S)
            await self._store_uses()

    async def _store_uses(self) -> None:
        """What functions used, and when keys were used last."""
        changed = self.parts.meter.take_changed()
        if changed:
            rows = [usage_row(name, usage) for name, usage in changed.items()]
            await self.parts.database.write(lambda connection: store_usage(connection, rows))
        await self.parts.iam.directory.store_uses()
