"""What a target gets of an event: S3's record, and EventBridge's. Pure.

Source: S3 User Guide, "Event message structure" (version 2.1) and "EventBridge event message
structure".
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from lambent.domain.arns import Account
from lambent.services.s3.model import NULL_VERSION, ObjectVersion

_DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
}
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Post": "POST Object",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One write, as its records tell it."""

    event: str
    """E.g. `ObjectCreated:Put`."""
    version: ObjectVersion
    account: Account
    region: str
    wall_s: float
    principal_id: str
    source_ip: str
    request_id: str


def build_record(happening: Happening, configuration_id: str) -> str:
    """JSON with one record."""
    version, bucket = happening.version, happening.version.bucket
    item: dict[str, Any] = {"key": quote_plus(version.key, safe="/-_.*")}
    if happening.event.startswith("ObjectCreated"):
        item["size"] = version.size
    if not version.marker and not happening.event.startswith("ObjectRemoved:Delete"):
        item["eTag"] = version.etag
    if version.marker:
        item["eTag"] = "d41d8cd98f00b204e9800998ecf8427e"  # of nothing, as AWS has it
    if version.version_id != NULL_VERSION:
        item["versionId"] = version.version_id
    if not happening.event.startswith("ObjectTagging"):  # [UG] those that create and delete have it
        item["sequencer"] = sequencer(version)
    record = {
        "eventVersion": "2.3" if happening.event.startswith("ObjectTagging") else "2.1",
        "eventSource": "aws:s3",
        "awsRegion": happening.region,
        "eventTime": iso_ms(happening.wall_s),
        "eventName": happening.event,
        "userIdentity": {"principalId": f"AWS:{happening.principal_id}"},
        "requestParameters": {"sourceIPAddress": happening.source_ip},
        "responseElements": {
            "x-amz-request-id": happening.request_id,
            "x-amz-id-2": happening.request_id,
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": happening.account.account_id},
                "arn": bucket_arn(bucket),
            },
            "object": item,
        },
    }
    return json.dumps({"Records": [record]})


def build_bus_event(happening: Happening) -> str:
    """JSON of the event that the account's default bus gets."""
    version, event = happening.version, happening.event
    item: dict[str, Any] = {"key": version.key}
    if event.startswith("ObjectCreated"):
        item["size"] = version.size
    if version.etag:
        item["etag"] = version.etag
    if version.version_id != NULL_VERSION:
        item["version-id"] = version.version_id
    if not event.startswith("ObjectTagging"):
        item["sequencer"] = sequencer(version)
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": version.bucket},
        "object": item,
        "request-id": happening.request_id,
        "requester": happening.account.account_id,
        "source-ip-address": happening.source_ip,
    }
    if event in _REASONS:
        detail["reason"] = _REASONS[event]
    if event.startswith("ObjectRemoved"):
        created = event.endswith("DeleteMarkerCreated")
        detail["deletion-type"] = "Delete Marker Created" if created else "Permanently Deleted"
    family = event.partition(":")[0]
    return json.dumps(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": _DETAIL_TYPES.get(event) or _DETAIL_TYPES[family],
            "source": "aws.s3",
            "account": happening.account.account_id,
            "time": iso_ms(happening.wall_s)[:19] + "Z",
            "region": happening.region,
            "resources": [bucket_arn(version.bucket)],
            "detail": detail,
        }
    )


def build_test(bucket: str, request_id: str, wall_s: float) -> str:
    """What a queue or topic gets when it is made a target."""
    return json.dumps(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": iso_ms(wall_s),
            "Bucket": bucket,
            "RequestId": request_id,
            "HostId": request_id,
        }
    )


def sequencer(version: ObjectVersion) -> str:
    """Hexadecimal; of two writes to one key the later has the greater."""
    return f"{version.number:018X}"


def bucket_arn(name: str) -> str:
    return f"arn:aws:s3:::{name}"


def iso_ms(wall_s: float) -> str:
    moment = datetime.fromtimestamp(wall_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
