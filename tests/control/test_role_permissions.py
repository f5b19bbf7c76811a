"""What a function's role must be allowed before a configuration rests on it.

Golden text of queues: LocalStack's recordings of AWS; the others are marked where they are made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.control.scene import ARN, Scene, play

INVALID = "InvalidParameterValueException"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:queue"
STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
ROLE = "arn:aws:iam::000000000000:role/r"


def allow(scene: Scene, *actions: str) -> list[tuple[str, str, str]]:
    """Let every role do these alone; what is asked is noted."""
    asked: list[tuple[str, str, str]] = []

    def allows(role: str, action: str, resource: str) -> bool:
        asked.append((role, action, resource))
        return action in actions

    scene.control.plane.role_permissions.allows = allows
    return asked


def test_a_mapping_needs_a_role_that_may_read_the_source(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        create: dict[str, Any] = {"FunctionName": "f", "EventSourceArn": QUEUE}
        asked = allow(scene)
        assert await scene.refused("CreateEventSourceMapping", **create) == (
            INVALID,
            "The provided execution role does not have permissions to call ReceiveMessage on SQS",
        )
        assert asked == [(ROLE, "sqs:ReceiveMessage", QUEUE)]
        allow(scene, "sqs:ReceiveMessage", "sqs:DeleteMessage")
        _, text = await scene.refused("CreateEventSourceMapping", **create)
        assert text.endswith("call GetQueueAttributes on SQS")
        stream = {**create, "EventSourceArn": STREAM, "StartingPosition": "LATEST"}
        assert await scene.refused("CreateEventSourceMapping", **stream) == (
            INVALID,
            f"Cannot access stream {STREAM}. Please ensure the role can perform the GetRecords, "
            "GetShardIterator, DescribeStream, ListShards, and ListStreams Actions on your stream "
            "in IAM.",
        )
        assert (await scene.call("ListEventSourceMappings"))["EventSourceMappings"] == []
        allow(scene, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
        await scene.call("CreateEventSourceMapping", **create)

    play(tmp_path, act)


def test_a_destination_needs_a_role_that_may_write_to_it(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        await scene.create("g")
        for arn, action, resource in (
            (QUEUE, "sqs:SendMessage", QUEUE),
            ("arn:aws:s3:::b", "s3:PutObject", "arn:aws:s3:::b/*"),
            (f"{ARN}g", "lambda:InvokeFunction", f"{ARN}g"),
        ):
            put: dict[str, Any] = {
                "FunctionName": "f",
                "DestinationConfig": {"OnFailure": {"Destination": arn}},
            }
            asked = allow(scene)
            code, text = await scene.refused("PutFunctionEventInvokeConfig", **put)
            assert (code, asked) == (INVALID, [(ROLE, action, resource)])
            assert text.endswith(f"permissions to call {action.partition(':')[2]} on {arn}")
            allow(scene, action)
            await scene.call("PutFunctionEventInvokeConfig", **put)

    play(tmp_path, act)
