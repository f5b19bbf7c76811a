"""Topics of SNS, their attributes, permissions and tags, by an unmodified boto3.

Expected values: LocalStack's recordings of AWS (test_sns.snapshot.json), API reference of SNS.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.sns_world import ACCOUNT, new_topic, sns_refusal
from tests.conftest import RunningServer


@pytest.fixture
def sns(server: RunningServer) -> Any:
    return server.client("sns", parameter_validation=False)


def test_a_new_sns_topic_has_all_attributes(sns: Any) -> None:
    arn = new_topic(sns, DisplayName="Orders")
    assert arn.startswith(f"arn:aws:sns:us-east-1:{ACCOUNT}:topic-")
    found = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert found["TopicArn"] == arn
    assert found["Owner"] == ACCOUNT
    assert found["DisplayName"] == "Orders"
    counts = [found[f"Subscriptions{state}"] for state in ("Pending", "Confirmed", "Deleted")]
    assert counts == ["0", "0", "0"]
    policy = json.loads(found["Policy"])
    assert policy["Id"] == "__default_policy_ID"
    assert policy["Statement"][0]["Condition"] == {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}
    effective = json.loads(found["EffectiveDeliveryPolicy"])["http"]
    assert effective["defaultHealthyRetryPolicy"] == {
        "minDelayTarget": 20,
        "maxDelayTarget": 20,
        "numRetries": 3,
        "numMaxDelayRetries": 0,
        "numNoDelayRetries": 0,
        "numMinDelayRetries": 0,
        "backoffFunction": "linear",
    }


def test_an_sns_topic_is_created_once(sns: Any) -> None:
    tags = [{"Key": "a", "Value": "1"}]
    arn = sns.create_topic(Name="once", Tags=tags)["TopicArn"]
    assert sns.create_topic(Name="once")["TopicArn"] == arn
    assert sns_refusal(sns.create_topic, Name="once", Attributes={"DisplayName": "x"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    )
    assert sns_refusal(sns.create_topic, Name="once", Tags=[{"Key": "a", "Value": "2"}]) == (
        "InvalidParameter",
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
    )
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    assert sns_refusal(sns.get_topic_attributes, TopicArn=arn) == (
        "NotFound",
        "Topic does not exist",
    )


def test_names_of_sns_topics_are_checked(sns: Any) -> None:
    for name in ("", "a b", "a.fifo", "x" * 257):
        assert sns_refusal(sns.create_topic, Name=name)[0] in ("InvalidParameter",), name
    refused = sns_refusal(sns.create_topic, Name="plain", Attributes={"FifoTopic": "true"})
    assert refused[1].startswith("Invalid parameter: Fifo Topic names must end with .fifo")
    assert sns_refusal(sns.get_topic_attributes, TopicArn="topic") == (
        "InvalidParameter",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
    )


def test_attributes_of_sns_topics_are_set_and_checked(sns: Any) -> None:
    arn = new_topic(sns)

    def set_to(name: str, value: str) -> dict[str, str]:
        return {"TopicArn": arn, "AttributeName": name, "AttributeValue": value}

    for name, value in (
        ("DisplayName", "Shown"),
        ("SignatureVersion", "2"),
        ("TracingConfig", "Active"),
        ("KmsMasterKeyId", "alias/aws/sns"),
        ("DeliveryPolicy", json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}})),
    ):
        sns.set_topic_attributes(**set_to(name, value))
        assert sns.get_topic_attributes(TopicArn=arn)["Attributes"][name] == value
    effective = sns.get_topic_attributes(TopicArn=arn)["Attributes"]["EffectiveDeliveryPolicy"]
    assert json.loads(effective)["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 5
    for name, value in (
        ("SignatureVersion", "3"),
        ("FifoTopic", "true"),
        ("ContentBasedDeduplication", "true"),
        ("Policy", "{}"),
        ("Policy", "no JSON"),
        (
            "DeliveryPolicy",
            json.dumps({"http": {"defaultHealthyRetryPolicy": {"numRetries": 101}}}),
        ),
        ("Unheard", "x"),
    ):
        refused = sns_refusal(sns.set_topic_attributes, **set_to(name, value))
        assert refused[0] == "InvalidParameter", (name, value)
    refused = sns_refusal(sns.set_topic_attributes, **set_to("ArchivePolicy", "{}"))
    assert refused == (
        "UnsupportedOperationException",
        "Lambent does not support the attribute ArchivePolicy of SNS topics yet.",
    )


def test_permissions_are_statements_of_the_sns_topics_policy(sns: Any) -> None:
    arn = new_topic(sns)
    given = {"TopicArn": arn, "Label": "one", "AWSAccountId": ["111122223333"]}
    sns.add_permission(**given, ActionName=["Publish"])
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    assert policy["Statement"][1] == {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "SNS:Publish",
        "Resource": arn,
    }
    assert sns_refusal(sns.add_permission, **given, ActionName=["Publish"]) == (
        "InvalidParameter",
        "Invalid parameter: Statement already exists",
    )
    other = {**given, "Label": "two"}
    assert sns_refusal(sns.add_permission, **other, ActionName=["Fly"]) == (
        "InvalidParameter",
        "Invalid parameter: Policy statement action out of service scope!",
    )
    sns.remove_permission(TopicArn=arn, Label="one")
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["__default_statement_ID"]


def test_sns_topics_have_tags(sns: Any) -> None:
    arn = new_topic(sns)
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": ""}]
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert sns_refusal(sns.tag_resource, ResourceArn=arn, Tags=twice) == (
        "InvalidParameter",
        "Invalid parameter: Duplicated keys are not allowed.",
    )
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    assert sns_refusal(sns.tag_resource, ResourceArn=arn, Tags=many)[0] == "TagLimitExceeded"
    missing = f"arn:aws:sns:us-east-1:{ACCOUNT}:missing"
    assert sns_refusal(sns.list_tags_for_resource, ResourceArn=missing)[0] == "ResourceNotFound"


def test_sns_topics_are_listed_in_pages_of_a_hundred(sns: Any) -> None:
    made = {sns.create_topic(Name=f"paged-{number:03}")["TopicArn"] for number in range(101)}
    pages = list(sns.get_paginator("list_topics").paginate())
    assert len(pages[0]["Topics"]) == 100
    assert made <= {one["TopicArn"] for page in pages for one in page["Topics"]}
    for arn in made:
        sns.delete_topic(TopicArn=arn)


def test_what_sns_lacks_is_said(sns: Any) -> None:
    arn = new_topic(sns)
    for call, params in (
        (sns.publish, {"PhoneNumber": "+15555550100", "Message": "x"}),
        (sns.publish, {"TargetArn": f"{arn.replace('topic', 'endpoint/GCM')}", "Message": "x"}),
        (sns.subscribe, {"TopicArn": arn, "Protocol": "email", "Endpoint": "a@example.com"}),
        (sns.subscribe, {"TopicArn": arn, "Protocol": "sms", "Endpoint": "+15555550100"}),
        (sns.list_phone_numbers_opted_out, {}),
        (sns.list_platform_applications, {}),
    ):
        code, text = sns_refusal(call, **params)
        assert code == "UnsupportedOperationException", params
        assert text.startswith("Lambent does not support ")
