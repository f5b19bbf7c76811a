"""Queues as destinations and dead-letter queues of functions."""

from __future__ import annotations

import json
from typing import Any

from tests.api.test_sqs_messages import receive
from tests.conftest import RunningServer

SOURCE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("on purpose")
    return {"done": event}
"""


def _queue(sqs: Any, name: str) -> tuple[str, str]:
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return url, shown["QueueArn"]


def _next(sqs: Any, url: str) -> dict[str, Any]:
    asked = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"]}
    [message] = receive(sqs, url, WaitTimeSeconds=20, **asked)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


def test_sqs_queues_get_the_records_of_ended_events(server: RunningServer) -> None:
    """[DG] "Adding a destination", "Dead-letter queues"."""
    sqs = server.client("sqs")
    made = {name: _queue(sqs, f"sqs-target-{name}") for name in ("good", "bad", "dead")}
    client = server.create("sqs-target", SOURCE, DeadLetterConfig={"TargetArn": made["dead"][1]})
    client.put_function_event_invoke_config(
        FunctionName="sqs-target",
        MaximumRetryAttempts=0,
        DestinationConfig={
            "OnSuccess": {"Destination": made["good"][1]},
            "OnFailure": {"Destination": made["bad"][1]},
        },
    )

    def invoke(event: Any) -> str:
        answer = client.invoke(
            FunctionName="sqs-target", InvocationType="Event", Payload=json.dumps(event)
        )
        return str(answer["ResponseMetadata"]["RequestId"])

    request_id = invoke({"n": 1})
    record = json.loads(_next(sqs, made["good"][0])["Body"])
    assert record["requestContext"]["requestId"] == request_id
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"done": {"n": 1}}

    request_id = invoke({"fail": True})
    message = _next(sqs, made["bad"][0])
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorMessage"] == "on purpose"
    assert "Lineage=" in message["Attributes"]["AWSTraceHeader"]
    letter = _next(sqs, made["dead"][0])
    assert json.loads(letter["Body"]) == {"fail": True}
    assert {name: one["StringValue"] for name, one in letter["MessageAttributes"].items()} == {
        "RequestID": request_id,
        "ErrorCode": "200",
        "ErrorMessage": "on purpose",
    }
    client.delete_function(FunctionName="sqs-target")
    for url, _ in made.values():
        sqs.delete_queue(QueueUrl=url)
