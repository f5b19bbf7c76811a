"""S3's values: buckets, versions of objects, uploads and parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lambent.services.s3.bodies import Segment

NULL_VERSION = "null"
"""The version id of what was written without versioning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One bucket with everything that is configured on it."""

    name: str
    region: str
    created_s: int
    versioning: str = ""
    """Empty, Enabled or Suspended."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """What PutBucket… stored, by the name of the subresource; as JSON holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is told of an object besides its bytes."""

    content_type: str = "binary/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    """CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, Expires … as sent."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """x-amz-meta-…, names in lower case."""
    tags: Mapping[str, str] = field(default_factory=dict)
    storage_class: str = "STANDARD"
    encryption: Mapping[str, Any] = field(default_factory=dict)
    """ServerSideEncryption, SSEKMSKeyId, BucketKeyEnabled: told again, not done."""
    checksum: tuple[str, str] | None = None
    """Algorithm and base64, with `-N` behind a composite one of N parts."""
    checksum_type: str = "FULL_OBJECT"
    parts: tuple[int, ...] = ()
    """Sizes of the parts of a multipart object."""
    part_checksums: tuple[str, ...] = ()

    def to_json(self) -> str:
        empty = _EMPTY_ABOUT
        return json.dumps({k: v for k, v in asdict(self).items() if v != empty[k]})


_EMPTY_ABOUT = asdict(About())


def parse_about(text: str) -> About:
    raw: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(text).items()
    }
    return About(**raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """One version of an object, or a delete marker."""

    number: int = 0
    """The order of all writes; 0 until it is one."""
    bucket: str
    key: str
    version_id: str = NULL_VERSION
    latest: bool = True
    marker: bool = False
    size: int = 0
    etag: str = ""
    modified_s: int
    about: About = About()
    segments: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A multipart upload that was not completed or aborted."""

    upload_id: str
    bucket: str
    key: str
    initiated_s: int
    about: About
    """Its checksum holds the algorithm alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an upload."""

    number: int
    segment: Segment
    etag: str
    checksum: str
    modified_s: int
