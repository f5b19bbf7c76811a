"""Buckets: create, head, list, delete, where they are, and their versioning."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from lambent.services.s3 import body_rows, bucket_rows
from lambent.services.s3.calls import Answer, Call, S3Handler
from lambent.services.s3.errors import S3Error, not_implemented
from lambent.services.s3.model import Bucket
from lambent.services.s3.names import check_bucket_name
from lambent.services.s3.objects import owner_of
from lambent.services.s3.state import State

BUCKETS_MAX = 10_000  # S3 User Guide, "Quotas": general purpose buckets of one account
_PAGE_MAX = 10_000  # [B] ListBuckets MaxBuckets


class Buckets:
    """One method an operation."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Mapping[str, S3Handler]:
        return {
            "CreateBucket": self.create_bucket,
            "HeadBucket": self.head_bucket,
            "ListBuckets": self.list_buckets,
            "DeleteBucket": self.delete_bucket,
            "GetBucketLocation": self.get_bucket_location,
            "GetBucketVersioning": self.get_bucket_versioning,
            "PutBucketVersioning": self.put_bucket_versioning,
        }

    async def create_bucket(self, call: Call) -> Answer:
        state, name, params = self._state, call.bucket, call.params
        check_bucket_name(name)
        if params.get("ObjectLockEnabledForBucket"):
            raise not_implemented("x-amz-bucket-object-lock-enabled")
        wanted = params.get("CreateBucketConfiguration") or {}
        region = _check_region(wanted.get("LocationConstraint"), state.account.region)
        if len(state.buckets) >= BUCKETS_MAX:
            raise S3Error("TooManyBuckets")
        if name in state.buckets:
            # [API] us-east-1 answers the owner's second creation with success, for what once was.
            if region != "us-east-1":
                raise S3Error("BucketAlreadyOwnedByYou", BucketName=name)
            return Answer(result={"Location": f"/{name}"})
        configuration = {}
        if params.get("ObjectOwnership"):
            configuration["ownershipControls"] = params["ObjectOwnership"]
        if wanted.get("Tags"):
            configuration["tagging"] = {tag["Key"]: tag["Value"] for tag in wanted["Tags"]}
        bucket = Bucket(
            name=name, region=region, created_s=state.now_s(), configuration=configuration
        )
        await state.database.write(lambda c: bucket_rows.insert_bucket(c, state.account, bucket))
        state.buckets[name] = bucket
        return Answer(result={"Location": f"/{name}"})

    async def head_bucket(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        return Answer(result={"BucketRegion": bucket.region, "AccessPointAlias": False})

    async def list_buckets(self, call: Call) -> Answer:
        params, state = call.params, self._state
        prefix = params.get("Prefix") or ""
        after = params.get("ContinuationToken") or ""
        page_max = params.get("MaxBuckets") or _PAGE_MAX
        names = sorted(name for name in state.buckets if name.startswith(prefix) and name > after)
        page = [state.buckets[name] for name in names[:page_max]]
        paged = "MaxBuckets" in params
        return Answer(
            result={
                "Buckets": [
                    {
                        "Name": bucket.name,
                        "CreationDate": bucket.created_s,
                        "BucketRegion": bucket.region if paged else None,
                    }
                    for bucket in page
                ],
                "Owner": owner_of(state.account.account_id),
                "ContinuationToken": page[-1].name if len(names) > len(page) else None,
                "Prefix": params.get("Prefix"),
            }
        )

    async def delete_bucket(self, call: Call) -> Answer:
        state, name = self._state, call.bucket
        state.bucket(name, call.params)

        def write(connection: sqlite3.Connection) -> list[str]:
            bodies = bucket_rows.delete_bucket(connection, name)
            return body_rows.delete_bodies(connection, bodies)

        files = await state.database.write(write)
        state.buckets.pop(name, None)
        await state.removed(files)
        return Answer()

    async def get_bucket_location(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        region = None if bucket.region == "us-east-1" else bucket.region
        return Answer(result={"LocationConstraint": region})

    async def get_bucket_versioning(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        return Answer(result={"Status": bucket.versioning or None})

    async def put_bucket_versioning(self, call: Call) -> Answer:
        self._state.bucket(call.bucket, call.params)
        wanted = call.params["VersioningConfiguration"]
        if wanted.get("MFADelete") == "Enabled":
            raise not_implemented("MfaDelete")
        status = wanted.get("Status")
        if status is None:
            raise S3Error(
                "IllegalVersioningConfigurationException",
                "The Versioning element must be specified",
            )
        await self._state.change(call.bucket, versioning=status)
        return Answer()


def _check_region(constraint: str | None, region: str) -> str:
    """The bucket's region: this server has one. Raises S3Error."""
    if constraint is None:
        if region != "us-east-1":
            raise S3Error(
                "IllegalLocationConstraintException",
                "The unspecified location constraint is incompatible for the region specific"
                " endpoint this request was sent to.",
            )
        return region
    wanted = "eu-west-1" if constraint == "EU" else constraint
    if constraint == "us-east-1":
        raise S3Error("InvalidLocationConstraint", LocationConstraint=constraint)
    if wanted != region:
        raise S3Error(
            "IllegalLocationConstraintException",
            f"The {constraint} location constraint is incompatible for the region specific endpoint"
            " this request was sent to.",
        )
    return region
