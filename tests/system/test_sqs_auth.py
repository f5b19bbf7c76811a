"""SQS on a server that enforces IAM: identity policies, queue policies, and the words."""

from __future__ import annotations

import json
from typing import Any

from tests.system.auth_world import ACCOUNT, World, allow, refusal

ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"


def test_sqs_auth_a_users_policy_allows_each_action_on_each_queue(world: World) -> None:
    root = world.client("sqs")
    urls = {name: root.create_queue(QueueName=f"auth-{name}")["QueueUrl"] for name in ("a", "b")}
    policy = allow("sqs:SendMessage", "sqs:GetQueueUrl", resource=f"{ARN}auth-a")
    user = world.client("sqs", world.make_user("sqs-sender", policy))
    entries = [{"Id": "1", "MessageBody": "x"}]
    assert user.get_queue_url(QueueName="auth-a")["QueueUrl"] == urls["a"]
    user.send_message(QueueUrl=urls["a"], MessageBody="x")
    assert user.send_message_batch(QueueUrl=urls["a"], Entries=entries)["Failed"] == []
    for call, params in (
        (user.send_message, {"QueueUrl": urls["b"], "MessageBody": "x"}),
        (user.send_message_batch, {"QueueUrl": urls["b"], "Entries": entries}),
        (user.receive_message, {"QueueUrl": urls["a"]}),
        (user.list_queues, {}),
        (user.create_queue, {"QueueName": "auth-c"}),
    ):
        code, status, _ = refusal(call, **params)
        assert (code, status) == ("AccessDenied", 403), params
    code, _, text = refusal(user.purge_queue, QueueUrl=urls["a"])
    assert text == (
        f"User: arn:aws:iam::{ACCOUNT}:user/sqs-sender is not authorized to perform:"
        f" sqs:PurgeQueue on resource: {ARN}auth-a because no identity-based policy allows the"
        " sqs:PurgeQueue action"
    )


def test_sqs_auth_a_queues_policy_allows_and_denies(world: World) -> None:
    root = world.client("sqs")
    keys = world.make_user("sqs-reader")
    user = world.client("sqs", keys)
    url = root.create_queue(QueueName="auth-policy")["QueueUrl"]

    def set_policy(effect: str, action: str) -> None:
        statement: dict[str, Any] = {
            "Effect": effect,
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/sqs-reader"},
            "Action": action,
            "Resource": f"{ARN}auth-policy",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        root.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    assert refusal(user.receive_message, QueueUrl=url)[0] == "AccessDenied"
    set_policy("Allow", "SQS:ReceiveMessage")
    assert user.receive_message(QueueUrl=url)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert refusal(user.send_message, QueueUrl=url, MessageBody="x")[0] == "AccessDenied"
    world.iam.put_user_policy(UserName="sqs-reader", PolicyName="p", PolicyDocument=allow("sqs:*"))
    user.send_message(QueueUrl=url, MessageBody="x")
    set_policy("Deny", "sqs:*")
    code, _, text = refusal(user.send_message, QueueUrl=url, MessageBody="x")
    assert (code, text.partition(" with ")[2]) == (
        "AccessDenied",
        "an explicit deny in a resource-based policy",
    )
