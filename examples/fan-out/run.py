"""Fan-out: one topic, two functions, and filters that say which of them a message is for.

    .venv/bin/python examples/fan-out/run.py

The shop publishes each order once. Billing wants orders by a message attribute; shipping wants what
is heavy or goes abroad, which is in the message's body. Neither knows of the other.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from running import Running, running, wait_for  # noqa: E402 - it is beside this folder

ORDERS = (
    {"id": 1, "price": 20, "kg": 1, "to": {"country": "DE"}},
    {"id": 2, "price": 900, "kg": 40, "to": {"country": "DE"}},
    {"id": 3, "price": 15, "kg": 1, "to": {"country": "PT"}},
)
IS_ORDER = {"kind": ["order"]}
IS_HARD = {
    "$or": [
        {"kg": [{"numeric": [">=", 30]}]},
        {"to": {"country": [{"anything-but": "DE"}]}},
    ]
}
EXPECTED = {
    "billing": ["order 1: 20 EUR", "order 2: 900 EUR", "order 3: 15 EUR"],
    "shipping": ["order 2: 40 kg to DE", "order 3: 1 kg to PT"],
}


def main() -> None:
    try:
        with running() as lambent:
            show(lambent)
    except KeyboardInterrupt:
        sys.exit(130)


def show(lambent: Running) -> None:
    sns = lambent.client("sns")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    follow(lambent, topic, "billing", FilterPolicy=json.dumps(IS_ORDER))
    follow(
        lambent,
        topic,
        "shipping",
        FilterPolicy=json.dumps(IS_HARD),
        FilterPolicyScope="MessageBody",
    )
    for order in ORDERS:
        publish(sns, topic, "order", order)
    publish(sns, topic, "question", {"id": 4, "text": "Where is my order?"})
    for name, expected in EXPECTED.items():
        lines = wait_for(name, lambda name=name, expected=expected: read(lambent, name, expected))
        for line in lines:
            print(line)


def follow(lambent: Running, topic: str, name: str, **attributes: str) -> None:
    """A function of the folder `name`, which gets what its filter lets through."""
    arn = lambent.deploy(name, HERE / name)
    lambent.client("lambda").add_permission(
        FunctionName=name,
        StatementId="topic",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    lambent.client("sns").subscribe(
        TopicArn=topic, Protocol="lambda", Endpoint=arn, Attributes=attributes
    )


def publish(sns: Any, topic: str, kind: str, message: dict[str, Any]) -> None:
    sns.publish(
        TopicArn=topic,
        Message=json.dumps(message),
        MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}},
    )


def read(lambent: Running, name: str, expected: list[str]) -> list[str]:
    """What the function printed, once that is all; fails where it is anything else."""
    logs = lambent.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
    if not groups:
        return []
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    printed = sorted({one["message"].strip() for one in events if " order " in one["message"]})
    wanted = [f"{name} {line}" for line in expected]
    assert set(printed) <= set(wanted), printed
    return printed if len(printed) == len(wanted) else []


if __name__ == "__main__":
    main()
