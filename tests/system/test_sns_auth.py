"""SNS on a server that enforces IAM: identity policies, topic policies, and links for anyone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.api.sns_world import Endpoint, fetch, listening
from tests.system.auth_world import ACCOUNT, World, allow, refusal

ARN = f"arn:aws:sns:us-east-1:{ACCOUNT}:"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with listening() as one:
        yield one


def test_sns_auth_a_users_policy_allows_each_action_on_each_topic(world: World) -> None:
    root = world.client("sns")
    for name in ("auth-a", "auth-b"):
        root.create_topic(Name=name)
    policy = allow("sns:Publish", "sns:GetTopicAttributes", resource=f"{ARN}auth-a")
    user = world.client("sns", world.make_user("sns-publisher", policy))
    entries = [{"Id": "1", "Message": "x"}]
    assert user.publish(TopicArn=f"{ARN}auth-a", Message="x")["MessageId"]
    assert user.publish(TargetArn=f"{ARN}auth-a", Message="x")["MessageId"]
    assert user.get_topic_attributes(TopicArn=f"{ARN}auth-a")["Attributes"]
    batch = user.publish_batch(TopicArn=f"{ARN}auth-a", PublishBatchRequestEntries=entries)
    assert batch["Failed"] == []
    for call, params in (
        (user.publish, {"TopicArn": f"{ARN}auth-b", "Message": "x"}),
        (user.publish, {"TargetArn": f"{ARN}auth-b", "Message": "x"}),
        (
            user.publish_batch,
            {"TopicArn": f"{ARN}auth-b", "PublishBatchRequestEntries": entries},
        ),
        (user.list_topics, {}),
        (user.list_subscriptions, {}),
        (user.create_topic, {"Name": "auth-c"}),
        (user.delete_topic, {"TopicArn": f"{ARN}auth-a"}),
        (user.unsubscribe, {"SubscriptionArn": f"{ARN}auth-a:x"}),
    ):
        code, status, _ = refusal(call, **params)
        assert (code, status) == ("AuthorizationError", 403), params
    _, _, text = refusal(user.delete_topic, TopicArn=f"{ARN}auth-a")
    assert text == (
        f"User: arn:aws:iam::{ACCOUNT}:user/sns-publisher is not authorized to perform:"
        f" SNS:DeleteTopic on resource: {ARN}auth-a because no identity-based policy allows the"
        " SNS:DeleteTopic action"
    )


def test_sns_auth_a_topics_policy_allows_and_denies(world: World) -> None:
    root = world.client("sns")
    topic = root.create_topic(Name="auth-policy")["TopicArn"]
    user = world.client("sns", world.make_user("sns-follower"))
    asked = {"TopicArn": topic, "Message": "x"}

    def set_policy(effect: str) -> None:
        statement: dict[str, Any] = {
            "Effect": effect,
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/sns-follower"},
            "Action": "SNS:Publish",
            "Resource": topic,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        root.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)

    assert refusal(user.publish, **asked)[0] == "AuthorizationError"
    set_policy("Allow")
    assert user.publish(**asked)["MessageId"]
    world.iam.put_user_policy(
        UserName="sns-follower", PolicyName="p", PolicyDocument=allow("sns:*")
    )
    set_policy("Deny")
    code, _, text = refusal(user.publish, **asked)
    assert (code, text.partition(" with ")[2]) == (
        "AuthorizationError",
        "an explicit deny in a resource-based policy",
    )


def test_sns_auth_links_of_notifications_need_no_signature(
    world: World, endpoint: Endpoint
) -> None:
    sns = world.client("sns")
    topic = sns.create_topic(Name="auth-links")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    confirmation = endpoint.take()[1]
    assert "BEGIN CERTIFICATE" in fetch(confirmation["SigningCertURL"])
    fetch(confirmation["SubscribeURL"])
    [one] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    shown = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])
    assert shown["Attributes"]["ConfirmationWasAuthenticated"] == "false"
    sns.publish(TopicArn=topic, Message="x")
    fetch(endpoint.take()[1]["UnsubscribeURL"])
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    for action in ("DeleteTopic", "Publish"):
        link = f"{world.server.endpoint}/?Action={action}&Version=2010-03-31"
        with pytest.raises(HTTPError, match="403"):
            fetch(f"{link}&TopicArn={topic}&Message=x")
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["TopicArn"] == topic
