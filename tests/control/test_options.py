"""Options of functions: what is kept, what empty ones reset, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.control.scene import Scene, play

QUEUE = "arn:aws:sqs:us-east-1:000000000000:letters"
KEY = "arn:aws:kms:us-east-1:000000000000:key/mine"
ACCESS_POINT = "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-" + "0" * 17
NO_LEVEL = (  # [LS]
    'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request '
    'or change the LogFormat to "JSON" and try again.'
)


def test_options_are_kept_and_empty_ones_reset(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        made = await scene.create(
            DeadLetterConfig={"TargetArn": QUEUE},
            KMSKeyArn=KEY,
            TracingConfig={"Mode": "Active"},
            LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "WARN"},
        )
        assert made["DeadLetterConfig"] == {"TargetArn": QUEUE}
        assert made["KMSKeyArn"] == KEY
        assert made["TracingConfig"] == {"Mode": "Active"}
        logging = {
            "LogFormat": "JSON",
            "LogGroup": "/aws/lambda/f",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "WARN",
        }
        assert made["LoggingConfig"] == logging
        await scene.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=4)
        kept = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert (kept["LoggingConfig"], kept["KMSKeyArn"]) == (logging, KEY)
        await scene.call(
            "UpdateFunctionConfiguration",
            FunctionName="f",
            DeadLetterConfig={},
            KMSKeyArn="",
            TracingConfig={},
            LoggingConfig={"LogFormat": "Text"},
        )
        reset = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert "DeadLetterConfig" not in reset
        assert "KMSKeyArn" not in reset
        assert reset["TracingConfig"] == {"Mode": "PassThrough"}
        assert reset["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "INFO"}}, NO_LEVEL),
        ({"LoggingConfig": {"ApplicationLogLevel": "INFO"}}, NO_LEVEL),
        ({"DeadLetterConfig": {"TargetArn": f"{QUEUE}.fifo"}}, "not FIFO"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:s3:::bucket"}}, "neither the ARN"),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:0:key"}, "InvalidArnException"),
        ({"KMSKeyArn": KEY.replace("000000000000", "111111111111")}, "AccessDeniedException"),
        (
            {"FileSystemConfigs": [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/a"}]},
            "does not exist",
        ),
        ({"FileSystemConfigs": [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/.."}]}, "no path"),
    ],
)
def test_options_that_aws_refuses(tmp_path: Path, option: dict[str, Any], said: str) -> None:
    async def act(scene: Scene) -> None:
        code, message = await scene.refused("CreateFunction", **option)
        assert code == "InvalidParameterValueException"
        assert said in message
        assert (await scene.call("ListFunctions"))["Functions"] == []
        made = await scene.create()
        code, message = await scene.refused(
            "UpdateFunctionConfiguration", FunctionName="f", **option
        )
        assert said in message
        now = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert now["LoggingConfig"] == made["LoggingConfig"]

    play(tmp_path, act)
