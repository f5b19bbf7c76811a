"""A function here and its queue on a second Lambent; a role that may read a queue, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lambent.cli.root_key import root_file
from tests.conftest import RunningServer, running
from tests.system.auth_world import World, allow

WAIT_S_MAX = 60.0
ARN = "arn:aws:sqs:us-east-1:000000000000:jobs"
SOURCE = """
def handler(event, context):
    for record in event["Records"]:
        blob = record["messageAttributes"].get("blob", {}).get("binaryValue", "")
        print("came", record["body"], blob)
    if any(record["body"] == "bad" for record in event["Records"]):
        raise ValueError("on purpose")
"""


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S_MAX
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def came(logs: Any, name: str) -> list[str]:
    """What the function told of the messages that it got."""
    try:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [one["message"][5:].strip() for one in events if one["message"].startswith("came ")]


def depth(sqs: Any, url: str) -> int:
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    names = ("", "NotVisible", "Delayed")
    return sum(int(shown[f"ApproximateNumberOfMessages{name}"]) for name in names)


def test_a_queue_of_another_server_feeds_a_function_by_signed_calls(tmp_path: Path) -> None:
    """The other one verifies signatures; this one has an access key of it."""
    with running(tmp_path / "there", "--auth", "iam") as there:
        far = World(there)
        sqs = far.client("sqs")
        url = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
        blob = {"blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}}
        sqs.send_message(QueueUrl=url, MessageBody="before", MessageAttributes=blob)
        arguments = (
            "--source-endpoints",
            f"sqs={there.endpoint}",
            "--source-credentials",
            str(root_file({}, there.data_dir)),
        )
        with running(tmp_path / "here", *arguments) as here:
            client = here.create("far", SOURCE)
            client.create_event_source_mapping(FunctionName="far", EventSourceArn=ARN)
            logs = here.client("logs")
            wait_for(lambda: "before AAE=" in came(logs, "far"))  # again where that takes long
            sqs.send_message(QueueUrl=url, MessageBody="after")
            wait_for(lambda: "after" in came(logs, "far"))
            wait_for(lambda: depth(sqs, url) == 0)
            sqs.send_message(QueueUrl=url, MessageBody="bad")
            wait_for(lambda: came(logs, "far").count("bad") > 1)


def test_a_role_that_may_not_read_the_queue_any_more_stops_its_mapping(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "data", "--auth", "iam") as server:
        _stop_by_role(server)


def _stop_by_role(server: RunningServer) -> None:
    world = World(server)
    sqs, logs, client = world.client("sqs"), world.client("logs"), world.functions
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    reading = allow("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    role = world.make_role("reader", policy=reading)
    world.create("near", SOURCE, Role=role)
    key = client.create_event_source_mapping(FunctionName="near", EventSourceArn=ARN)["UUID"]
    sqs.send_message(QueueUrl=url, MessageBody="one")
    wait_for(lambda: came(logs, "near") == ["one"])
    wait_for(lambda: depth(sqs, url) == 0)  # the role has to delete it, too
    world.iam.delete_role_policy(RoleName="reader", PolicyName="p")
    sqs.send_message(QueueUrl=url, MessageBody="two")  # wakes the receive that waits
    wait_for(
        lambda: (
            "permissions to call ReceiveMessage"
            in client.get_event_source_mapping(UUID=key).get("LastProcessingResult", "")
        )
    )
    assert came(logs, "near") == ["one"]
    world.iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=reading)
    wait_for(lambda: came(logs, "near") == ["one", "two"])
