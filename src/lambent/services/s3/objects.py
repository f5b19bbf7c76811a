"""Objects: put, get, head, delete, and the tags of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambent.services.s3 import body_rows, describe, object_rows
from lambent.services.s3.bodies import Segment
from lambent.services.s3.calls import Answer, Call, Download, S3Handler
from lambent.services.s3.conditions import check_delete, check_read, check_write, parse_range
from lambent.services.s3.conditions import has_write_conditions as is_conditional
from lambent.services.s3.errors import S3Error
from lambent.services.s3.model import About, Bucket, ObjectVersion
from lambent.services.s3.state import State, fresh_version_id
from lambent.store.outbox import OutboxMessage

DELETE_KEYS_MAX = 1_000  # S3 API Reference, DeleteObjects


class Objects:
    """One method an operation."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Mapping[str, S3Handler]:
        return {
            "PutObject": self.put_object,
            "GetObject": self.get_object,
            "HeadObject": self.head_object,
            "DeleteObject": self.delete_object,
            "DeleteObjects": self.delete_objects,
            "GetObjectTagging": self.get_object_tagging,
            "PutObjectTagging": self.put_object_tagging,
            "DeleteObjectTagging": self.delete_object_tagging,
            "GetObjectAttributes": self.get_object_attributes,
            "GetObjectAcl": self.get_object_acl,
            "PutObjectAcl": self.put_object_acl,
        }

    async def put_object(self, call: Call) -> Answer:
        return await self.put(call, event="ObjectCreated:Put")

    async def put(self, call: Call, *, event: str, least: int = 0) -> Answer:
        """Also what a form posts, of at least so many bytes."""
        bucket = self._state.bucket(call.bucket, call.params)
        describe.check_key(call.key)
        about = describe.parse_about(call.params, bucket)
        received = await call.received()
        if received.segment.size < least:
            await self._state.discard(received)
            raise S3Error(
                "EntityTooSmall", ProposedSize=received.segment.size, MinSizeAllowed=least
            )
        if received.checksum is not None:
            about = replace(about, checksum=received.checksum)
        draft = ObjectVersion(
            bucket=bucket.name,
            key=call.key,
            size=received.segment.size,
            etag=received.md5,
            modified_s=self._state.now_s(),
            about=about,
            segments=(received.segment,),
        )
        version = await self.commit(draft, [(received.segment, received.content)], call, event)
        return Answer(
            result={
                "ETag": f'"{version.etag}"',
                "VersionId": describe.shown_version(version, bucket),
                **describe.describe_encryption(about),
                **describe.describe_checksum(about),
            }
        )

    async def commit(
        self,
        draft: ObjectVersion,
        bodies: list[tuple[Segment, bytes | None]],
        call: Call,
        event: str,
    ) -> ObjectVersion:
        """The version with its bodies and the events that it causes, in one transaction."""
        state, fresh_id = self._state, fresh_version_id()
        params = call.params
        conditional = is_conditional(params)

        def check(current: ObjectVersion | None) -> None:
            check_write(current, params)

        def write(
            connection: sqlite3.Connection,
        ) -> tuple[ObjectVersion, list[str], list[OutboxMessage]]:
            version, files = object_rows.put_version(
                connection, draft, fresh_id, check if conditional else None
            )
            for segment, content in bodies:
                body_rows.insert_body(connection, segment.body_id, content)
            return version, files, state.notifier.post(connection, event, version, call)

        try:
            version, files, messages = await state.database.write(write)
        except BaseException:
            await state.removed(segment.body_id for segment, content in bodies if content is None)
            raise
        finally:
            state.bodies.settled(segment.body_id for segment, _ in bodies)
        state.notifier.sent(messages)
        await state.removed(files)
        return version

    async def get_object(self, call: Call) -> Answer:
        answer, version = await self._read(call)
        start, length = 0, version.size
        if answer.status == 206:
            first_text = answer.result["ContentRange"].split(" ")[1].partition("-")[0]
            start, length = int(first_text), answer.result["ContentLength"]
        answer.body = Download(version=version, start=start, length=length)
        return answer

    async def head_object(self, call: Call) -> Answer:
        answer, version = await self._read(call)
        answer.result["StorageClass"] = describe.describe_object(
            version, self._state.bucket(call.bucket), {}
        )["StorageClass"]
        return answer

    async def _read(self, call: Call) -> tuple[Answer, ObjectVersion]:
        state, params = self._state, call.params
        bucket = state.bucket(call.bucket, params)
        version = await state.version(bucket.name, call.key, params.get("VersionId"))
        check_read(version, params)
        result = describe.describe_object(version, bucket, params)
        answer = Answer(result=result, headers=describe.expires_header(version, params))
        part = params.get("PartNumber")
        if part is not None:
            wanted: tuple[int, int] | None = _part_range(version, part)
            if version.about.parts:
                result["PartsCount"] = len(version.about.parts)
        else:
            wanted = parse_range(params.get("Range"), version.size)
        if wanted is not None:
            start, length = wanted
            result["ContentLength"] = length
            result["ContentRange"] = f"bytes {start}-{start + length - 1}/{version.size}"
            answer.status = 206
            for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
                result.pop(f"Checksum{algorithm}", None)
            result.pop("ChecksumType", None)
        return answer, version

    async def delete_object(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        result = await self._delete(bucket, call.params, call)
        return Answer(result=result)

    async def _delete(
        self, bucket: Bucket, params: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        """DeleteMarker and VersionId, where they are to be told."""
        state, key, version_id = self._state, params["Key"], params.get("VersionId")
        fresh_id, now_s = fresh_version_id(), state.now_s()

        def check(current: ObjectVersion | None) -> None:
            check_delete(current, params)

        def write(
            connection: sqlite3.Connection,
        ) -> tuple[object_rows.Removed, list[OutboxMessage]]:
            if version_id is not None:
                removed = object_rows.remove_version(
                    connection, bucket.name, key, version_id, check
                )
            else:
                removed = object_rows.remove_object(
                    connection, bucket.name, key, fresh_id, now_s, check
                )
            if removed.version is None:
                return removed, []
            version, event = removed.version, "ObjectRemoved:DeleteMarkerCreated"
            if not removed.created_marker:
                event = "ObjectRemoved:Delete"
                version = replace(version, number=object_rows.next_number(connection))
            return removed, state.notifier.post(connection, event, version, call)

        removed, messages = await state.database.write(write)
        state.notifier.sent(messages)
        await state.removed(removed.files)
        version = removed.version
        result: dict[str, Any] = {}
        if version is not None and version.marker:
            result["DeleteMarker"] = True
        if version_id is not None:
            result["VersionId"] = version_id
        elif version is not None and removed.created_marker:
            result["VersionId"] = version.version_id
        return result

    async def delete_objects(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        wanted = call.params["Delete"]
        objects = wanted.get("Objects") or []
        errors: list[Mapping[str, Any]] = list(call.refused)
        if not 1 <= len(objects) + len(errors) <= DELETE_KEYS_MAX:
            raise S3Error("MalformedXML")
        deleted = []
        for one in objects:
            try:
                found = await self._delete(bucket, one, call)
            except S3Error as error:
                errors.append(
                    {
                        "Key": one["Key"],
                        "VersionId": one.get("VersionId"),
                        "Code": error.code,
                        "Message": error.message,
                    }
                )
                continue
            entry: dict[str, Any] = {"Key": one["Key"], "VersionId": one.get("VersionId")}
            if found.get("DeleteMarker"):
                entry["DeleteMarker"] = True
                entry["DeleteMarkerVersionId"] = found["VersionId"]
            deleted.append(entry)
        result: dict[str, Any] = {"Errors": errors}
        if not wanted.get("Quiet"):
            result["Deleted"] = deleted
        return Answer(result=result)

    # Tags

    async def get_object_tagging(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        version = await self._state.version(bucket.name, call.key, call.params.get("VersionId"))
        return Answer(
            result={
                "VersionId": describe.shown_version(version, bucket),
                "TagSet": describe.tag_set(version.about.tags),
            }
        )

    async def put_object_tagging(self, call: Call) -> Answer:
        tags = describe.check_tags(call.params["Tagging"]["TagSet"], describe.TAGS_MAX)
        return await self._tag(call, tags, "ObjectTagging:Put")

    async def delete_object_tagging(self, call: Call) -> Answer:
        return await self._tag(call, {}, "ObjectTagging:Delete")

    async def _tag(self, call: Call, tags: Mapping[str, str], event: str) -> Answer:
        state = self._state
        bucket = state.bucket(call.bucket, call.params)
        version = await state.version(bucket.name, call.key, call.params.get("VersionId"))

        def write(connection: sqlite3.Connection) -> list[OutboxMessage]:
            now = object_rows.find_version(connection, bucket.name, version.key, version.version_id)
            if now is None:
                raise S3Error("NoSuchKey", Key=version.key)
            object_rows.change_about(connection, now, replace(now.about, tags=tags))
            return state.notifier.post(connection, event, now, call)

        state.notifier.sent(await state.database.write(write))
        return Answer(result={"VersionId": describe.shown_version(version, bucket)})

    # What else is told of them

    async def get_object_attributes(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        version = await self._state.version(bucket.name, call.key, call.params.get("VersionId"))
        asked, about = set(call.params["ObjectAttributes"]), version.about
        result: dict[str, Any] = {
            "LastModified": version.modified_s,
            "VersionId": describe.shown_version(version, bucket),
        }
        if "ETag" in asked:
            result["ETag"] = version.etag
        if "StorageClass" in asked:
            result["StorageClass"] = about.storage_class
        if "ObjectSize" in asked:
            result["ObjectSize"] = version.size
        if "Checksum" in asked and about.checksum is not None:
            result["Checksum"] = describe.describe_checksum(about)
        if "ObjectParts" in asked and about.parts:
            result["ObjectParts"] = _describe_parts(about, call.params)
        return Answer(result=result)

    async def get_object_acl(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        await self._state.version(bucket.name, call.key, call.params.get("VersionId"))
        return Answer(result=owner_acl(self._state.account.account_id))

    async def put_object_acl(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        await self._state.version(bucket.name, call.key, call.params.get("VersionId"))
        describe.check_acl(call.params, bucket)
        return Answer()


def owner_of(account_id: str) -> dict[str, str]:
    """The canonical user of the account: AWS has a hash of its own making."""
    return {"ID": account_id.zfill(64)}


def owner_acl(account_id: str) -> dict[str, Any]:
    """The owner may do everything: what a bucket without ACLs answers."""
    owner = owner_of(account_id)
    grantee = {**owner, "Type": "CanonicalUser"}
    return {"Owner": owner, "Grants": [{"Grantee": grantee, "Permission": "FULL_CONTROL"}]}


def _part_range(version: ObjectVersion, part: int) -> tuple[int, int] | None:
    """Where a part of a multipart object lies; an object in one piece is its own first part."""
    sizes = version.about.parts or (version.size,)
    if not 1 <= part <= len(sizes):
        raise S3Error("InvalidPartNumber", ActualPartCount=len(sizes), PartNumberRequested=part)
    if not version.size:
        return None
    return sum(sizes[: part - 1]), sizes[part - 1]


def _describe_parts(about: About, params: Mapping[str, Any]) -> dict[str, Any]:
    after, parts_max = params.get("PartNumberMarker") or 0, params.get("MaxParts")
    parts_max = 1000 if parts_max is None else min(parts_max, 1000)
    numbered = list(enumerate(about.parts, 1))[after : after + parts_max]
    result: dict[str, Any] = {
        "TotalPartsCount": len(about.parts),
        "PartNumberMarker": after,
        "MaxParts": parts_max,
        "IsTruncated": after + len(numbered) < len(about.parts),
    }
    if numbered:
        result["NextPartNumberMarker"] = numbered[-1][0]
    if about.part_checksums and about.checksum is not None:
        name = f"Checksum{about.checksum[0]}"
        result["Parts"] = [
            {"PartNumber": number, "Size": size, name: about.part_checksums[number - 1]}
            for number, size in numbered
        ]
    return result
