"""StartLiveTail by boto3, which decodes its stream."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningServer

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:"


def _client(server: RunningServer) -> Any:
    """The operation has a host of its own (`stream-…`), which a local endpoint has not."""
    return server.client("logs", inject_host_prefix=False)


def test_live_tail_shows_what_comes_while_it_comes(server: RunningServer) -> None:
    logs = _client(server)
    place = {"logGroupName": "tailed", "logStreamName": "s"}
    logs.create_log_group(logGroupName="tailed")
    logs.create_log_stream(**place)
    stamp = logs.describe_log_groups(logGroupNamePrefix="tailed")["logGroups"][0]["creationTime"]

    def put(*messages: str) -> None:
        events = [{"timestamp": stamp, "message": message} for message in messages]
        logs.put_log_events(**place, logEvents=events)

    put("ERROR before")
    answer = logs.start_live_tail(
        logGroupIdentifiers=[f"{ARN}tailed"], logEventFilterPattern="ERROR"
    )
    shown: list[Any] = []
    with contextlib.closing(answer["responseStream"]) as stream:
        for event in stream:
            if "sessionStart" in event:
                assert event["sessionStart"]["logGroupIdentifiers"] == [f"{ARN}tailed"]
                put("fine", "ERROR one")
                continue
            assert event["sessionUpdate"]["sessionMetadata"] == {"sampled": False}
            came = event["sessionUpdate"]["sessionResults"]
            shown += came
            if came and len(shown) == 1:  # once: an empty update may come before the next event
                put("ERROR two")
            if len(shown) == 2:
                break
    assert [event["message"] for event in shown] == ["ERROR one", "ERROR two"]
    assert shown[0]["logStreamName"] == "s"
    assert shown[0]["logGroupIdentifier"] == f"{ARN}tailed"
    assert shown[0]["timestamp"] == stamp


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"logGroupIdentifiers": [f"{ARN}not-there"]}, "ResourceNotFoundException"),
        ({"logGroupIdentifiers": ["a-name"]}, "InvalidParameterException"),
        ({"logGroupIdentifiers": [f"{ARN}x:*"]}, "InvalidParameterException"),
        (
            {"logGroupIdentifiers": [f"{ARN}x"], "logEventFilterPattern": "{"},
            "ResourceNotFoundException",
        ),
        (
            {
                "logGroupIdentifiers": [f"{ARN}x"],
                "logStreamNames": ["s"],
                "logStreamNamePrefixes": ["s"],
            },
            "InvalidParameterException",
        ),
    ],
)
def test_live_tail_refuses_what_it_cannot_show(
    server: RunningServer, params: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        _client(server).start_live_tail(**params)
    assert refused.value.response["Error"]["Code"] == code


def test_live_tail_ends_with_its_server(tmp_path: Any) -> None:
    server = RunningServer(data_dir=tmp_path / "data").start()
    logs = _client(server)
    logs.create_log_group(logGroupName="ends")
    answer = logs.start_live_tail(logGroupIdentifiers=[f"{ARN}ends"])
    with contextlib.closing(answer["responseStream"]) as stream:
        assert "sessionStart" in next(iter(stream))
        assert server.stop() == 0
