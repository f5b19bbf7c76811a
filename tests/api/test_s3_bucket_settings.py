"""What buckets are set to, by an unmodified boto3. Source: S3 API Reference, User Guide."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.s3_world import new_bucket, refusal
from tests.conftest import RunningServer


@pytest.fixture
def s3(server: RunningServer) -> Any:
    return server.client("s3")


def test_a_new_bucket_tells_what_every_bucket_begins_with(s3: Any) -> None:
    """All that a Terraform provider asks of a bucket when it refreshes one."""
    name = new_bucket(s3)
    block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
    [rule] = encryption["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert s3.get_bucket_request_payment(Bucket=name)["Payer"] == "BucketOwner"
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=name)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=name)
    [grant] = s3.get_bucket_acl(Bucket=name)["Grants"]
    assert grant["Permission"] == "FULL_CONTROL"
    for call, code in (
        (s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (s3.get_bucket_tagging, "NoSuchTagSet"),
        (s3.get_bucket_cors, "NoSuchCORSConfiguration"),
        (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
        (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
        (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
        (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
    ):
        assert refusal(call, Bucket=name) == (code, 404)


def test_tags_and_policies_of_a_bucket_are_put_told_and_deleted(s3: Any) -> None:
    name = new_bucket(s3)
    tags = [{"Key": "team", "Value": "a"}, {"Key": "cost", "Value": "1"}]
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=name)
    assert refusal(s3.get_bucket_tagging, Bucket=name) == ("NoSuchTagSet", 404)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=name, Policy=policy)
    assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]) == json.loads(policy)
    s3.delete_bucket_policy(Bucket=name)
    assert refusal(s3.get_bucket_policy, Bucket=name) == ("NoSuchBucketPolicy", 404)
    other = policy.replace(name, "another-bucket")
    assert refusal(s3.put_bucket_policy, Bucket=name, Policy=other) == ("MalformedPolicy", 400)


def test_ownership_decides_on_acls_and_encryption_is_told_again(s3: Any) -> None:
    name = new_bucket(s3)
    put = {"Bucket": name, "Key": "k", "ACL": "public-read"}
    assert refusal(s3.put_object, **put) == ("AccessControlListNotSupported", 400)
    s3.put_bucket_ownership_controls(
        Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    s3.put_object(**put)
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [default]})
    told = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
    assert told["Rules"] == [default]
    s3.delete_bucket_encryption(Bucket=name)


def test_what_a_bucket_cannot_be_set_to_is_named(s3: Any) -> None:
    name = new_bucket(s3)
    rule = {"ID": "r", "Status": "Enabled", "Prefix": "", "Expiration": {"Days": 1}}
    assert refusal(
        s3.put_bucket_lifecycle_configuration,
        Bucket=name,
        LifecycleConfiguration={"Rules": [rule]},
    ) == ("NotImplemented", 501)
