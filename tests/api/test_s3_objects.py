"""Buckets and objects of S3, by an unmodified boto3. Expected values: S3 API Reference."""

from __future__ import annotations

import hashlib
import http.client
import os
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from tests.api.s3_world import body_of, new_bucket, refusal
from tests.conftest import RunningServer


@pytest.fixture
def s3(server: RunningServer) -> Any:
    return server.client("s3")


def test_a_bucket_is_made_found_listed_and_deleted(s3: Any) -> None:
    name = new_bucket(s3)
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "us-east-1"
    assert name in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    s3.create_bucket(Bucket=name)  # us-east-1 forgives the owner
    s3.delete_bucket(Bucket=name)
    assert refusal(s3.head_bucket, Bucket=name) == ("404", 404)
    assert refusal(s3.delete_bucket, Bucket=name) == ("NoSuchBucket", 404)


@pytest.mark.parametrize("name", ["Capital", "a..b", "192.168.1.1", "xn--x", "ends-s3alias"])
def test_a_bucket_must_be_named_as_the_rules_say(server: RunningServer, name: str) -> None:
    client = server.client("s3", s3={"addressing_style": "path"})
    assert refusal(client.create_bucket, Bucket=name) == ("InvalidBucketName", 400)


def test_a_bucket_of_another_region_is_refused(s3: Any) -> None:
    other = {"LocationConstraint": "eu-west-1"}
    assert refusal(s3.create_bucket, Bucket="elsewhere", CreateBucketConfiguration=other) == (
        "IllegalLocationConstraintException",
        400,
    )


@pytest.mark.parametrize("size", [0, 5, 1_024, 9_999, 10_000, 16_384, 16_385, 3_000_000])
def test_an_object_is_read_as_it_was_put(s3: Any, size: int) -> None:
    """Around each size at which bodies are held differently."""
    bucket, content = new_bucket(s3), os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="a/b c+ü.bin", Body=content)
    assert put["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="a/b c+ü.bin")
    assert got["Body"].read() == content
    assert (got["ContentLength"], got["ETag"]) == (size, put["ETag"])
    assert got["ContentType"] == "binary/octet-stream"
    assert s3.head_object(Bucket=bucket, Key="a/b c+ü.bin")["ContentLength"] == size


def test_what_is_told_of_an_object_is_what_was_said(s3: Any) -> None:
    bucket = new_bucket(s3)
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"x",
        ContentType="text/plain",
        CacheControl="max-age=1",
        ContentDisposition="inline",
        ContentEncoding="gzip",
        ContentLanguage="de",
        Expires="Wed, 21 Oct 2026 07:28:00 GMT",
        Metadata={"Some-Name": "some value"},
        StorageClass="STANDARD_IA",
        Tagging="a=1&b=two%20words",
    )
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentType"] == "text/plain"
    assert head["CacheControl"] == "max-age=1"
    assert head["ContentDisposition"] == "inline"
    assert head["ContentEncoding"] == "gzip"
    assert head["ContentLanguage"] == "de"
    assert head["ExpiresString"] == "Wed, 21 Oct 2026 07:28:00 GMT"
    assert head["Metadata"] == {"some-name": "some value"}
    assert head["StorageClass"] == "STANDARD_IA"
    assert head["ServerSideEncryption"] == "AES256"
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"a": "1", "b": "two words"}
    got = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/x")
    assert (got["ContentType"], got["TagCount"]) == ("text/x", 2)


def test_parts_of_an_object_are_read_by_range(s3: Any) -> None:
    bucket, content = new_bucket(s3), os.urandom(100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=content)
    for asked, wanted, told in (
        ("bytes=0-9", content[:10], "bytes 0-9/100000"),
        ("bytes=99990-", content[-10:], "bytes 99990-99999/100000"),
        ("bytes=-10", content[-10:], "bytes 99990-99999/100000"),
        ("bytes=99999-200000", content[-1:], "bytes 99999-99999/100000"),
    ):
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["Body"].read() == wanted
        assert got["ContentRange"] == told
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert body_of(s3, bucket, "k", Range="bytes=5-1") == content
    assert refusal(s3.get_object, Bucket=bucket, Key="k", Range="bytes=100000-") == (
        "InvalidRange",
        416,
    )


