"""CopyObject and UploadPartCopy.

An object in one piece is copied by another name of its file. One that was uploaded in parts is read
through once, because the copy's ETag is the MD5 of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from lambent.services.s3 import describe
from lambent.services.s3.bodies import Segment
from lambent.services.s3.calls import Answer, Call, Download, S3Handler
from lambent.services.s3.conditions import check_read
from lambent.services.s3.download import read
from lambent.services.s3.errors import S3Error, invalid_argument
from lambent.services.s3.model import About, Bucket, ObjectVersion
from lambent.services.s3.objects import Objects
from lambent.services.s3.receive import Expected, Received, Receiver
from lambent.services.s3.state import State
from lambent.services.s3.uploads import Uploads, check_part_number

COPY_BYTES_MAX = 5 * 1024**3  # S3 API Reference, CopyObject: 5 GB in a single operation


class Copies:
    """One method an operation."""

    def __init__(self, state: State, objects: Objects, uploads: Uploads) -> None:
        self._state = state
        self._objects = objects
        self._uploads = uploads

    def handlers(self) -> Mapping[str, S3Handler]:
        return {"CopyObject": self.copy_object, "UploadPartCopy": self.upload_part_copy}

    async def copy_object(self, call: Call) -> Answer:
        state, params = self._state, call.params
        bucket = state.bucket(call.bucket, params)
        describe.check_key(call.key)
        source_bucket, source = await self._source(params)
        if source.size > COPY_BYTES_MAX:
            raise S3Error(
                "InvalidRequest",
                "The specified copy source is larger than the maximum allowable size for a copy"
                f" source: {COPY_BYTES_MAX}",
            )
        about = self._about(params, bucket, source)
        _refuse_no_change(params, call, source, about)
        segments, etag, about = await self._copy(source, about, params)
        draft = ObjectVersion(
            bucket=bucket.name,
            key=call.key,
            size=source.size,
            etag=etag,
            modified_s=state.now_s(),
            about=about,
            segments=tuple(segment for segment, _ in segments),
        )
        version = await self._objects.commit(draft, segments, call, "ObjectCreated:Copy")
        return Answer(
            result={
                "CopyObjectResult": {
                    "ETag": f'"{version.etag}"',
                    "LastModified": version.modified_s,
                    **describe.describe_checksum(about),
                },
                "CopySourceVersionId": describe.shown_version(source, source_bucket),
                "VersionId": describe.shown_version(version, bucket),
                **describe.describe_encryption(about),
            }
        )

    async def upload_part_copy(self, call: Call) -> Answer:
        params = call.params
        upload = await self._uploads.find(call)
        number = check_part_number(params["PartNumber"])
        source_bucket, source = await self._source(params)
        start, length = _copy_range(params.get("CopySourceRange"), source.size)
        algorithm = upload.about.checksum[0] if upload.about.checksum else None
        received = await self._read_through(source, start, length, algorithm)
        part = await self._uploads.store_part(upload, number, received)
        result: dict[str, Any] = {"ETag": f'"{part.etag}"', "LastModified": part.modified_s}
        if algorithm is not None:
            result[f"Checksum{algorithm}"] = part.checksum
        return Answer(
            result={
                "CopyPartResult": result,
                "CopySourceVersionId": describe.shown_version(source, source_bucket),
                **describe.describe_encryption(upload.about),
            }
        )

    async def _source(self, params: Mapping[str, Any]) -> tuple[Bucket, ObjectVersion]:
        """Raises S3Error where there is none, or its conditions do not hold."""
        name, key, version_id = parse_copy_source(params["CopySource"])
        bucket = self._state.bucket(
            name, {"ExpectedBucketOwner": params.get("ExpectedSourceBucketOwner")}
        )
        version = await self._state.version(name, key, version_id)
        check_read(version, params, "CopySource")
        return bucket, version

    def _about(self, params: Mapping[str, Any], bucket: Bucket, source: ObjectVersion) -> About:
        """What the copy says of itself: the source's, or anew, by the directives."""
        given = describe.parse_about(params, bucket)
        about = given
        if params.get("MetadataDirective", "COPY") == "COPY":
            about = replace(
                source.about,
                storage_class=given.storage_class,
                encryption=given.encryption,
                tags={},
            )
        tags = source.about.tags
        if params.get("TaggingDirective", "COPY") == "REPLACE":
            tags = given.tags
        return replace(
            about,
            tags=tags,
            checksum=source.about.checksum,
            checksum_type=source.about.checksum_type,
            parts=(),
            part_checksums=(),
        )

    async def _copy(
        self, source: ObjectVersion, about: About, params: Mapping[str, Any]
    ) -> tuple[list[tuple[Segment, bytes | None]], str, About]:
        """The copy's bodies, its ETag, and what it says of itself."""
        wanted = params.get("ChecksumAlgorithm")
        known = about.checksum[0] if about.checksum else None
        algorithm = wanted or known
        whole = about.checksum is None or about.checksum_type == "FULL_OBJECT"
        if "-" not in source.etag and algorithm == known and whole:
            try:
                with self._state.bodies.holding(one.body_id for one in source.segments):
                    return await self._state.bodies.link(source.segments), source.etag, about
            except FileNotFoundError:
                raise S3Error("NoSuchKey", Key=source.key) from None
        received = await self._read_through(source, 0, source.size, algorithm)
        about = replace(about, checksum=received.checksum, checksum_type="FULL_OBJECT")
        return [(received.segment, received.content)], received.md5, about

    async def _read_through(
        self, source: ObjectVersion, start: int, length: int, algorithm: str | None
    ) -> Received:
        """A run of an object as a body of its own. Raises S3Error."""
        bodies = self._state.bodies
        expected = Expected(
            bytes_max=COPY_BYTES_MAX, checksum=(algorithm, None) if algorithm else None
        )
        receiver = Receiver(bodies, expected, None)
        try:
            with bodies.holding(one.body_id for one in source.segments):
                download = Download(version=source, start=start, length=length)
                async for part in read(download, bodies):
                    await receiver.feed(part)
            return await receiver.finish()
        except FileNotFoundError:
            receiver.lost()
            raise S3Error("NoSuchKey", Key=source.key) from None
        except BaseException:
            receiver.lost()
            raise


