"""What all operations of S3 share: the buckets in memory, the rows, the bodies, the time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.ids import new_token
from lambent.services.delivery.courier import Courier
from lambent.services.s3 import bucket_rows, object_rows
from lambent.services.s3.bodies import Bodies
from lambent.services.s3.errors import S3Error, invalid_argument, no_such_bucket, no_such_key
from lambent.services.s3.model import Bucket, ObjectVersion
from lambent.services.s3.notify import Notifier
from lambent.services.s3.receive import Received
from lambent.store.database import Database

_VERSION_ID = re.compile(r"null|[A-Za-z0-9._-]{32}")
"""What S3 takes for an id of a version, be it there or not; its error for others is quoted in many
reports."""


class State:
    """Of one account."""

    def __init__(
        self,
        *,
        account: Account,
        database: Database,
        bodies: Bodies,
        clock: Clock,
        courier: Courier,
    ) -> None:
        self.account = account
        self.database = database
        self.bodies = bodies
        self.clock = clock
        self.buckets: dict[str, Bucket] = {}
        self.notifier = Notifier(account, clock, courier, lambda name: self.buckets.get(name))

    async def load(self) -> None:
        found = await self.database.read(lambda c: bucket_rows.load_buckets(c, self.account))
        self.buckets = {bucket.name: bucket for bucket in found}

    def bucket(self, name: str, params: Mapping[str, Any] | None = None) -> Bucket:
        """Raises S3Error NoSuchBucket, or AccessDenied for another expected owner."""
        found = self.buckets.get(name)
        if found is None:
            raise no_such_bucket(name)
        owner = (params or {}).get("ExpectedBucketOwner")
        if owner is not None and owner != self.account.account_id:
            raise S3Error("AccessDenied")
        return found

    async def change(
        self,
        name: str,
        *,
        versioning: str | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        """On disk, then in memory; both in the order of the calls."""
        now, configuration = await self.database.write(
            lambda c: bucket_rows.change_bucket(c, name, versioning=versioning, changes=changes)
        )
        bucket = self.buckets.get(name)
        if bucket is not None:
            self.buckets[name] = replace(bucket, versioning=now, configuration=configuration)

    async def version(self, bucket: str, key: str, version_id: str | None) -> ObjectVersion:
        """The version that a read means. Raises S3Error as S3 does for what is not there."""
        if version_id is None:
            found = await self.database.read(lambda c: object_rows.find_latest(c, bucket, key))
            if found is None:
                raise no_such_key(key)
            if found.marker:
                error = no_such_key(key)
                error.headers = _marker_headers(found)
                raise error
            return found
        found = await self.database.read(
            lambda c: object_rows.find_version(c, bucket, key, version_id)
        )
        if found is None:
            if not _VERSION_ID.fullmatch(version_id):
                raise invalid_argument("Invalid version id specified", "versionId", version_id)
            raise S3Error("NoSuchVersion", Key=key, VersionId=version_id)
        if found.marker:
            error = S3Error("MethodNotAllowed", Method="GET", ResourceType="DeleteMarker")
            error.headers = (*_marker_headers(found), ("Allow", "DELETE"))
            raise error
        return found

    def now_s(self) -> int:
        return int(self.clock.wall_s())

    async def discard(self, received: Received) -> None:
        """A body that becomes nobody's."""
        self.bodies.settled([received.segment.body_id])
        if received.content is None:
            await self.bodies.remove([received.segment.body_id])

    async def removed(self, files: Iterable[str]) -> None:
        """After the commit that gave these bodies up."""
        files = list(files)
        if files:
            await self.bodies.remove(files)


def fresh_version_id() -> str:
    """32 letters and digits, as S3's."""
    return new_token()


def _marker_headers(marker: ObjectVersion) -> tuple[tuple[str, str], ...]:
    return (("x-amz-delete-marker", "true"), ("x-amz-version-id", marker.version_id))
