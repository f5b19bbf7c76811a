"""Operations as actions: S3 User Guide, "Required permissions for Amazon S3 API operations"."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.gateway.s3_actions import actions_of_s3

OBJECT = {"Bucket": "b", "Key": "a/k"}
ON_OBJECT = "arn:aws:s3:::b/a/k"
ON_BUCKET = "arn:aws:s3:::b"
CASES: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("ListBuckets", {}, [("s3:ListAllMyBuckets", "*")]),
    ("HeadBucket", {"Bucket": "b"}, [("s3:ListBucket", ON_BUCKET)]),
    ("ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", ON_BUCKET)]),
    ("PutBucketPolicy", {"Bucket": "b"}, [("s3:PutBucketPolicy", ON_BUCKET)]),
    (
        "PutBucketNotificationConfiguration",
        {"Bucket": "b"},
        [("s3:PutBucketNotification", ON_BUCKET)],
    ),
    ("HeadObject", OBJECT, [("s3:GetObject", ON_OBJECT)]),
    ("GetObject", {**OBJECT, "VersionId": "v"}, [("s3:GetObjectVersion", ON_OBJECT)]),
    ("DeleteObject", {**OBJECT, "VersionId": "v"}, [("s3:DeleteObjectVersion", ON_OBJECT)]),
    ("UploadPart", OBJECT, [("s3:PutObject", ON_OBJECT)]),
    ("ListParts", OBJECT, [("s3:ListMultipartUploadParts", ON_OBJECT)]),
    (
        "PutObject",
        {**OBJECT, "Tagging": "a=b"},
        [("s3:PutObject", ON_OBJECT), ("s3:PutObjectTagging", ON_OBJECT)],
    ),
    (
        "CopyObject",
        {**OBJECT, "CopySource": "c/x%20y"},
        [("s3:GetObject", "arn:aws:s3:::c/x y"), ("s3:PutObject", ON_OBJECT)],
    ),
    (
        "UploadPartCopy",
        {**OBJECT, "CopySource": "/c/x?versionId=v"},
        [("s3:GetObjectVersion", "arn:aws:s3:::c/x"), ("s3:PutObject", ON_OBJECT)],
    ),
    (
        "DeleteObjects",
        {"Bucket": "b", "Delete": {"Objects": [{"Key": "x"}, {"Key": "y", "VersionId": "v"}]}},
        [
            ("s3:DeleteObject", "arn:aws:s3:::b/x"),
            ("s3:DeleteObjectVersion", "arn:aws:s3:::b/y"),
        ],
    ),
]


@pytest.mark.parametrize(("operation", "params", "expected"), CASES, ids=lambda one: str(one)[:20])
def test_an_operation_of_s3_is_these_actions(
    operation: str, params: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    asked = actions_of_s3(operation, params)
    assert [(one.action, one.resource) for one in asked] == expected


def test_a_list_tells_its_prefix_to_conditions() -> None:
    [asked] = actions_of_s3("ListObjectsV2", {"Bucket": "b", "Prefix": "p/", "Delimiter": "/"})
    assert asked.context == {"s3:prefix": "p/", "s3:delimiter": "/"}
