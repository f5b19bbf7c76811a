"""EventBridge and Scheduler on a server that enforces IAM: identity policies, the policies of
buses, and the roles in whose name is delivered."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.api.events_world import entry, next_body, next_message
from tests.system.auth_world import ACCOUNT, TRUST, World, allow, refusal

EVENTS = f"arn:aws:events:us-east-1:{ACCOUNT}"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"


def test_events_auth_policies_of_users_and_buses_decide_who_puts_events(world: World) -> None:
    root = world.client("events")
    for name in ("auth-mine", "auth-other"):
        root.create_event_bus(Name=name)
    keys = world.make_user("events-user", allow("events:*", resource=f"{EVENTS}:*/auth-mine*"))
    user = world.client("events", keys)
    mine, other = entry({}, EventBusName="auth-mine"), entry({}, EventBusName="auth-other")
    assert user.put_events(Entries=[mine])["FailedEntryCount"] == 0
    user.put_rule(Name="r", EventBusName="auth-mine", EventPattern='{"source": ["shop"]}')
    code, _, text = refusal(user.put_events, Entries=[mine, other])
    assert code == "AccessDeniedException"
    assert f"events:PutEvents on resource: {EVENTS}:event-bus/auth-other" in text
    code, _, text = refusal(user.delete_rule, Name="r", EventBusName="auth-other")
    assert f"events:DeleteRule on resource: {EVENTS}:rule/auth-other/r" in text
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/events-user"},
        "Action": "events:PutEvents",
        "Resource": f"{EVENTS}:event-bus/auth-other",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    root.put_permission(EventBusName="auth-other", Policy=policy)
    assert user.put_events(Entries=[mine, other])["FailedEntryCount"] == 0


def test_events_auth_a_schedule_acts_in_its_role(world: World) -> None:
    sqs, scheduler = world.client("sqs"), world.client("scheduler")
    open_url = sqs.create_queue(QueueName="auth-open")["QueueUrl"]
    dead_url = sqs.create_queue(QueueName="auth-dead")["QueueUrl"]
    trust = TRUST.replace("lambda.amazonaws.com", "scheduler.amazonaws.com")
    policy = allow("sqs:SendMessage", resource=QUEUE + "auth-open")
    role = world.make_role("scheduler-role", trust, policy)
    untrusting = world.make_role("other-role", TRUST, policy)

    def params(name: str, queue: str, role_arn: str = role) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "Name": name,
            "ScheduleExpression": f"at({now:%Y-%m-%dT%H:%M:%S})",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": QUEUE + queue,
                "RoleArn": role_arn,
                "Input": f'"{name}"',
                "DeadLetterConfig": {"Arn": QUEUE + "auth-dead"},
            },
        }

    code, status, text = refusal(scheduler.create_schedule, **params("x", "auth-open", untrusting))
    assert (code, status) == ("ValidationException", 400)
    assert text == (
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    )
    user = world.client(
        "scheduler", world.make_user("schedules-user", allow("scheduler:CreateSchedule"))
    )
    code, _, text = refusal(user.create_schedule, **params("y", "auth-open"))
    assert f"iam:PassRole on resource: {role}" in text
    world.iam.put_user_policy(
        UserName="schedules-user", PolicyName="pass", PolicyDocument=allow("iam:PassRole")
    )
    user.create_schedule(**params("allowed", "auth-open"))
    assert next_body(sqs, open_url) == "allowed"
    scheduler.create_schedule(**params("forbidden", "auth-shut"))
    letter = next_message(sqs, dead_url)
    assert letter["Body"] == '"forbidden"'
    told = letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert told == f"The role {role} is not authorized to deliver to {QUEUE}auth-shut"
