"""Multipart uploads: create, upload and copy parts, complete, abort, list.

Completing copies nothing: the bodies of the parts become the object's, one behind the other.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from lambent.services.s3 import checksums, describe, object_rows, upload_rows
from lambent.services.s3.calls import Answer, Call, S3Handler
from lambent.services.s3.conditions import check_write
from lambent.services.s3.errors import S3Error, invalid_argument
from lambent.services.s3.lists import encoder, page_size
from lambent.services.s3.model import About, ObjectVersion, Part, Upload
from lambent.services.s3.objects import owner_of
from lambent.services.s3.receive import Received
from lambent.services.s3.state import State, fresh_version_id
from lambent.store.outbox import OutboxMessage

PART_NUMBER_MAX = 10_000  # S3 User Guide, "Amazon S3 multipart upload limits", as the next two
PART_BYTES_MIN = 5 * 1024 * 1024
OBJECT_BYTES_MAX = 50 * 1024**4
_COMPOSITE = {"SHA1", "SHA256"}
"""Algorithms whose checksum of a whole cannot be made of those of its parts."""


class Uploads:
    """One method an operation."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Mapping[str, S3Handler]:
        return {
            "CreateMultipartUpload": self.create_multipart_upload,
            "UploadPart": self.upload_part,
            "CompleteMultipartUpload": self.complete_multipart_upload,
            "AbortMultipartUpload": self.abort_multipart_upload,
            "ListParts": self.list_parts,
            "ListMultipartUploads": self.list_multipart_uploads,
        }

    async def create_multipart_upload(self, call: Call) -> Answer:
        state, params = self._state, call.params
        bucket = state.bucket(call.bucket, params)
        describe.check_key(call.key)
        about = describe.parse_about(params, bucket)
        algorithm, kind = _checksum_of(params)
        if algorithm is not None:
            about = replace(about, checksum=(algorithm, ""), checksum_type=kind)
        upload = Upload(
            upload_id=secrets.token_urlsafe(48),
            bucket=bucket.name,
            key=call.key,
            initiated_s=state.now_s(),
            about=about,
        )
        await state.database.write(lambda c: upload_rows.insert_upload(c, upload))
        return Answer(
            result={
                "Bucket": bucket.name,
                "Key": call.key,
                "UploadId": upload.upload_id,
                "ChecksumAlgorithm": algorithm,
                "ChecksumType": kind if algorithm else None,
                **describe.describe_encryption(about),
            }
        )

    async def upload_part(self, call: Call) -> Answer:
        upload = await self.find(call)
        number = check_part_number(call.params["PartNumber"])
        received = await call.received()
        part = await self.store_part(upload, number, received)
        result: dict[str, Any] = {
            "ETag": f'"{part.etag}"',
            **describe.describe_encryption(upload.about),
        }
        if received.checksum is not None:
            result[f"Checksum{received.checksum[0]}"] = received.checksum[1]
        return Answer(result=result)

    async def find(self, call: Call) -> Upload:
        """Raises S3Error."""
        state = self._state
        state.bucket(call.bucket, call.params)
        return await state.database.read(
            lambda c: upload_rows.find_upload(c, call.bucket, call.key, call.params["UploadId"])
        )

    async def store_part(self, upload: Upload, number: int, received: Received) -> Part:
        """On disk, in place of an earlier one of its number. Raises S3Error."""
        state, wanted = self._state, upload.about.checksum
        checksum = ""
        if received.checksum is not None:
            if wanted is not None and wanted[0] != received.checksum[0]:
                await state.discard(received)
                raise S3Error(
                    "InvalidRequest",
                    f"Checksum Type mismatch occurred, expected checksum Type: {wanted[0].lower()},"
                    f" actual checksum Type: {received.checksum[0].lower()}",
                )
            checksum = received.checksum[1]
        part = Part(
            number=number,
            segment=received.segment,
            etag=received.md5,
            checksum=checksum,
            modified_s=state.now_s(),
        )
        try:
            files = await state.database.write(
                lambda c: upload_rows.put_part(c, upload, part, received.content)
            )
        except BaseException:
            await state.discard(received)
            raise
        state.bodies.settled([part.segment.body_id])
        await state.removed(files)
        return part

    async def complete_multipart_upload(self, call: Call) -> Answer:
        state, params = self._state, call.params
        bucket = state.bucket(call.bucket, params)
        named = (params.get("MultipartUpload") or {}).get("Parts") or []
        if not named:
            raise S3Error("MalformedXML")
        fresh_id, now_s = fresh_version_id(), state.now_s()

        def write(
            connection: sqlite3.Connection,
        ) -> tuple[ObjectVersion, list[str], list[OutboxMessage]]:
            upload = upload_rows.find_upload(connection, bucket.name, call.key, params["UploadId"])
            parts = _choose(upload_rows.load_parts(connection, upload.upload_id), named, upload)
            draft = _assemble(upload, parts, params, now_s)
            kept = {part.segment.body_id for part in parts}
            files = upload_rows.delete_upload(connection, upload.upload_id, kept)
            version, displaced = object_rows.put_version(
                connection, draft, fresh_id, lambda current: check_write(current, params)
            )
            event = "ObjectCreated:CompleteMultipartUpload"
            messages = state.notifier.post(connection, event, version, call)
            return version, [*files, *displaced], messages

        version, files, messages = await state.database.write(write)
        state.notifier.sent(messages)
        await state.removed(files)
        return Answer(
            result={
                "Location": f"{call.context.endpoint}/{bucket.name}/{call.key}",
                "Bucket": bucket.name,
                "Key": call.key,
                "ETag": f'"{version.etag}"',
                "VersionId": describe.shown_version(version, bucket),
                **describe.describe_encryption(version.about),
                **describe.describe_checksum(version.about),
            }
        )

    async def abort_multipart_upload(self, call: Call) -> Answer:
        state, params = self._state, call.params
        state.bucket(call.bucket, params)

        def write(connection: sqlite3.Connection) -> list[str]:
            upload_id = params["UploadId"]
            upload_rows.find_upload(connection, call.bucket, call.key, upload_id)
            return upload_rows.delete_upload(connection, upload_id)

        await state.removed(await state.database.write(write))
        return Answer()

    async def list_parts(self, call: Call) -> Answer:
        params = call.params
        upload = await self.find(call)
        parts_max, after = page_size(params, "MaxParts"), int(params.get("PartNumberMarker") or 0)
        found = await self._state.database.read(
            lambda c: upload_rows.load_parts(
                c, upload.upload_id, after=after, parts_max=parts_max + 1
            )
        )
        parts, owner = found[:parts_max], owner_of(self._state.account.account_id)
        algorithm = upload.about.checksum[0] if upload.about.checksum else None
        return Answer(
            result={
                "Bucket": upload.bucket,
                "Key": upload.key,
                "UploadId": upload.upload_id,
                "PartNumberMarker": after,
                "NextPartNumberMarker": parts[-1].number if parts else 0,
                "MaxParts": parts_max,
                "IsTruncated": len(found) > len(parts),
                "Initiator": owner,
                "Owner": owner,
                "StorageClass": upload.about.storage_class,
                "ChecksumAlgorithm": algorithm,
                "ChecksumType": upload.about.checksum_type if algorithm else None,
                "Parts": [_describe_part(part, algorithm) for part in parts],
            }
        )

    async def list_multipart_uploads(self, call: Call) -> Answer:
        params, state = call.params, self._state
        bucket = state.bucket(call.bucket, params)
        items_max, encode = page_size(params, "MaxUploads"), encoder(params)
        prefix, delimiter = params.get("Prefix") or "", params.get("Delimiter") or ""
        key_marker, id_marker = params.get("KeyMarker") or "", params.get("UploadIdMarker") or ""
        uploads, prefixes, truncated = await state.database.read(
            partial(
                upload_rows.list_uploads,
                bucket=bucket.name,
                prefix=prefix,
                delimiter=delimiter,
                key_marker=key_marker,
                id_marker=id_marker if key_marker else "",
                items_max=items_max,
            )
        )
        owner = owner_of(state.account.account_id)
        result: dict[str, Any] = {
            "Bucket": bucket.name,
            "KeyMarker": encode(key_marker),
            "UploadIdMarker": id_marker,
            "Prefix": encode(prefix),
            "Delimiter": encode(delimiter) if delimiter else None,
            "MaxUploads": items_max,
            "EncodingType": params.get("EncodingType"),
            "IsTruncated": truncated,
            "Uploads": [
                {
                    "UploadId": upload.upload_id,
                    "Key": encode(upload.key),
                    "Initiated": upload.initiated_s,
                    "StorageClass": upload.about.storage_class,
                    "Owner": owner,
                    "Initiator": owner,
                }
                for upload in uploads
            ],
            "CommonPrefixes": [{"Prefix": encode(one)} for one in prefixes],
        }
        if truncated:
            last = max([upload.key for upload in uploads[-1:]] + prefixes[-1:], default="")
            result["NextKeyMarker"] = encode(last)
            if uploads and uploads[-1].key == last:
                result["NextUploadIdMarker"] = uploads[-1].upload_id
        return Answer(result=result)


