"""Forms that browsers post, signed by boto3. Expected values: S3 API Reference, "POST Object"."""

from __future__ import annotations

import http.client
import os
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.s3_world import body_of, new_bucket
from tests.conftest import RunningServer


@pytest.fixture
def s3(server: RunningServer) -> Any:
    return server.client("s3")


def post(
    server: RunningServer, bucket: str, fields: dict[str, str], file: bytes | None
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer."""
    parts = [
        f'--bound\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file is not None:
        head = '--bound\r\nContent-Disposition: form-data; name="file"; filename="pic.jpg"\r\n\r\n'
        parts.append(head.encode() + file + b"\r\n")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(
            "POST",
            f"/{bucket}",
            b"".join(parts) + b"--bound--\r\n",
            {"Content-Type": "multipart/form-data; boundary=bound"},
        )
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_a_form_becomes_an_object(server: RunningServer, s3: Any, size: int) -> None:
    bucket, content = new_bucket(s3), os.urandom(size)
    fields = {"Content-Type": "image/jpeg", "x-amz-meta-who": "me"}
    conditions = [{"Content-Type": "image/jpeg"}, {"x-amz-meta-who": "me"}]
    signed = s3.generate_presigned_post(bucket, "up/${filename}", fields, conditions)
    status, headers, body = post(server, bucket, signed["fields"], content)
    assert (status, body) == (204, ""), body
    assert urlsplit(headers["location"]).path == f"/{bucket}/up/pic.jpg"
    told = s3.head_object(Bucket=bucket, Key="up/pic.jpg")
    assert (told["ContentType"], told["Metadata"]) == ("image/jpeg", {"who": "me"})
    assert told["ETag"] == headers["etag"]
    assert body_of(s3, bucket, "up/pic.jpg") == content


def test_a_form_says_how_it_is_answered(server: RunningServer, s3: Any) -> None:
    bucket = new_bucket(s3)
    tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    fields = {"key": "k", "success_action_status": "201", "tagging": tags}
    status, headers, body = post(server, bucket, fields, b"x")
    assert (status, headers["content-type"]) == (201, "application/xml")
    assert f"<Bucket>{bucket}</Bucket><Key>k</Key>" in body
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    back = {"key": "k", "success_action_redirect": "http://example.org/done?n=1"}
    status, headers, _ = post(server, bucket, back, b"x")
    told = parse_qs(urlsplit(headers["location"]).query)
    assert (status, told["n"], told["bucket"], told["key"]) == (303, ["1"], [bucket], ["k"])


def test_a_form_that_its_policy_does_not_allow_leaves_nothing(
    server: RunningServer, s3: Any
) -> None:
    bucket = new_bucket(s3)
    sized = [["content-length-range", 2, 5]]
    signed = s3.generate_presigned_post(bucket, "k", Conditions=sized)["fields"]
    for fields, file, code in (
        ({**signed, "key": "other"}, b"abc", "AccessDenied"),
        ({**signed, "x-amz-meta-more": "1"}, b"abc", "AccessDenied"),
        (signed, b"a", "EntityTooSmall"),
        (signed, b"abcdef", "EntityTooLarge"),
        (signed, None, "InvalidArgument"),
        ({"acl": "private"}, b"abc", "InvalidArgument"),
        ({"key": "k", "x-amz-meta-a": "b\r\nc: d"}, b"abc", "InvalidArgument"),
        ({"key": "k", "acl": "x" * 21_000}, b"abc", "MaxPostPreDataLengthExceeded"),
        ({"key": "k", "policy": "e30="}, b"abc", "InvalidPolicyDocument"),
    ):
        status, _, body = post(server, bucket, fields, file)
        assert f"<Code>{code}</Code>" in body, (fields, body)
        assert 400 <= status < 500
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert post(server, bucket, signed, b"abc")[0] == 204
