"""What clients say of objects ↔ what is kept of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from lambent.services.s3.errors import S3Error, invalid_argument, not_implemented
from lambent.services.s3.model import NULL_VERSION, About, Bucket, ObjectVersion
from lambent.wire.timestamps import format_timestamp

Params = Mapping[str, Any]

KEY_BYTES_MAX = 1_024  # S3 User Guide, "Object key naming guidelines"
METADATA_BYTES_MAX = 2 * 1024  # S3 User Guide, "Working with object metadata"
TAGS_MAX = 10  # S3 User Guide, "Categorizing your objects using tags"
_TAG_KEY_MAX, _TAG_VALUE_MAX = 128, 256
_TAG_TEXT = re.compile(r"[\w\s+\-=.:/@]*\Z")
HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")
STORAGE_CLASSES = {
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
}
_CANNED = {"bucket-owner-full-control", "private"}
_REFUSED = {
    "ObjectLockMode": "x-amz-object-lock-mode",
    "ObjectLockRetainUntilDate": "x-amz-object-lock-retain-until-date",
    "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "SSECustomerKey": "x-amz-server-side-encryption-customer-key",
    "CopySourceSSECustomerKey": "x-amz-copy-source-server-side-encryption-customer-key",
    "WriteOffsetBytes": "x-amz-write-offset-bytes",
}


def check_key(key: str) -> None:
    if len(key.encode()) > KEY_BYTES_MAX:
        raise S3Error("KeyTooLongError", MaxSizeAllowed=KEY_BYTES_MAX, Size=len(key.encode()))


def parse_about(params: Params, bucket: Bucket) -> About:
    """The headers of PutObject, CopyObject and CreateMultipartUpload. Raises S3Error."""
    for member, header in _REFUSED.items():
        if params.get(member):
            raise not_implemented(header)
    check_acl(params, bucket)
    metadata = dict(params.get("Metadata") or {})
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > METADATA_BYTES_MAX:
        raise S3Error("MetadataTooLarge", Size=size, MaxSizeAllowed=METADATA_BYTES_MAX)
    storage_class = params.get("StorageClass") or "STANDARD"
    if storage_class not in STORAGE_CLASSES:
        raise S3Error("InvalidStorageClass", StorageClassRequested=storage_class)
    headers = {name: params[name] for name in HEADERS if params.get(name)}
    if "ContentEncoding" in headers:
        kept = [one.strip() for one in headers["ContentEncoding"].split(",")]
        kept = [one for one in kept if one and one != "aws-chunked"]
        headers["ContentEncoding"] = ",".join(kept)
        if not kept:
            del headers["ContentEncoding"]
    if params.get("Expires") is not None:
        headers["Expires"] = _text_of_time(params["Expires"])
    if params.get("WebsiteRedirectLocation"):
        headers["WebsiteRedirectLocation"] = params["WebsiteRedirectLocation"]
    return About(
        content_type=params.get("ContentType") or "binary/octet-stream",
        headers=headers,
        metadata=metadata,
        tags=parse_tagging(params.get("Tagging") or ""),
        storage_class=storage_class,
        encryption=_encryption(params),
    )


def check_acl(params: Params, bucket: Bucket) -> None:
    """New buckets have no ACLs; where they were turned on, they are taken and not enforced."""
    ownership = bucket.configuration.get("ownershipControls", "BucketOwnerEnforced")
    grants = any(params.get(name) for name in params if name.startswith("Grant"))
    acl = params.get("ACL")
    if ownership == "BucketOwnerEnforced" and (grants or (acl and acl not in _CANNED)):
        raise S3Error("AccessControlListNotSupported")


def _encryption(params: Params) -> dict[str, Any]:
    kind = params.get("ServerSideEncryption")
    if kind is None:
        return {}
    if kind not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise invalid_argument("The encryption method specified is not supported")
    kept = {name: params[name] for name in ("SSEKMSKeyId", "BucketKeyEnabled") if name in params}
    return {"ServerSideEncryption": kind, **kept} if kind != "AES256" else {}


def parse_tagging(text: str) -> dict[str, str]:
    """The header x-amz-tagging: a query string."""
    if not text:
        return {}
    pairs = parse_qsl(text, keep_blank_values=True)
    return check_tags([{"Key": key, "Value": value} for key, value in pairs], TAGS_MAX)


def check_tags(tag_set: list[dict[str, str]], tags_max: int) -> dict[str, str]:
    """A TagSet as a mapping. Raises S3Error."""
    if len(tag_set) > tags_max:
        if tags_max == TAGS_MAX:
            raise S3Error("BadRequest", "Object tags cannot be greater than 10")
        raise S3Error("InvalidTag", f"Bucket tag count cannot be greater than {tags_max}")
    tags: dict[str, str] = {}
    for tag in tag_set:
        key, value = tag["Key"], tag["Value"]
        if not 1 <= len(key) <= _TAG_KEY_MAX or not _TAG_TEXT.match(key):
            raise S3Error("InvalidTag", "The TagKey you have provided is invalid", TagKey=key)
        if len(value) > _TAG_VALUE_MAX or not _TAG_TEXT.match(value):
            raise S3Error("InvalidTag", "The TagValue you have provided is invalid", TagKey=key)
        if key in tags:
            raise S3Error(
                "InvalidTag",
                "Cannot provide multiple Tags with the same key",
                TagKey=key,
            )
        tags[key] = value
    return tags


def tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def shown_version(version: ObjectVersion, bucket: Bucket) -> str | None:
    """x-amz-version-id: buckets that never had versioning do not tell one."""
    if not bucket.versioning and version.version_id == NULL_VERSION:
        return None
    return version.version_id


def describe_encryption(about: About) -> dict[str, Any]:
    return dict(about.encryption) or {"ServerSideEncryption": "AES256"}


def describe_checksum(about: About) -> dict[str, str]:
    if about.checksum is None:
        return {}
    algorithm, value = about.checksum
    return {f"Checksum{algorithm}": value, "ChecksumType": about.checksum_type}


def describe_object(version: ObjectVersion, bucket: Bucket, params: Params) -> dict[str, Any]:
    """The headers of GetObject and HeadObject, without those of a range."""
    about = version.about
    result: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": version.modified_s,
        "ContentLength": version.size,
        "ETag": f'"{version.etag}"',
        "VersionId": shown_version(version, bucket),
        "ContentType": params.get("ResponseContentType") or about.content_type,
        "Metadata": about.metadata,
        "TagCount": len(about.tags) or None,
        "StorageClass": None if about.storage_class == "STANDARD" else about.storage_class,
        "WebsiteRedirectLocation": about.headers.get("WebsiteRedirectLocation"),
        **describe_encryption(about),
    }
    for name in HEADERS:
        result[name] = params.get(f"Response{name}") or about.headers.get(name)
    if params.get("ChecksumMode") == "ENABLED":
        result.update(describe_checksum(about))
    return result


def _text_of_time(value: Any) -> str:
    """The model has Expires as text in some versions of botocore, as a time in others."""
    return value if isinstance(value, str) else str(format_timestamp(value, "rfc822"))


def expires_header(version: ObjectVersion, params: Params) -> tuple[tuple[str, str], ...]:
    """As text: what was stored is told again."""
    asked = params.get("ResponseExpires")
    if asked is not None:
        return (("Expires", _text_of_time(asked)),)
    text = version.about.headers.get("Expires")
    return (("Expires", text),) if text else ()
