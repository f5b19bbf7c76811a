"""An alert on a log pattern: what one function logs as an error makes another one send an alert.

.venv/bin/python examples/log-alert/run.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from running import Running, running, wait_for  # noqa: E402 - it is beside this folder

GROUP = "/aws/lambda/shop"
ORDERS = [{"id": 1, "amount": 3}, {"id": 2, "amount": 20_000}, {"id": 3, "amount": 5}]


def main() -> None:
    try:
        with running() as lambent:
            show(lambent)
    except KeyboardInterrupt:
        sys.exit(130)


def show(lambent: Running) -> None:
    client, logs, sqs = (lambent.client(name) for name in ("lambda", "logs", "sqs"))
    queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
    lambent.deploy("shop", HERE / "shop")
    alert = lambent.deploy("alert", HERE / "alert", Environment={"Variables": {"ALERTS": queue}})
    client.add_permission(
        FunctionName="alert",
        StatementId="logs",
        Action="lambda:InvokeFunction",
        Principal="logs.amazonaws.com",
        SourceArn=f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*",
    )
    logs.create_log_group(logGroupName=GROUP)
    logs.put_subscription_filter(
        logGroupName=GROUP,
        filterName="errors",
        filterPattern='{ $.level = "ERROR" }',
        destinationArn=alert,
    )
    client.invoke(FunctionName="shop", Payload=json.dumps({"orders": ORDERS}))
    print("sold", len(ORDERS), "orders")

    def receive() -> list[str]:
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5).get("Messages", ())
        return [message["Body"] for message in messages]

    alerts = wait_for("an alert", receive)
    print("alert:", *alerts)
    assert alerts == [f"order 2: more than there is in stock (in {GROUP})"], alerts


if __name__ == "__main__":
    main()
