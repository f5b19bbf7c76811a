"""What AWS's operations on event-invoke configs do.

Golden texts: LocalStack's tests/aws/services/lambda_/test_lambda_api.snapshot.json, recorded from
AWS (20-11-2023).
"""

from __future__ import annotations

from pathlib import Path

from tests.control.scene import ARN, Scene, play

INVALID = "InvalidParameterValueException"
NOT_FOUND = "ResourceNotFoundException"
NO_FUNCTION = (NOT_FOUND, "The function doesn't exist.")
QUEUE = "arn:aws:sqs:us-east-1:000000000000:queue"


def _nothing(qualifier: str = "$LATEST", name: str = "f") -> tuple[str, str]:
    return (NOT_FOUND, f"The function {ARN}{name}:{qualifier} doesn't have an EventInvokeConfig")


def test_put_replaces_everything_and_update_what_is_given(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        answer = await scene.call(
            "PutFunctionEventInvokeConfig",
            FunctionName="f",
            MaximumRetryAttempts=2,
            MaximumEventAgeInSeconds=60,
        )
        assert answer.pop("LastModified")
        assert answer == {
            "FunctionArn": f"{ARN}f:$LATEST",
            "MaximumRetryAttempts": 2,
            "MaximumEventAgeInSeconds": 60,
            "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
        }
        answer = await scene.call(
            "UpdateFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=0
        )
        assert (answer["MaximumRetryAttempts"], answer["MaximumEventAgeInSeconds"]) == (0, 60)
        answer = await scene.call(
            "UpdateFunctionEventInvokeConfig",
            FunctionName="f",
            DestinationConfig={"OnFailure": {"Destination": QUEUE}},
        )
        assert answer["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": QUEUE}}
        answer = await scene.call(
            "PutFunctionEventInvokeConfig", FunctionName="f", DestinationConfig={"OnFailure": {}}
        )
        assert "MaximumRetryAttempts" not in answer
        assert answer["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}

    async def look(scene: Scene) -> None:
        answer = await scene.call("GetFunctionEventInvokeConfig", FunctionName="f:$LATEST")
        assert answer["FunctionArn"] == f"{ARN}f:$LATEST"
        await scene.call("DeleteFunctionEventInvokeConfig", FunctionName="f")
        refused = await scene.refused("DeleteFunctionEventInvokeConfig", FunctionName="f")
        assert refused == _nothing()

    play(tmp_path, act)
    play(tmp_path, look)


def test_what_is_not_there_is_said_as_aws_says_it(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        for operation in ("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"):
            for name in ("missing", "f:missing"):
                refused = await scene.refused(operation, FunctionName=name, MaximumRetryAttempts=1)
                assert refused == NO_FUNCTION
            assert await scene.refused(operation, FunctionName="missing") == (
                INVALID,
                "You must specify at least one of error handling or destination setting.",
            )
        assert (
            await scene.refused(
                "UpdateFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=1
            )
            == _nothing()
        )
        for operation in ("GetFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"):
            assert await scene.refused(operation, FunctionName="f") == _nothing()
            assert await scene.refused(operation, FunctionName="no") == _nothing(name="no")
            assert await scene.refused(operation, FunctionName="f:x") == _nothing("x")
        assert await scene.refused("ListFunctionEventInvokeConfigs", FunctionName="no") == (
            NO_FUNCTION
        )
        assert (await scene.call("ListFunctionEventInvokeConfigs", FunctionName="f")) == {
            "FunctionEventInvokeConfigs": []
        }

    play(tmp_path, act)


def test_destinations_are_checked(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        await scene.create("other")

        async def refused(side: str, arn: str) -> tuple[str, str]:
            return await scene.refused(
                "PutFunctionEventInvokeConfig",
                FunctionName="f",
                DestinationConfig={side: {"Destination": arn}},
            )

        assert await refused("OnSuccess", f"{ARN}no") == (
            INVALID,
            f"The destination ARN {ARN}no is invalid.",
        )
        assert await refused("OnSuccess", f"{ARN}f") == (
            INVALID,
            "You can't specify the function as a destination for itself.",
        )
        wrong = "arn:aws:iam:us-east-1:000000000000:function:f"
        assert await refused("OnSuccess", wrong) == (
            INVALID,
            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination="
            f"{wrong}), onFailure=null) is invalid.",
        )
        for side, arn in (
            ("OnFailure", f"{QUEUE}.fifo"),
            ("OnSuccess", "arn:aws:sns:us-east-1:000000000000:topic.fifo"),
            ("OnSuccess", "arn:aws:s3:::bucket"),
            ("OnFailure", "kafka://topic"),
        ):
            assert (await refused(side, arn))[0] == INVALID
        assert await scene.refused("GetFunctionEventInvokeConfig", FunctionName="f") == _nothing()
        for arn in (
            QUEUE,
            "arn:aws:sns:us-east-1:000000000000:topic",
            "arn:aws:events:us-east-1:000000000000:event-bus/default",
            "arn:aws:s3:::bucket",
            f"{ARN}other",
        ):
            answer = await scene.call(
                "PutFunctionEventInvokeConfig",
                FunctionName="f",
                DestinationConfig={"OnFailure": {"Destination": arn}},
            )
            assert answer["DestinationConfig"]["OnFailure"] == {"Destination": arn}

    play(tmp_path, act)


def test_configs_go_with_their_function(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for _ in range(2):
            await scene.create()
            refused = await scene.refused("GetFunctionEventInvokeConfig", FunctionName="f")
            assert refused == _nothing()
            await scene.call(
                "PutFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=1
            )
            await scene.call("DeleteFunction", FunctionName="f")

    play(tmp_path, act)
