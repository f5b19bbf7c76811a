"""The event of a queue: messages as ReceiveMessage gives them → records of functions. Pure.

Source: facts/events.md, "SQS"; [LS] test_lambda_integration_sqs.snapshot.json; the fields of a
message attribute: [DG] "Example Amazon SQS message event".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from lambent.sources.batching import Item


def make_record(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """A record of the queue `arn`."""
    record: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes") or {}),
        "messageAttributes": {
            name: _attribute(value)
            for name, value in (message.get("MessageAttributes") or {}).items()
        },
    }
    if message.get("MD5OfMessageAttributes"):
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    record |= {
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }
    return record


def make_item(record: Mapping[str, Any]) -> Item:
    """What a batch holds of a record."""
    attributes = record["attributes"]
    fifo = record["eventSourceARN"].endswith(".fifo")
    return Item(
        id=record["messageId"],
        text=json.dumps(record),
        handle=record["receiptHandle"],
        group=attributes.get("MessageGroupId") if fifo else None,
        trace=attributes.get("AWSTraceHeader", "").encode("latin-1", "replace"),
    )


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if value.get("StringValue") is not None:
        shown["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return {
        **shown,
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