def check_part_number(number: int) -> int:
    if not 1 <= number <= PART_NUMBER_MAX:
        raise invalid_argument(
            f"Part number must be an integer between 1 and {PART_NUMBER_MAX}, inclusive",
            "partNumber",
            str(number),
        )
    return number


def _checksum_of(params: Mapping[str, Any]) -> tuple[str | None, str]:
    """Algorithm and type of a new upload. Raises S3Error where they do not go together."""
    algorithm: str | None = params.get("ChecksumAlgorithm")
    kind = params.get("ChecksumType")
    if algorithm is None:
        if kind is not None:
            raise S3Error(
                "InvalidRequest",
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm"
                " header.",
            )
        return None, ""
    default = "FULL_OBJECT" if algorithm == "CRC64NVME" else "COMPOSITE"
    kind = kind or default
    if (algorithm in _COMPOSITE and kind == "FULL_OBJECT") or (
        algorithm == "CRC64NVME" and kind == "COMPOSITE"
    ):
        raise S3Error(
            "InvalidRequest",
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum"
            " algorithm.",
        )
    return algorithm, kind


def _choose(
    there: Sequence[Part], named: Sequence[Mapping[str, Any]], upload: Upload
) -> list[Part]:
    """The parts that the request names, in its order. Raises S3Error."""
    by_number = {part.number: part for part in there}
    chosen: list[Part] = []
    for one in named:
        number, etag = one.get("PartNumber"), str(one.get("ETag") or "").strip('"')
        if number is None or not etag:
            raise S3Error("MalformedXML")
        if chosen and number <= chosen[-1].number:
            raise S3Error("InvalidPartOrder", UploadId=upload.upload_id)
        part = by_number.get(number)
        if part is None or part.etag != etag:
            raise S3Error("InvalidPart", UploadId=upload.upload_id, PartNumber=number, ETag=etag)
        if upload.about.checksum is not None:
            given = one.get(f"Checksum{upload.about.checksum[0]}")
            if given is not None and given != part.checksum:
                raise S3Error("InvalidPart", UploadId=upload.upload_id, PartNumber=number)
        chosen.append(part)
    for part in chosen[:-1]:
        if part.segment.size < PART_BYTES_MIN:
            raise S3Error(
                "EntityTooSmall",
                ProposedSize=part.segment.size,
                MinSizeAllowed=PART_BYTES_MIN,
                PartNumber=part.number,
                ETag=part.etag,
            )
    return chosen


