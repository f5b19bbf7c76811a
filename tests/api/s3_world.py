"""What the tests of S3 share: clients, buckets of one's own, and the code of a refusal."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError


def new_bucket(s3: Any) -> str:
    """A bucket that no other test has."""
    name = f"b-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=name)
    return name


def refusal(call: Any, **params: Any) -> tuple[str, int]:
    """Code and status of the error that the call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def body_of(s3: Any, bucket: str, key: str, **params: Any) -> bytes:
    content: bytes = s3.get_object(Bucket=bucket, Key=key, **params)["Body"].read()
    return content