def parse_copy_source(text: str) -> tuple[str, str, str | None]:
    """Bucket, key and version id. Raises S3Error."""
    path, _, query = text.partition("?")
    version_id = None
    if query:
        name, _, value = query.partition("=")
        if name != "versionId" or not value:
            raise invalid_argument("Invalid copy source object key", "x-amz-copy-source", text)
        version_id = value
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        raise invalid_argument("Invalid copy source object key", "x-amz-copy-source", text)
    return bucket, key, version_id


def _refuse_no_change(
    params: Mapping[str, Any], call: Call, source: ObjectVersion, about: About
) -> None:
    """An object may not be copied to itself for nothing."""
    if (source.bucket, source.key) != (call.bucket, call.key):
        return
    if params.get("MetadataDirective") == "REPLACE" or not source.latest:
        return
    if params.get("ServerSideEncryption") or params.get("WebsiteRedirectLocation"):
        return
    if params.get("ChecksumAlgorithm") or (
        params.get("StorageClass") and about.storage_class != source.about.storage_class
    ):
        return
    if params["CopySource"].partition("?")[2]:
        return
    raise S3Error(
        "InvalidRequest",
        "This copy request is illegal because it is trying to copy an object to itself without"
        " changing the object's metadata, storage class, website redirect location or encryption"
        " attributes.",
    )


def _copy_range(text: str | None, size: int) -> tuple[int, int]:
    """Unlike that of a GET it must be exact. Raises S3Error."""
    if text is None:
        return 0, size
    first_text, dash, last_text = text.removeprefix("bytes=").partition("-")
    if not (
        text.startswith("bytes=") and dash and first_text.isdecimal() and last_text.isdecimal()
    ):
        raise invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and"
            " last are the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            text,
        )
    first, last = int(first_text), int(last_text)
    if first > last or last >= size:
        raise invalid_argument(
            f"Range specified is not valid for source object of size: {size}",
            "x-amz-copy-source-range",
            text,
        )
    return first, last - first + 1