def test_reads_may_rest_on_conditions(s3: Any) -> None:
    bucket = new_bucket(s3)
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    when = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    ask = {"Bucket": bucket, "Key": "k"}
    assert body_of(s3, bucket, "k", IfMatch=etag) == b"x"
    assert refusal(s3.get_object, **ask, IfMatch='"no"') == ("PreconditionFailed", 412)
    assert refusal(s3.get_object, **ask, IfNoneMatch=etag) == ("304", 304)
    assert refusal(s3.get_object, **ask, IfModifiedSince=when) == ("304", 304)
    early = when - timedelta(days=365)
    assert refusal(s3.get_object, **ask, IfUnmodifiedSince=early) == ("PreconditionFailed", 412)
    assert body_of(s3, bucket, "k", IfMatch=etag, IfUnmodifiedSince=early) == b"x"


def test_writes_may_rest_on_conditions(s3: Any) -> None:
    bucket = new_bucket(s3)
    ask = {"Bucket": bucket, "Key": "k", "Body": b"x"}
    assert refusal(s3.put_object, **ask, IfMatch='"no"') == ("NoSuchKey", 404)
    etag = s3.put_object(**ask, IfNoneMatch="*")["ETag"]
    assert refusal(s3.put_object, **ask, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refusal(s3.put_object, **ask, IfMatch='"no"') == ("PreconditionFailed", 412)
    s3.put_object(**ask, IfMatch=etag)


def test_what_is_not_there_is_told_in_s3s_words(s3: Any) -> None:
    bucket = new_bucket(s3)
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    for version, error in (("x" * 32, ("NoSuchVersion", 404)), ("x", ("InvalidArgument", 400))):
        assert refusal(s3.get_object, Bucket=bucket, Key="k", VersionId=version) == error
    assert refusal(s3.get_object, Bucket="there-is-none", Key="k") == ("NoSuchBucket", 404)
    assert refusal(s3.put_object, Bucket="there-is-none", Key="k") == ("NoSuchBucket", 404)
    s3.delete_object(Bucket=bucket, Key="k")  # deleting nothing is no error
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refusal(s3.delete_bucket, Bucket=bucket) == ("BucketNotEmpty", 409)


def test_limits_of_keys_metadata_and_tags(s3: Any) -> None:
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k" * 1024, Body=b"")
    assert refusal(s3.put_object, Bucket=bucket, Key="k" * 1025)[0] == "KeyTooLongError"
    large = {"name": "v" * 2048}
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Metadata=large)[0] == "MetadataTooLarge"
    tags = "&".join(f"k{number}=v" for number in range(11))
    assert refusal(s3.put_object, Bucket=bucket, Key="k", Tagging=tags)[0] == "BadRequest"
    assert refusal(s3.put_object, Bucket=bucket, Key="k", ACL="public-read")[0] == (
        "AccessControlListNotSupported"
    )


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_a_checksum_is_verified_kept_and_told(s3: Any, algorithm: str) -> None:
    """As boto3 sends it: in the trailer of an aws-chunked body, or in a header."""
    bucket, content = new_bucket(s3), os.urandom(50_000)
    put = s3.put_object(Bucket=bucket, Key="k", Body=content, ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[name] == put[name]
    assert got["Body"].read() == content
    told = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectSize", "ETag"]
    )
    assert told["Checksum"] == {name: put[name], "ChecksumType": "FULL_OBJECT"}
    assert (told["ObjectSize"], told["ETag"]) == (50_000, hashlib.md5(content).hexdigest())
    wrong = {name: "A" * (4 * len(put[name]) // 4 - 2) + "=="} if algorithm == "CRC32" else {}
    if wrong:
        assert refusal(s3.put_object, Bucket=bucket, Key="w", Body=b"x", **wrong)[0] == "BadDigest"


SIGNED = (
    "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request,"
    " SignedHeaders=host;x-amz-date, Signature=00"
)


def raw(server: RunningServer, method: str, path: str, body: bytes, **headers: str) -> Any:
    """A request that no SDK would send."""
    address = urlsplit(server.endpoint)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if sent.setdefault("Authorization", SIGNED) == "":
        del sent["Authorization"]
    sent.setdefault("x-amz-date", "20260101T000000Z")
    connection.request(method, path, body, sent)
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return answer


@pytest.mark.parametrize("size", [3, 100_000])
@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==", b"BadDigest"),
        ("content-md5", "nonsense", b"InvalidDigest"),
        ("x-amz-content-sha256", "0" * 64, b"XAmzContentSHA256Mismatch"),
        ("x-amz-checksum-crc32c", "AAAAAA==", b"BadDigest"),
        ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=", b"BadDigest"),
        ("x-amz-checksum-crc32", "no", b"InvalidRequest"),
        ("x-amz-decoded-content-length", "7", b"IncompleteBody"),
    ],
)
def test_a_body_that_is_not_as_declared_is_refused_and_nothing_of_it_stays(
    server: RunningServer, s3: Any, size: int, header: str, value: str, code: bytes
) -> None:
    bucket = new_bucket(s3)
    status, _, body = raw(server, "PUT", f"/{bucket}/k", b"x" * size, **{header: value})
    assert (status, b"<Code>%b</Code>" % code in body) == (400, True), body
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_keys_are_listed_in_pages_and_folded_by_a_delimiter(s3: Any) -> None:
    bucket = new_bucket(s3)
    keys = ["a", "b/1", "b/2", "b/c/3", "d/1", "e", "é", "\N{GRINNING FACE}"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == keys
    found: list[str] = []
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    for page in pages:
        assert page["KeyCount"] == 1
        found += [one["Key"] for one in page.get("Contents", ())]
        found += [one["Prefix"] for one in page.get("CommonPrefixes", ())]
    assert found == ["a", "b/", "d/", "e", "é", "\N{GRINNING FACE}"]
    old = s3.get_paginator("list_objects").paginate(
        Bucket=bucket, Prefix="b/", Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    assert [one["Key"] for page in old for one in page.get("Contents", ())] == ["b/1", "b/2"]
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="b/c/3", MaxKeys=2)
    assert [one["Key"] for one in after["Contents"]] == ["d/1", "e"]
    assert after["IsTruncated"] is True
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
    assert refusal(s3.list_objects_v2, Bucket=bucket, ContinuationToken="no")[0] == (
        "InvalidArgument"
    )


def test_many_objects_are_deleted_at_once(s3: Any) -> None:
    bucket = new_bucket(s3)
    for key in ("a", "b", "<&>"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x" * 20_000)
    wanted = {"Objects": [{"Key": key} for key in ("a", "<&>", "none")]}
    deleted = s3.delete_objects(Bucket=bucket, Delete=wanted)["Deleted"]
    assert [one["Key"] for one in deleted] == ["a", "<&>", "none"]
    assert [one["Key"] for one in s3.list_objects(Bucket=bucket)["Contents"]] == ["b"]


def test_versions_and_delete_markers(s3: Any) -> None:
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"null")
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["VersionId"]
    assert body_of(s3, bucket, "k") == b"2"
    assert body_of(s3, bucket, "k", VersionId=first) == b"1"
    assert body_of(s3, bucket, "k", VersionId="null") == b"null"
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == ("NoSuchKey", 404)
    assert refusal(s3.get_object, Bucket=bucket, Key="k", VersionId=marker["VersionId"]) == (
        "MethodNotAllowed",
        405,
    )
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    listed = s3.list_object_versions(Bucket=bucket)
    assert [one["VersionId"] for one in listed["Versions"]] == [second, first, "null"]
    assert [one["IsLatest"] for one in listed["DeleteMarkers"]] == [True]
    found: list[str] = []
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    for page in pages:
        found += [one["VersionId"] for one in page.get("Versions", ())]
        found += [one["VersionId"] for one in page.get("DeleteMarkers", ())]
    assert found == [marker["VersionId"], second, first, "null"]
    gone = s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    assert gone["DeleteMarker"] is True
    assert body_of(s3, bucket, "k") == b"2"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=second)
    assert body_of(s3, bucket, "k") == b"1"
    assert refusal(s3.delete_bucket, Bucket=bucket)[0] == "BucketNotEmpty"


