"""One running Lambent: settings become objects, wired to each other. No decisions are made here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lambent import __version__
from lambent.api.invoke_async import AsyncOperations
from lambent.api.operations import lambda_operations
from lambent.app.access import ExecutionRoles, load_session_tokens
from lambent.app.admission import make_access, make_s3_access, make_url_access
from lambent.app.around import Around
from lambent.app.backend import (
    INSIDE_PORT,
    debuggers_folder,
    describe_report,
    environments_max,
    make_backend,
    report_of,
    runtime_settings,
)
from lambent.app.delivery import make_courier, make_queue
from lambent.app.images import make_images
from lambent.app.readings import read_memory, usage_of, usage_row
from lambent.app.services.every import make_services
from lambent.app.services.service import Ties
from lambent.app.side_ports import listen_beside
from lambent.app.sources import make_sources
from lambent.clock import SystemClock
from lambent.control.downloads import load_downloads
from lambent.control.packages import Packages
from lambent.control.plane import Plane
from lambent.control.registry import Registry
from lambent.control.snap_start import SnapStart
from lambent.domain import limits
from lambent.domain.arns import Account
from lambent.domain.errors import PlatformFault
from lambent.environment.platform import Platform
from lambent.environment.program import Surroundings
from lambent.environment.runtime_apis import PORT as RUNTIME_API_PORT
from lambent.environment.runtime_apis import RuntimeApis
from lambent.gateway.event_route import EventRoute
from lambent.gateway.gateway import Gateway
from lambent.gateway.invoke_route import InvokeRoute
from lambent.gateway.invoke_streaming_route import InvokeStreamingRoute
from lambent.gateway.local import LocalRoutes
from lambent.gateway.s3_route import S3Route
from lambent.gateway.url_route import UrlRoute
from lambent.http.message import Request
from lambent.http.protocol import HttpLimits
from lambent.http.server import HttpServer
from lambent.invoke.debug_operator import DebugOperator
from lambent.invoke.invoker import Invoker
from lambent.observe.meter import Meter, Usage
from lambent.placement.concurrency import ConcurrencyLedger
from lambent.placement.debugging import Debugging
from lambent.placement.host_folders import HostFolders
from lambent.placement.parking import Parking
from lambent.placement.placement import SWEEP_S, Placement
from lambent.placement.publisher import Publisher, Specs
from lambent.placement.snapshots import Snapshots
from lambent.queue.operator import QueueOperator
from lambent.runtime.catalogue import find_runtimes, how_to_get
from lambent.services.iam import Iam
from lambent.settings import Settings, hot_reload_roots, parse_file_systems
from lambent.store.database import Database
from lambent.store.files import CodeStore
from lambent.store.logs import LogStore
from lambent.store.usage import clear_usage, load_usage, store_usage
from lambent.tasks import Tasks

USAGE_FLUSH_S = 1.0
ACCEPTS_MAX = 64
EXPIRY_MARGIN_S = 60.0
"""How long before its credentials end an environment serves no more."""


class Server:
    """Everything one running Lambent is made of."""

    def __init__(self, settings: Settings, tasks: Tasks, blocking: ThreadPoolExecutor) -> None:
        self.settings = settings
        self._tasks = tasks
        self._blocking = blocking
        self.clock = SystemClock()
        self.account = Account(account_id=settings.account_id, region=settings.region)
        self.interpreters = find_runtimes(runtime_settings(settings), os.environ)
        data = settings.data_dir
        self.database = Database(data / "lambent.db")
        self.iam = Iam(self.database, clock=self.clock, account=self.account)
        self.roles = ExecutionRoles(
            self.iam.directory, self.clock, session_s=int(settings.role_session_s)
        )
        self.files = CodeStore(data / "code", executor=blocking)
        self.images, self._pulling = make_images(
            settings, self.files.root / "images", os.environ, blocking=blocking
        )
        self.logs = LogStore(data / "logs.db", wall_s=self.clock.wall_s)
        self.meter = Meter()
        self._listeners: dict[str, socket.socket] = {}
        self.runtime_apis = RuntimeApis(asyncio.get_running_loop())
        self.backend = make_backend(
            settings,
            code_root=self.files.root,
            on_listener=self._on_listener,
            on_closed=self._on_sandbox_closed,
        )
        self.parking = Parking(
            self.backend, self.interpreters, tasks, parked=settings.parked, clock=self.clock
        )
        file_systems = parse_file_systems(settings.file_systems)
        self.host_folders = HostFolders(file_systems)
        self.snapshots = Snapshots(self.backend, allowed=settings.snapshots != "off")
        self.publisher = self._make_publisher()
        self.ledger = ConcurrencyLedger(settings.concurrency)
        platform = self._make_platform()
        self.snapshots.platform = platform
        self.placement = Placement(
            platform,
            self.ledger,
            environments_max=environments_max(settings),
            idle_timeout_s=settings.idle_timeout_s,
            age_max_s=settings.role_session_s - EXPIRY_MARGIN_S,
        )
        self.debugging = Debugging(self.placement, platform)
        self.placement.on_retired = self.snapshots.drop
        self.host_folders.retire = self.placement.retire
        self.registry = Registry(
            account=self.account,
            database=self.database,
            files=self.files,
            packages=Packages(self.files, executor=blocking),
            images=self.images.store,
            publisher=self.publisher,
            retirer=self.placement,
            key_file=data / "environment.key",
        )
        self.plane = Plane(
            self.registry,
            clock=self.clock,
            images=self.images,
            tasks=tasks,
            concurrency=settings.concurrency,
            file_systems=file_systems,
            hot_reload_roots=hot_reload_roots(settings),
        )
        self.placement.most_of = self.plane.function_scalings.environments_max
        self.invoker = Invoker(
            self.plane.functions, self.ledger, self.placement, self.meter, self.clock
        )
        around = Around(self.account, self.database, self.clock, tasks)
        delay_scale = settings.async_delay_scale
        self.queue = make_queue(around, self.invoker, self.plane, delay_scale)
        self.courier = make_courier(around, self.queue, self.plane, delay_scale)
        self.services = make_services(
            around,
            Ties(
                queue=self.queue,
                courier=self.courier,
                plane=self.plane,
                iam=self.iam,
                roles=self.roles,
                logs=self.logs,
                data_dir=data,
            ),
        )
        self.sources = make_sources(
            settings, around, self.invoker, self.plane, self.services.sqs, self.roles
        )
        self.http: HttpServer
        self.port = 0
        self.side_ports: list[tuple[str, str]] = []

    def _make_publisher(self) -> Publisher:
        """What gets code ready to run."""
        return Publisher(
            self.files,
            self.backend,
            self.parking,
            self.interpreters,
            how_to_get=how_to_get,
            host_folders=self.host_folders,
            snapshots=self.snapshots,
        )

    def _make_platform(self) -> Platform:
        """What environments work with."""
        return Platform(
            launcher=self.publisher,
            specs=Specs(self.files, self.images.store),
            logs=self.logs,
            meter=self.meter,
            clock=self.clock,
            tasks=self._tasks,
            loop=asyncio.get_running_loop(),
            around=Surroundings(
                region=self.settings.region,
                endpoint_url=f"http://127.0.0.1:{INSIDE_PORT}",
                credentials=self.roles.credentials,
            ),
            runtime_apis=self.runtime_apis,
            snapshots=self.snapshots,
            freezes=self.settings.freeze != "off",
            stream_bytes_per_s=self.settings.stream_bytes_per_s,
        )

    def _make_debug_operator(self) -> DebugOperator:
        return DebugOperator(
            self.plane.functions,
            self.debugging,
            folders_of=self.publisher.folders_of,
            debuggers=self.host_folders.debuggers,
            fetched=debuggers_folder(self.settings),
        )

    async def start(self) -> None:
        """Open the state, get the host ready, listen. Raises PlatformFault and OSError."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        await self.database.start()
        usage = await self.database.read(load_usage)
        self.meter.load({row[0]: usage_of(row) for row in usage})
        await self.backend.start()
        await self.registry.load()
        self.plane.concurrency.enforce_by(self.placement)
        for service in self.services.every:
            await service.load()
        downloads = self.plane.downloads = await load_downloads(self.database, clock=self.clock)
        tokens = self.roles.tokens = await load_session_tokens(self.database)
        access = await make_access(
            self.settings,
            self.database,
            self.iam.directory,
            tokens,
            self.account,
            self.clock,
            registry=self.registry,
            plane=self.plane,
            resource_documents={
                one.name: one.documents for one in self.services.every if one.documents
            },
        )
        admit = access.admit_invoke if access.authorization is not None else None
        self.gateway = gateway = Gateway(
            account=self.account,
            access=access,
            streams={one.name: one.streams for one in self.services.every},
            operations={
                "lambda": {
                    **lambda_operations(self.plane, self.services.s3.reader),
                    **AsyncOperations(self.queue).handlers(),
                },
                **{one.name: one.operations for one in self.services.every if one.operations},
            },
            invoke=InvokeRoute(
                self.invoker,
                self.account,
                EventRoute(self.queue),
                step=self.plane.recursion.step,
                admit=admit,
            ),
            invoke_streaming=InvokeStreamingRoute(
                self.invoker, self.account, step=self.plane.recursion.step, admit=admit
            ),
            urls=UrlRoute(
                self.plane.urls,
                self.invoker,
                make_url_access(access, self.account),
                self.account,
                wall_s=self.clock.wall_s,
                step=self.plane.recursion.step,
            ),
            local=LocalRoutes(
                health=self.health,
                bill=self.bill,
                reset=self.reset if self.settings.allow_reset else None,
                downloads=downloads,
                package_path=self.files.zip_path,
                events=QueueOperator(
                    self.queue, self.database, self.clock, self.courier.dispatcher.depths
                ),
                debug=self._make_debug_operator(),
                admit=access.admit_operator,
            ),
            s3=S3Route(
                self.services.s3,
                self.account,
                make_s3_access(access, self.clock),
                access.authorization,
                self.clock,
                self._tasks,
                endpoint=self._endpoint,
            ),
            certificate=self.services.sns.certificate,
            tasks=self._tasks,
            endpoint=self._endpoint,
        )
        self.http = HttpServer(gateway, HTTP_LIMITS)
        self.port = await self.http.listen(self.settings.host, self.settings.port, option="--port")
        self.side_ports = await listen_beside(
            self.settings, self.http, self.invoker, self.account, self.plane.recursion.step
        )
        await self._begin()

    async def _begin(self) -> None:
        """All that happens by itself, once every target is there."""
        await self.queue.start()
        await self.courier.start()
        for service in self.services.every:
            service.start()
        self.sources.start(self.plane.event_sources.every())
        snap_start = SnapStart(self.registry, self.snapshots, self._tasks)
        self.plane.versions.begin_snapshot = snap_start.begin
        snap_start.resume()
        self.plane.image_functions.resume()

    def _endpoint(self, request: Request) -> str:
        """The server as the caller named it."""
        host = request.headers.get("host")
        return f"http://{host}" if host else f"http://{self.settings.host}:{self.port}"

    async def stop(self) -> None:
        """Drain: running invocations finish within their time-outs; then everything ends."""
        self.http.stop_listening()
        self.debugging.end_all()  # what stands at a breakpoint would never be done
        self.queue.stop()
        self.courier.stop()
        self.sources.stop()
        for service in self.services.every:
            service.stop()
        self.http.drain()
        await self.invoker.drain()
        await self.sources.ended()
        await self.gateway.answered()
        await asyncio.sleep(0)  # the last answers leave before their connections
        self.http.drain()

    async def close(self) -> None:
        """End every process and store what is pending; also after a start that failed."""
        self.queue.close()
        self.courier.close()
        self.sources.close()
        self.plane.image_functions.close()
        self.images.close()
        self._pulling.shutdown(wait=False, cancel_futures=True)
        self.placement.stop()
        await self.placement.ended()
        self.snapshots.close()
        self.host_folders.close()
        await self.parking.close()
        await self.backend.stop()
        with contextlib.suppress(PlatformFault):
            await self.store_usage()
            await self.iam.directory.store_uses()
        await self.logs.close()
        await self.images.store.close()
        await self.files.close()
        for service in self.services.every:
            service.close()
        await self.database.close()

    async def reset(self) -> None:
        """Back to empty: functions, layers, roles, logs, bill; environments end."""
        self.debugging.end_all()
        self.sources.reset()
        await self.courier.reset()
        for service in self.services.every:
            await service.reset()
        await self.queue.reset()
        await self.registry.reset()
        self.snapshots.drop_all()
        await self.logs.clear()
        self.meter.clear()
        await self.database.write(clear_usage)

    async def store_usage(self) -> None:
        changed = self.meter.take_changed()
        if changed:
            rows = [usage_row(name, usage) for name, usage in changed.items()]
            await self.database.write(lambda connection: store_usage(connection, rows))

    # Loops for ever, as tasks

    def spawn_loops(self) -> list[asyncio.Task[None]]:
        """To be cancelled before the close."""
        works = {
            "sweep connections": self.http.sweep(),
            "flush logs": self.logs.run(),
            "expire idle environments": self.expire_idle(),
            "flush usage": self.flush_usage(),
            **{f"run {one.name}": one.run() for one in self.services.every if one.run},
        }
        return [self._tasks.spawn(work, name=name) for name, work in works.items()]

    async def expire_idle(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.placement.expire_idle()
            self.parking.tend(read_memory())
            await self.registry.sweep()
            for service in self.services.every:
                await service.sweep()

    async def flush_usage(self) -> None:
        while True:
            await asyncio.sleep(USAGE_FLUSH_S)
            await self.store_usage()
            await self.iam.directory.store_uses()

    # What people and tools ask

    def health(self) -> dict[str, Any]:
        report = report_of(self.backend, self.settings)
        return {
            "status": "ready",
            "version": __version__,
            "services": ["lambda", *sorted(one.name for one in self.services.every)],
            "isolation": describe_report(report),
            "runtimes": {
                name: {"version": one.version, "path": str(one.executable)}
                for name, one in self.interpreters.items()
            },
            "environments": {"alive": self.placement.count, "max": self.placement.environments_max},
        }

    def bill(self) -> dict[str, Any]:
        usage = self.meter.usage()
        total = Usage()
        for one in usage.values():
            total.add(one)
        functions = {name: one.as_dict() for name, one in sorted(usage.items())}
        return {"functions": functions, "total": total.as_dict()}

    def _on_listener(self, sandbox_id: str, port: int, listener: socket.socket) -> None:
        """Serve the endpoint on a socket that listens inside a sandbox's network."""
        if port == RUNTIME_API_PORT:
            self.runtime_apis.add_listener(sandbox_id, listener)
            return
        self._listeners[sandbox_id] = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, sandbox_id, listener)

    def _on_sandbox_closed(self, sandbox_id: str) -> None:
        self.runtime_apis.close(sandbox_id)
        listener = self._listeners.pop(sandbox_id, None)
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()

    def _accept(self, sandbox_id: str, listener: socket.socket) -> None:
        for _ in range(ACCEPTS_MAX):
            try:
                accepted, _ = listener.accept()
            except OSError:  # none waits, or it went before it was accepted
                return
            self._tasks.spawn(self.http.adopt(accepted, sandbox_id), name="adopt a connection")


HTTP_LIMITS = HttpLimits(
    connections=limits.CONNECTIONS_MAX,
    bodies_bytes=limits.BODIES_BYTES_MAX,
    header_bytes=limits.HEADER_BYTES_MAX,
    header_timeout_s=limits.HEADER_TIMEOUT_S,
    body_timeout_s=limits.BODY_TIMEOUT_S,
    idle_s=limits.KEEP_ALIVE_TIMEOUT_S,
)
