"""What runs functions: the host's sandboxes, and the environments that are placed in them."""

from __future__ import annotations

import asyncio
import os

from lambent.app.access import ExecutionRoles
from lambent.app.around import Around
from lambent.app.backend import (
    INSIDE_PORT,
    debuggers_folder,
    environments_max,
    make_backend,
    runtime_settings,
)
from lambent.app.inside import InsideListeners
from lambent.app.readings import read_memory
from lambent.control.functions import Functions
from lambent.environment.platform import Platform
from lambent.environment.program import Surroundings
from lambent.images.store import ImageStore
from lambent.invoke.debug_operator import DebugOperator
from lambent.observe.meter import Meter
from lambent.placement.ahead import AheadStarts
from lambent.placement.concurrency import ConcurrencyLedger
from lambent.placement.debugging import Debugging
from lambent.placement.host_folders import HostFolders
from lambent.placement.parking import Parking
from lambent.placement.placement import Placement
from lambent.placement.publisher import Publisher, Specs
from lambent.placement.snapshots import Snapshots
from lambent.runtime.catalogue import find_runtimes, how_to_get
from lambent.settings import Settings, parse_file_systems
from lambent.store.files import CodeStore
from lambent.store.logs import LogStore

EXPIRY_MARGIN_S = 60.0
"""How long before its credentials end an environment serves no more."""


class Execution:
    """From the code of a function to its environments. One for each server."""

    def __init__(
        self,
        settings: Settings,
        around: Around,
        *,
        files: CodeStore,
        images: ImageStore,
        logs: LogStore,
        meter: Meter,
        roles: ExecutionRoles,
    ) -> None:
        self._settings = settings
        self.interpreters = find_runtimes(runtime_settings(settings), os.environ)
        self.inside = InsideListeners(around.tasks)
        self.backend = make_backend(
            settings,
            code_root=files.root,
            on_listener=self.inside.opened,
            on_closed=self.inside.closed,
        )
        self.parking = Parking(
            self.backend,
            self.interpreters,
            around.tasks,
            parked=settings.parked,
            clock=around.clock,
        )
        self.host_folders = HostFolders(parse_file_systems(settings.file_systems))
        self.snapshots = Snapshots(self.backend, allowed=settings.snapshots != "off")
        self.publisher = Publisher(
            files,
            self.backend,
            self.parking,
            self.interpreters,
            how_to_get=how_to_get,
            host_folders=self.host_folders,
            snapshots=self.snapshots,
        )
        self.ahead = AheadStarts(processes=settings.ahead, forks=settings.parked > 0)
        platform = Platform(
            launcher=self.publisher,
            specs=Specs(files, images),
            logs=logs,
            meter=meter,
            clock=around.clock,
            tasks=around.tasks,
            loop=asyncio.get_running_loop(),
            around=Surroundings(
                region=settings.region,
                endpoint_url=f"http://127.0.0.1:{INSIDE_PORT}",
                credentials=roles.credentials,
            ),
            runtime_apis=self.inside.runtime_apis,
            snapshots=self.snapshots,
            ahead=self.ahead,
            freezes=settings.freeze != "off",
            stream_bytes_per_s=settings.stream_bytes_per_s,
        )
        self.snapshots.platform = self.ahead.platform = platform
        self.ledger = ConcurrencyLedger(settings.concurrency)
        self.placement = Placement(
            platform,
            self.ledger,
            environments_max=environments_max(settings),
            idle_timeout_s=settings.idle_timeout_s,
            age_max_s=settings.role_session_s - EXPIRY_MARGIN_S,
        )
        self.debugging = Debugging(self.placement, platform)
        self.placement.on_retired = self._retired
        self.placement.waiting_ahead = self.ahead.versions
        self.host_folders.retire = self.placement.retire

    def debug_operator(self, functions: Functions) -> DebugOperator:
        """What attaches debuggers to them."""
        return DebugOperator(
            functions,
            self.debugging,
            folders_of=self.publisher.folders_of,
            debuggers=self.host_folders.debuggers,
            fetched=debuggers_folder(self._settings),
        )

    def sweep(self) -> None:
        """End what is idle, and keep as many processes at hand as the host has room for."""
        self.placement.expire_idle()
        memory = read_memory()
        self.parking.tend(memory)
        self.ahead.tend(memory)

    def _retired(self, name: str, version: str | None = None) -> None:
        self.snapshots.drop(name, version)
        self.ahead.changed(name, version)

    async def close(self) -> None:
        """End every process."""
        self.ahead.close()
        self.placement.stop()
        await self.placement.ended()
        self.snapshots.close()
        self.host_folders.close()
        await self.parking.close()
        await self.backend.stop()
