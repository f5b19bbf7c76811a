"""Recursion configs, and durable executions where there are none. Codes: [B]."""

from __future__ import annotations

from pathlib import Path

from tests.control.scene import ARN, Scene, play

EXECUTION = f"{ARN}f:1/durable-execution/name/id"


def test_a_function_terminates_loops_until_told_otherwise(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        missing = ("ResourceNotFoundException", f"Function not found: {ARN}f")
        named = {"FunctionName": "f"}
        assert await scene.refused("GetFunctionRecursionConfig", **named) == missing
        put = "PutFunctionRecursionConfig"
        assert await scene.refused(put, **named, RecursiveLoop="Allow") == missing
        await scene.create()
        assert await scene.call("GetFunctionRecursionConfig", **named) == {
            "RecursiveLoop": "Terminate"
        }
        assert await scene.call(put, **named, RecursiveLoop="Allow") == {"RecursiveLoop": "Allow"}

    async def again(scene: Scene) -> None:
        named = {"FunctionName": "f"}
        assert await scene.call("GetFunctionRecursionConfig", **named) == {"RecursiveLoop": "Allow"}
        await scene.call("DeleteFunction", **named)
        await scene.create()
        assert await scene.call("GetFunctionRecursionConfig", **named) == {
            "RecursiveLoop": "Terminate"
        }

    play(tmp_path, act)
    play(tmp_path, again)


def test_there_are_no_durable_executions(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        listing = "ListDurableExecutionsByFunction"
        assert await scene.call(listing, FunctionName="f") == {"DurableExecutions": []}
        assert (await scene.refused(listing, FunctionName="g"))[0] == "ResourceNotFoundException"
        for name in ("Get", "Stop", "Delete", "Pause", "Resume"):
            code, text = await scene.refused(
                f"{name}DurableExecution", DurableExecutionArn=EXECUTION
            )
            assert (code, EXECUTION in text) == ("ResourceNotFoundException", True)
        for operation in ("CheckpointDurableExecution", "GetDurableExecutionState"):
            code, _ = await scene.refused(
                operation, DurableExecutionArn=EXECUTION, CheckpointToken="t"
            )
            assert code == "InvalidParameterValueException"
        for outcome in ("Success", "Failure", "Heartbeat"):
            code, _ = await scene.refused(
                f"SendDurableExecutionCallback{outcome}", CallbackId="abc"
            )
            assert code == "ResourceNotFoundException"

    play(tmp_path, act)


def test_tags_on_event_source_mappings_live_with_them(tmp_path: Path) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:"
    made: list[str] = []

    async def act(scene: Scene) -> None:
        await scene.create()
        answer = await scene.call(
            "CreateEventSourceMapping",
            FunctionName="f",
            EventSourceArn="arn:aws:sqs:us-east-1:000000000000:q",
            Tags={"a": "1"},
        )
        named = {"Resource": answer["EventSourceMappingArn"]}
        made.append(answer["UUID"])
        await scene.call("TagResource", **named, Tags={"b": "2", "c": "3"})
        await scene.call("UntagResource", **named, TagKeys=["a", "x"])
        await scene.call("UpdateEventSourceMapping", UUID=answer["UUID"], BatchSize=1)
        for tags in ({"aws:x": "y"}, {str(number): "" for number in range(50)}, {}):
            code, _ = await scene.refused("TagResource", **named, Tags=tags)
            assert code == "InvalidParameterValueException"

    async def again(scene: Scene) -> None:
        named = {"Resource": f"{arn}{made[0]}"}
        assert (await scene.call("ListTags", **named))["Tags"] == {"b": "2", "c": "3"}
        await scene.call("DeleteEventSourceMapping", UUID=made[0])
        for operation, params in (
            ("ListTags", {}),
            ("TagResource", {"Tags": {"a": "b"}}),
            ("UntagResource", {"TagKeys": ["a"]}),
        ):
            refused = await scene.refused(operation, **named, **params)
            assert refused == (
                "ResourceNotFoundException",
                "The resource you requested does not exist.",
            )

    play(tmp_path, act)
    play(tmp_path, again)
