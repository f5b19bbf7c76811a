"""Which actions on which resources an operation of S3 is. Pure.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; S3
User Guide, "Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from lambent.gateway.asked import Asked
from lambent.policy.principal import ContextValue

Params = Mapping[str, Any]

_BUCKET_ARN = "arn:aws:s3:::"
_NAMES = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
_VERSIONED = {
    "DeleteObject": "DeleteObjectVersion",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
    "GetObject": "GetObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl",
    "GetObjectAttributes": "GetObjectVersionAttributes",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectAcl": "PutObjectVersionAcl",
    "PutObjectTagging": "PutObjectVersionTagging",
}
_LISTS = {"ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"}


def actions_of_s3(operation: str, params: Params) -> list[Asked]:
    """All that the call must be allowed, what it is named for first."""
    bucket = f"{_BUCKET_ARN}{params['Bucket']}" if "Bucket" in params else "*"
    if operation == "DeleteObjects":
        wanted = (params.get("Delete") or {}).get("Objects") or ()
        return [_on_object("DeleteObject", f"{bucket}/{one.get('Key')}", one) for one in wanted]
    if operation in ("CopyObject", "UploadPartCopy"):
        put = Asked("s3:PutObject", f"{bucket}/{params['Key']}")
        return [_source(params), put, *_beside(operation, bucket, params)]
    if "Key" in params:
        first = _on_object(operation, f"{bucket}/{params['Key']}", params)
        return [first, *_beside(operation, bucket, params)]
    context = _list_context(params) if operation in _LISTS else {}
    return [Asked(f"s3:{_NAMES.get(operation, operation)}", bucket, context)]


def _on_object(operation: str, resource: str, params: Params) -> Asked:
    name = _NAMES.get(operation, operation)
    context: dict[str, ContextValue] = {}
    if params.get("VersionId"):
        name = _VERSIONED.get(name, name)
        context["s3:versionid"] = str(params["VersionId"])
    return Asked(f"s3:{name}", resource, context)


def _beside(operation: str, bucket: str, params: Params) -> list[Asked]:
    """What an object takes besides that is put with tags or an ACL, or asked of."""
    resource = f"{bucket}/{params['Key']}"
    asked = []
    if operation == "GetObjectAttributes":
        asked.append(_on_object("GetObject", resource, params))
    if operation in ("PutObject", "CopyObject", "CreateMultipartUpload"):
        if params.get("Tagging"):
            asked.append(Asked("s3:PutObjectTagging", resource))
        if params.get("ACL"):
            asked.append(Asked("s3:PutObjectAcl", resource))
    return asked


def _source(params: Params) -> Asked:
    """The object that is copied; it may be named by `bucket/key` or an ARN, URL-encoded."""
    named, _, version = str(params["CopySource"]).partition("?versionId=")
    path = unquote(named).removeprefix(_BUCKET_ARN).lstrip("/")
    return _on_object("GetObject", f"{_BUCKET_ARN}{path}", {"VersionId": version})


def _list_context(params: Params) -> dict[str, ContextValue]:
    context: dict[str, ContextValue] = {"s3:prefix": str(params.get("Prefix") or "")}
    if params.get("Delimiter"):
        context["s3:delimiter"] = str(params["Delimiter"])
    if params.get("MaxKeys") is not None:
        context["s3:max-keys"] = str(params["MaxKeys"])
    return context