def test_suspended_versioning_writes_the_null_version(s3: Any) -> None:
    bucket = new_bucket(s3)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    kept = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    for content in (b"2", b"3"):
        s3.put_object(Bucket=bucket, Key="k", Body=content)
    assert body_of(s3, bucket, "k") == b"3"
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [one["VersionId"] for one in versions] == ["null", kept]
    assert s3.delete_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    assert body_of(s3, bucket, "k", VersionId=kept) == b"1"


def test_tags_of_objects_are_put_told_and_deleted(s3: Any) -> None:
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    tags = [{"Key": "a", "Value": "1"}]
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    twice = {"TagSet": tags * 2}
    assert refusal(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=twice)[0] == "InvalidTag"
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert body_of(s3, bucket, "k") == b"x"


@pytest.mark.parametrize("size", [10, 40_000])
def test_an_object_is_copied_with_or_without_what_is_said_of_it(s3: Any, size: int) -> None:
    bucket, content = new_bucket(s3), os.urandom(size)
    s3.put_object(Bucket=bucket, Key="a b", Body=content, Metadata={"n": "1"}, Tagging="t=1")
    source = {"Bucket": bucket, "Key": "a b"}
    copied = s3.copy_object(Bucket=bucket, Key="c", CopySource=source)
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert s3.head_object(Bucket=bucket, Key="c")["Metadata"] == {"n": "1"}
    assert s3.get_object_tagging(Bucket=bucket, Key="c")["TagSet"] == [{"Key": "t", "Value": "1"}]
    s3.copy_object(
        Bucket=bucket,
        Key="d",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"m": "2"},
        TaggingDirective="REPLACE",
        Tagging="u=2",
    )
    s3.delete_object(Bucket=bucket, Key="a b")
    assert body_of(s3, bucket, "c") == body_of(s3, bucket, "d") == content
    assert s3.head_object(Bucket=bucket, Key="d")["Metadata"] == {"m": "2"}
    assert s3.get_object_tagging(Bucket=bucket, Key="d")["TagSet"] == [{"Key": "u", "Value": "2"}]
    again = {"Bucket": bucket, "Key": "c"}
    assert refusal(s3.copy_object, Bucket=bucket, Key="c", CopySource=again)[0] == "InvalidRequest"
    assert refusal(s3.copy_object, Bucket=bucket, Key="e", CopySource=source)[0] == "NoSuchKey"
    assert refusal(
        s3.copy_object, Bucket=bucket, Key="e", CopySource=again, CopySourceIfMatch='"no"'
    ) == ("PreconditionFailed", 412)


