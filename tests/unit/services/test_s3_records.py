"""What targets get of S3's events, and which events they get.

Golden: S3 User Guide, "Event message structure" (the example of a put, with Lambent's account and
ids), "Using EventBridge: event message structure"; the delete marker as recorded from AWS on
2021-08-22 in a public repository's tests. Filters: "Configuring event notifications using object
key name filtering".
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lambent.domain.arns import Account
from lambent.services.s3.filters import Rule, find_overlap, rules_of
from lambent.services.s3.model import ObjectVersion
from lambent.services.s3.records import (
    Happening,
    build_bus_event,
    build_record,
    build_test,
    sequencer,
)

VERSION = ObjectVersion(
    number=0x55AED6DCD90281E5,
    bucket="amzn-s3-demo-bucket",
    key="HappyFace.jpg",
    version_id="096fKKXTRTtl3on89fVO.nfljtsv6qko",
    size=1024,
    etag="d41d8cd98f00b204e9800998ecf8427e",
    modified_s=0,
)
PUT = Happening(
    event="ObjectCreated:Put",
    version=VERSION,
    account=Account(account_id="111122223333", region="us-west-2"),
    region="us-west-2",
    wall_s=0.0,
    principal_id="AIDAJDPLRKLG7UEXAMPLE",
    source_ip="172.16.0.1",
    request_id="C3D13FE58DE4C810",
)
PUT_RECORD = {
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "awsRegion": "us-west-2",
    "eventTime": "1970-01-01T00:00:00.000Z",
    "eventName": "ObjectCreated:Put",
    "userIdentity": {"principalId": "AWS:AIDAJDPLRKLG7UEXAMPLE"},
    "requestParameters": {"sourceIPAddress": "172.16.0.1"},
    "responseElements": {
        "x-amz-request-id": "C3D13FE58DE4C810",
        "x-amz-id-2": "C3D13FE58DE4C810",
    },
    "s3": {
        "s3SchemaVersion": "1.0",
        "configurationId": "testConfigRule",
        "bucket": {
            "name": "amzn-s3-demo-bucket",
            "ownerIdentity": {"principalId": "111122223333"},
            "arn": "arn:aws:s3:::amzn-s3-demo-bucket",
        },
        "object": {
            "key": "HappyFace.jpg",
            "size": 1024,
            "eTag": "d41d8cd98f00b204e9800998ecf8427e",
            "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
            "sequencer": "0055AED6DCD90281E5",
        },
    },
}


def _record(happening: Happening) -> dict[str, Any]:
    [record] = json.loads(build_record(happening, "testConfigRule"))["Records"]
    assert isinstance(record, dict)
    return record


def test_the_record_of_a_put_is_as_in_the_user_guide() -> None:
    assert _record(PUT) == PUT_RECORD


def test_the_record_of_a_delete_marker_has_the_etag_of_nothing() -> None:
    marker = replace(VERSION, marker=True, size=0, etag="")
    happening = replace(PUT, event="ObjectRemoved:DeleteMarkerCreated", version=marker)
    told = _record(happening)["s3"]["object"]
    assert set(told) == {"key", "eTag", "versionId", "sequencer"}
    assert told["eTag"] == "d41d8cd98f00b204e9800998ecf8427e"


def test_the_record_of_a_deletion_tells_no_size_and_no_etag() -> None:
    unversioned = replace(VERSION, version_id="null")
    happening = replace(PUT, event="ObjectRemoved:Delete", version=unversioned)
    assert set(_record(happening)["s3"]["object"]) == {"key", "sequencer"}


def test_the_record_of_tags_is_of_version_2_3_and_has_no_sequencer() -> None:
    record = _record(replace(PUT, event="ObjectTagging:Put"))
    assert record["eventVersion"] == "2.3"
    assert set(record["s3"]["object"]) == {"key", "eTag", "versionId"}


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("red flower.jpg", "red+flower.jpg"),
        ("a/b+c", "a/b%2Bc"),
        ("ü", "%C3%BC"),
        ("a=b&c", "a%3Db%26c"),
    ],
)
def test_a_key_is_url_encoded(key: str, told: str) -> None:
    """ "The key value is URL encoded: red flower.jpg becomes red+flower.jpg"."""
    assert _record(replace(PUT, version=replace(VERSION, key=key)))["s3"]["object"]["key"] == told


def test_the_later_of_two_writes_has_the_greater_sequencer() -> None:
    numbers = [1, 9, 10, 15, 16, 255, 256, 2**40, 2**63 - 1]
    told = [sequencer(replace(VERSION, number=number)) for number in numbers]
    assert told == sorted(told)
    assert {len(text) for text in told} == {18}


def test_the_bus_gets_the_event_of_an_object_as_in_the_user_guide() -> None:
    event = json.loads(build_bus_event(PUT))
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "1970-01-01T00:00:00Z",
        "region": "us-west-2",
        "resources": ["arn:aws:s3:::amzn-s3-demo-bucket"],
        "detail": {
            "version": "0",
            "bucket": {"name": "amzn-s3-demo-bucket"},
            "object": {
                "key": "HappyFace.jpg",
                "size": 1024,
                "etag": "d41d8cd98f00b204e9800998ecf8427e",
                "version-id": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "sequencer": "0055AED6DCD90281E5",
            },
            "request-id": "C3D13FE58DE4C810",
            "requester": "111122223333",
            "source-ip-address": "172.16.0.1",
            "reason": "PutObject",
        },
    }


@pytest.mark.parametrize(
    ("event", "detail_type", "reason", "deletion"),
    [
        ("ObjectCreated:Copy", "Object Created", "CopyObject", None),
        ("ObjectCreated:Post", "Object Created", "POST Object", None),
        (
            "ObjectCreated:CompleteMultipartUpload",
            "Object Created",
            "CompleteMultipartUpload",
            None,
        ),
        ("ObjectRemoved:Delete", "Object Deleted", "DeleteObject", "Permanently Deleted"),
        (
            "ObjectRemoved:DeleteMarkerCreated",
            "Object Deleted",
            "DeleteObject",
            "Delete Marker Created",
        ),
        ("ObjectTagging:Put", "Object Tags Added", None, None),
        ("ObjectTagging:Delete", "Object Tags Deleted", None, None),
    ],
)
def test_the_bus_is_told_each_event_by_its_name(
    event: str, detail_type: str, reason: str | None, deletion: str | None
) -> None:
    told = json.loads(build_bus_event(replace(PUT, event=event)))
    assert told["detail-type"] == detail_type
    assert told["detail"].get("reason") == reason
    assert told["detail"].get("deletion-type") == deletion


def test_the_test_event_is_as_in_the_user_guide() -> None:
    """ "s3:TestEvent", in "Configuring event notifications: walkthrough"."""
    assert json.loads(build_test("b", "5582815E1AEA5ADF", 1_413_320_460.007)) == {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2014-10-14T21:01:00.007Z",
        "Bucket": "b",
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "5582815E1AEA5ADF",
    }


def _rule(*events: str, prefix: str = "", suffix: str = "") -> Rule:
    return Rule(id="r", target_arn="arn", events=events, prefix=prefix, suffix=suffix)


@pytest.mark.parametrize(
    ("rule", "event", "key", "fits"),
    [
        (_rule("s3:ObjectCreated:*"), "ObjectCreated:Put", "k", True),
        (_rule("s3:ObjectCreated:Put"), "ObjectCreated:Copy", "k", False),
        (_rule("s3:ObjectRemoved:*", "s3:ObjectCreated:Copy"), "ObjectCreated:Copy", "k", True),
        (_rule("s3:ObjectCreated:*", prefix="in/"), "ObjectCreated:Put", "in/x", True),
        (_rule("s3:ObjectCreated:*", prefix="in/"), "ObjectCreated:Put", "out/x", False),
        (_rule("s3:ObjectCreated:*", suffix=".jpg"), "ObjectCreated:Put", "x.jpg", True),
        (_rule("s3:ObjectCreated:*", suffix=".jpg"), "ObjectCreated:Put", "x.JPG", False),
        (_rule("s3:ObjectCreated:*", prefix="a", suffix="a"), "ObjectCreated:Put", "a", True),
    ],
)
def test_a_rule_fits_by_event_prefix_and_suffix(
    rule: Rule, event: str, key: str, fits: bool
) -> None:
    assert rule.fits(event, key) is fits


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        # The guide's own examples of what is valid and what is not.
        (
            _rule("s3:ObjectCreated:*", prefix="images/"),
            _rule("s3:ObjectCreated:*", prefix="logs/"),
            False,
        ),
        (
            _rule("s3:ObjectCreated:*", suffix=".jpg"),
            _rule("s3:ObjectCreated:*", suffix=".png"),
            False,
        ),
        (
            _rule("s3:ObjectCreated:*", prefix="images", suffix=".jpg"),
            _rule("s3:ObjectCreated:*", prefix="images", suffix=".png"),
            False,
        ),
        (_rule("s3:ObjectCreated:*"), _rule("s3:ObjectCreated:Put"), True),
        (
            _rule("s3:ObjectCreated:*", prefix="images"),
            _rule("s3:ObjectCreated:*", prefix="images/jpg"),
            True,
        ),
        (_rule("s3:ObjectCreated:*", suffix="jpg"), _rule("s3:ObjectCreated:*", suffix="pg"), True),
        (_rule("s3:ObjectCreated:*"), _rule("s3:ObjectRemoved:*"), False),
        (
            _rule("s3:ObjectCreated:*", prefix="images"),
            _rule("s3:ObjectCreated:*", suffix=".jpg"),
            True,
        ),
    ],
)
def test_rules_that_one_event_could_fit_contradict_each_other(
    one: Rule, other: Rule, overlap: bool
) -> None:
    assert (find_overlap([one, other]) is not None) is overlap
    assert (find_overlap([other, one]) is not None) is overlap


def test_rules_are_read_from_every_list_of_a_configuration() -> None:
    key_filter = {
        "FilterRules": [{"Name": "Prefix", "Value": "a"}, {"Name": "suffix", "Value": "b"}]
    }
    configuration = {
        "LambdaFunctionConfigurations": [{"Id": "1", "LambdaFunctionArn": "f", "Events": ["e"]}],
        "QueueConfigurations": [
            {"Id": "2", "QueueArn": "q", "Events": ["e"], "Filter": {"Key": key_filter}}
        ],
        "TopicConfigurations": [{"Id": "3", "TopicArn": "t", "Events": ["e"]}],
    }
    assert [(r.id, r.target_arn, r.prefix, r.suffix) for r in rules_of(configuration)] == [
        ("1", "f", "", ""),
        ("2", "q", "a", "b"),
        ("3", "t", "", ""),
    ]