def _assemble(
    upload: Upload, parts: Sequence[Part], params: Mapping[str, Any], now_s: int
) -> ObjectVersion:
    """The object that the parts make. Its ETag is the MD5 of their MD5s, and how many there are."""
    size = sum(part.segment.size for part in parts)
    wanted_size = params.get("MpuObjectSize")
    if wanted_size is not None and int(wanted_size) != size:
        raise S3Error(
            "InvalidRequest",
            f"The provided 'x-amz-mp-object-size' header does not match what was computed. {size}",
        )
    digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    etag = f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"
    about = replace(upload.about, parts=tuple(part.segment.size for part in parts))
    return ObjectVersion(
        bucket=upload.bucket,
        key=upload.key,
        size=size,
        etag=etag,
        modified_s=now_s,
        about=_with_checksum(about, parts, params),
        segments=tuple(part.segment for part in parts),
    )


def _with_checksum(about: About, parts: Sequence[Part], params: Mapping[str, Any]) -> About:
    """The checksum of the whole, made of those of the parts. Raises S3Error BadDigest."""
    if about.checksum is None:
        return about
    algorithm = about.checksum[0]
    if not all(part.checksum for part in parts):
        return replace(about, checksum=None)
    digests = [checksums.decode(part.checksum, algorithm) or b"" for part in parts]
    if about.checksum_type == "COMPOSITE":
        whole = checksums.new_checksum(algorithm)
        whole.update(b"".join(digests))
        text = f"{checksums.encode(whole.digest())}-{len(parts)}"
    else:
        sizes = [part.segment.size for part in parts]
        text = checksums.encode(checksums.join(algorithm, list(zip(digests, sizes, strict=True))))
    given = params.get(f"Checksum{algorithm}")
    if given is not None and given not in (text, text.rpartition("-")[0]):
        raise S3Error(
            "BadDigest",
            f"The {algorithm.lower()} you specified did not match the calculated checksum.",
        )
    about = replace(about, checksum=(algorithm, text))
    if about.checksum_type == "COMPOSITE":
        about = replace(about, part_checksums=tuple(part.checksum for part in parts))
    return about


def _describe_part(part: Part, algorithm: str | None) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "PartNumber": part.number,
        "LastModified": part.modified_s,
        "ETag": f'"{part.etag}"',
        "Size": part.segment.size,
    }
    if algorithm is not None and part.checksum:
        shape[f"Checksum{algorithm}"] = part.checksum
    return shape
