"""Settings become objects, wired to each other: what one server is made of. Nothing runs yet."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from lambent.app.access import ExecutionRoles
from lambent.app.around import Around
from lambent.app.delivery import make_courier, make_queue
from lambent.app.execution import Execution
from lambent.app.images import make_images
from lambent.app.services.every import make_services
from lambent.app.services.service import Ties
from lambent.app.sources import make_sources
from lambent.clock import SystemClock
from lambent.control.packages import Packages
from lambent.control.plane import Plane
from lambent.control.registry import Registry
from lambent.domain.arns import Account
from lambent.invoke.invoker import Invoker
from lambent.observe.meter import Meter
from lambent.services.iam import Iam
from lambent.settings import Settings, hot_reload_roots, parse_file_systems
from lambent.store.database import Database
from lambent.store.files import CodeStore
from lambent.store.logs import LogStore
from lambent.tasks import Tasks


class Parts:
    """In the order in which one needs the other."""

    def __init__(self, settings: Settings, tasks: Tasks, blocking: ThreadPoolExecutor) -> None:
        self.settings = settings
        self.tasks = tasks
        self.clock = SystemClock()
        self.account = Account(account_id=settings.account_id, region=settings.region)
        data = settings.data_dir
        self.database = Database(data / "lambent.db")
        self.files = CodeStore(data / "code", executor=blocking)
        self.images, self._pulling = make_images(
            settings, self.files.root / "images", os.environ, blocking=blocking
        )
        self.logs = LogStore(data / "logs.db", wall_s=self.clock.wall_s)
        self.meter = Meter()
        self.iam = Iam(self.database, clock=self.clock, account=self.account)
        self.roles = ExecutionRoles(
            self.iam.directory, self.clock, session_s=int(settings.role_session_s)
        )
        around = Around(self.account, self.database, self.clock, tasks)
        self.execution = Execution(
            settings,
            around,
            files=self.files,
            images=self.images.store,
            logs=self.logs,
            meter=self.meter,
            roles=self.roles,
        )
        self.registry = Registry(
            account=self.account,
            database=self.database,
            files=self.files,
            packages=Packages(self.files, executor=blocking),
            images=self.images.store,
            publisher=self.execution.publisher,
            retirer=self.execution.placement,
            key_file=data / "environment.key",
        )
        self.plane = Plane(
            self.registry,
            clock=self.clock,
            images=self.images,
            tasks=tasks,
            concurrency=settings.concurrency,
            file_systems=parse_file_systems(settings.file_systems),
            hot_reload_roots=hot_reload_roots(settings),
        )
        self.execution.ahead.current = self.registry.current
        self.execution.placement.most_of = self.plane.function_scalings.environments_max
        self.invoker = Invoker(
            self.plane.functions,
            self.execution.ledger,
            self.execution.placement,
            self.meter,
            self.clock,
        )
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

    async def close_stores(self) -> None:
        """Let go of files and threads; what is pending is stored before."""
        await self.logs.close()
        await self.images.store.close()
        await self.files.close()
        for service in self.services.every:
            service.close()
        await self.database.close()

    def close_images(self) -> None:
        """Look for no more images, and fetch none."""
        self.images.close()
        self._pulling.shutdown(wait=False, cancel_futures=True)
