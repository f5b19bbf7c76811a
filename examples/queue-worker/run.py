"""A queue worker with partial failures: a queue feeds a function, what fails twice is put aside.

.venv/bin/python examples/queue-worker/run.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from running import Running, running, wait_for  # noqa: E402 - it is beside this folder

QUEUES = "arn:aws:sqs:us-east-1:000000000000"
ORDERS = [{"id": number, "address": "" if number == 3 else "Ada's"} for number in range(1, 6)]


def main() -> None:
    try:
        with running() as lambent:
            show(lambent)
    except KeyboardInterrupt:
        sys.exit(130)


def show(lambent: Running) -> None:
    client, logs, sqs = (lambent.client(name) for name in ("lambda", "logs", "sqs"))
    failed = sqs.create_queue(QueueName="orders-failed")["QueueUrl"]
    redrive = {"deadLetterTargetArn": f"{QUEUES}:orders-failed", "maxReceiveCount": 2}
    attributes = {"VisibilityTimeout": "3", "RedrivePolicy": json.dumps(redrive)}
    orders = sqs.create_queue(QueueName="orders", Attributes=attributes)["QueueUrl"]
    lambent.deploy("worker", HERE, Timeout=3)
    client.create_event_source_mapping(
        FunctionName="worker",
        EventSourceArn=f"{QUEUES}:orders",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    entries = [{"Id": str(order["id"]), "MessageBody": json.dumps(order)} for order in ORDERS]
    sqs.send_message_batch(QueueUrl=orders, Entries=entries)
    print("sent", len(ORDERS), "orders, one of them without an address")

    def receive() -> list[str]:
        answer = sqs.receive_message(QueueUrl=failed, WaitTimeSeconds=5)
        return [message["Body"] for message in answer.get("Messages", ())]

    aside = wait_for("the order that fails", receive)

    def lines() -> list[str]:
        found = logs.filter_log_events(logGroupName="/aws/lambda/worker")["events"]
        told = [one["message"].strip() for one in found]
        told = [line for line in told if line.startswith(("shipped", "try"))]
        return told if len(told) >= len(ORDERS) + 1 else []

    told = wait_for("what the worker logs", lines)
    print(*told, f"put aside: {aside[0]}", sep="\n")
    assert [json.loads(body)["id"] for body in aside] == [3], aside
    assert len([line for line in told if line.startswith("try")]) == 2, told
    shipped = {line for line in told if line.startswith("shipped")}
    assert shipped == {f"shipped order {number}" for number in (1, 2, 4, 5)}, told


if __name__ == "__main__":
    main()
