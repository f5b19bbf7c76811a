"""All of S3: its operations by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.services.delivery.courier import Courier
from lambent.services.s3 import bucket_rows
from lambent.services.s3.bodies import Bodies
from lambent.services.s3.bucket_settings import BucketSettings
from lambent.services.s3.buckets import Buckets
from lambent.services.s3.calls import S3Handler
from lambent.services.s3.copies import Copies
from lambent.services.s3.lists import Lists
from lambent.services.s3.notifications import Notifications
from lambent.services.s3.objects import Objects
from lambent.services.s3.reading import Reader
from lambent.services.s3.state import State
from lambent.services.s3.target import BucketTarget
from lambent.services.s3.uploads import Uploads
from lambent.store.database import Database

log = logging.getLogger("lambent")


class S3:
    """Of one account."""

    def __init__(
        self,
        database: Database,
        *,
        account: Account,
        clock: Clock,
        root: Path,
        courier: Courier,
    ) -> None:
        """`root`: the folder of the bodies."""
        self.bodies = Bodies(root, database)
        self._database = database
        self.state = State(
            account=account,
            database=database,
            bodies=self.bodies,
            clock=clock,
            courier=courier,
        )
        self.objects = Objects(self.state)
        self.reader = Reader(self.state)
        self.target = BucketTarget(self.state)
        self.settings = BucketSettings(self.state)
        uploads = Uploads(self.state)
        self.operations: Mapping[str, S3Handler] = {
            **Buckets(self.state).handlers(),
            **self.settings.handlers(),
            **self.objects.handlers(),
            **Lists(self.state).handlers(),
            **Notifications(self.state).handlers(),
            **uploads.handlers(),
            **Copies(self.state, self.objects, uploads).handlers(),
        }

    def has_bucket(self, name: str) -> bool:
        return name in self.state.buckets

    async def load(self) -> None:
        """Before anything is asked of it."""
        await self.bodies.run(self.bodies.prepare)
        await self.state.load()

    def close(self) -> None:
        self.bodies.close()

    async def sweep(self) -> None:
        """Remove what a crash left behind."""
        count = await self.bodies.sweep()
        if count:
            log.info("removed %d files of S3 that no object names", count)

    async def reset(self) -> None:
        """Back to empty."""
        await self._database.write(bucket_rows.delete_everything)
        self.state.buckets.clear()
        await self.bodies.sweep()
