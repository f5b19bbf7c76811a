"""Multipart uploads of S3, by an unmodified boto3."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

from tests.api.s3_world import body_of, new_bucket, refusal
from tests.conftest import RunningServer

MIB = 1024 * 1024


@pytest.fixture
def s3(server: RunningServer) -> Any:
    return server.client("s3")


def begun(s3: Any, **params: Any) -> dict[str, str]:
    """Bucket, Key and UploadId of a new upload."""
    bucket = new_bucket(s3)
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", **params)
    return {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}


def test_parts_become_one_object(s3: Any) -> None:
    upload = begun(s3, Metadata={"a": "1"}, ContentType="text/x")
    parts = [os.urandom(5 * MIB), os.urandom(5 * MIB), b"the end"]
    named = []
    for number, content in ((2, parts[1]), (1, b"replaced"), (1, parts[0]), (5, parts[2])):
        done = s3.upload_part(**upload, PartNumber=number, Body=content)
        if content != b"replaced":
            named.append({"PartNumber": number, "ETag": done["ETag"]})
    named.sort(key=lambda part: part["PartNumber"])
    listed = s3.list_parts(**upload)["Parts"]
    assert [(one["PartNumber"], one["Size"]) for one in listed] == [
        (1, 5 * MIB),
        (2, 5 * MIB),
        (5, 7),
    ]
    assert refusal(s3.get_object, Bucket=upload["Bucket"], Key="k")[0] == "NoSuchKey"
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": named})
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    assert done["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    bucket = upload["Bucket"]
    assert body_of(s3, bucket, "k") == b"".join(parts)
    edge = f"bytes={5 * MIB - 3}-{5 * MIB + 2}"
    assert body_of(s3, bucket, "k", Range=edge) == parts[0][-3:] + parts[1][:3]
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=3)
    assert (part["Body"].read(), part["PartsCount"]) == (b"the end", 3)
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "1"}
    assert refusal(s3.list_parts, **upload)[0] == "NoSuchUpload"
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})[
        "CopyObjectResult"
    ]
    assert copied["ETag"] == f'"{hashlib.md5(b"".join(parts)).hexdigest()}"'
    s3.delete_object(Bucket=bucket, Key="k")
    assert body_of(s3, bucket, "copy") == b"".join(parts)


def test_parts_that_do_not_fit_are_refused(s3: Any) -> None:
    upload = begun(s3)
    first = s3.upload_part(**upload, PartNumber=1, Body=b"small")["ETag"]
    second = s3.upload_part(**upload, PartNumber=2, Body=b"end")["ETag"]

    def complete(*parts: tuple[int, str]) -> tuple[str, int]:
        named = [{"PartNumber": number, "ETag": etag} for number, etag in parts]
        return refusal(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": named})

    assert complete((1, first), (2, second)) == ("EntityTooSmall", 400)
    assert complete((2, second), (1, first)) == ("InvalidPartOrder", 400)
    assert complete((1, second)) == ("InvalidPart", 400)
    assert complete((3, first)) == ("InvalidPart", 400)
    assert complete()[0] == "MalformedXML"
    assert refusal(s3.upload_part, **upload, PartNumber=10_001, Body=b"")[0] == "InvalidArgument"
    upload["UploadId"] = "none"
    assert refusal(s3.upload_part, **upload, PartNumber=1, Body=b"")[0] == "NoSuchUpload"


def test_an_aborted_upload_is_gone(s3: Any) -> None:
    upload = begun(s3)
    s3.upload_part(**upload, PartNumber=1, Body=b"x" * 100_000)
    listed = s3.list_multipart_uploads(Bucket=upload["Bucket"])["Uploads"]
    assert [one["UploadId"] for one in listed] == [upload["UploadId"]]
    s3.abort_multipart_upload(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=upload["Bucket"])
    assert refusal(s3.abort_multipart_upload, **upload)[0] == "NoSuchUpload"
    s3.delete_bucket(Bucket=upload["Bucket"])


def test_uploads_are_listed_in_pages(s3: Any) -> None:
    bucket = new_bucket(s3)
    made = [
        (key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
        for key in ("a", "b/1", "b/2", "c", "c")
    ]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    found = [(one["Key"], one["UploadId"]) for page in pages for one in page.get("Uploads", ())]
    assert sorted(found) == sorted(made)
    folded = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in folded["CommonPrefixes"]] == ["b/"]


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("CRC32", "FULL_OBJECT"), ("CRC32", "COMPOSITE"), ("SHA256", None)]
)
def test_the_checksum_of_the_whole_follows_from_the_parts(
    s3: Any, algorithm: str, kind: str | None
) -> None:
    extra = {"ChecksumType": kind} if kind else {}
    upload = begun(s3, ChecksumAlgorithm=algorithm, **extra)
    parts, name = [os.urandom(5 * MIB), b"end"], f"Checksum{algorithm}"
    named = []
    for number, content in enumerate(parts, 1):
        done = s3.upload_part(
            **upload, PartNumber=number, Body=content, ChecksumAlgorithm=algorithm
        )
        named.append({"PartNumber": number, "ETag": done["ETag"], name: done[name]})
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": named})
    assert done["ChecksumType"] == (kind or "COMPOSITE")
    if kind == "FULL_OBJECT":
        whole = s3.put_object(
            Bucket=upload["Bucket"],
            Key="w",
            Body=b"".join(parts),
            ChecksumAlgorithm=algorithm,
        )
        assert done[name] == whole[name]
    else:
        assert done[name].endswith("-2")
    got = s3.get_object(Bucket=upload["Bucket"], Key="k", ChecksumMode="ENABLED")
    assert got[name] == done[name]
    assert got["Body"].read() == b"".join(parts)


def test_parts_are_copied_from_objects(s3: Any) -> None:
    upload = begun(s3)
    bucket, content = upload["Bucket"], os.urandom(6 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=content)
    source = {"Bucket": bucket, "Key": "source"}
    first = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]
    second = s3.upload_part_copy(
        **upload, PartNumber=2, CopySource=source, CopySourceRange="bytes=10-19"
    )["CopyPartResult"]
    named = [{"PartNumber": 1, "ETag": first["ETag"]}, {"PartNumber": 2, "ETag": second["ETag"]}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": named})
    assert body_of(s3, bucket, "k") == content + content[10:20]
    behind = f"bytes=0-{6 * MIB}"
    assert (
        refusal(
            s3.upload_part_copy,
            **{**upload, "UploadId": begun_again(s3, bucket)},
            PartNumber=1,
            CopySource=source,
            CopySourceRange=behind,
        )[0]
        == "InvalidArgument"
    )


def begun_again(s3: Any, bucket: str) -> str:
    upload_id: str = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    return upload_id


def test_boto3s_transfer_manager_goes_both_ways(s3: Any) -> None:
    """Parts at once, in threads, as `upload_file` does above 8 MiB."""
    bucket, content = new_bucket(s3), os.urandom(20 * MIB)
    settings = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(content), bucket, "k", Config=settings)
    assert s3.head_object(Bucket=bucket, Key="k")["ETag"].endswith('-4"')
    target = io.BytesIO()
    s3.download_fileobj(bucket, "k", target, Config=settings)
    assert target.getvalue() == content