@pytest.mark.parametrize("host", ["s3.localhost.localstack.cloud", "s3.us-east-1.localhost", ""])
def test_a_bucket_may_stand_in_the_host(server: RunningServer, s3: Any, host: str) -> None:
    bucket = new_bucket(s3)
    named = f"{bucket}.{host}:{server.port}" if host else f"{bucket}.localhost:{server.port}"
    status, _, _ = raw(server, "PUT", "/a/b", b"hello", host=named)
    assert status == 200
    status, headers, body = raw(server, "GET", "/a/b", b"", host=named)
    assert (status, body, headers["accept-ranges"]) == (200, b"hello", "bytes")
    assert body_of(s3, bucket, "a/b") == b"hello"


def test_a_presigned_address_needs_no_more(server: RunningServer, s3: Any) -> None:
    bucket = new_bucket(s3)
    for style in ("s3v4", "s3"):
        signer = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(signature_version=style),
        )
        ask = {"Bucket": bucket, "Key": "k"}
        for operation, method, body in (
            ("put_object", "PUT", b"presigned"),
            ("get_object", "GET", b""),
        ):
            url = urlsplit(signer.generate_presigned_url(operation, ask, ExpiresIn=60))
            connection = http.client.HTTPConnection(url.hostname or "", url.port)
            connection.request(method, f"{url.path}?{url.query}", body)
            response = connection.getresponse()
            assert response.status == 200, style
            content = response.read()
            connection.close()
        assert content == b"presigned"
    status, _, body = raw(
        server,
        "GET",
        f"/{bucket}/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20200101%2Fus-east-1"
        "%2Fs3%2Faws4_request&X-Amz-Date=20200101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=00",
        b"",
        Authorization="",
    )
    assert (status, b"Request has expired" in body) == (403, True)
