"""What PutTargets takes. Pure.

Sources: [LS] test_events.snapshot.json, test_events_inputs.snapshot.json; [B] botocore's model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambent.domain.arns import Account
from lambent.domain.errors import not_supported
from lambent.services.events.inputs import parse_input
from lambent.services.events.model import invalid, invalid_parameter

_ARN = re.compile(r"arn:aws[a-z-]*:([a-z0-9-]+):([a-z0-9-]*):(\d{12}):(.+)", re.ASCII | re.DOTALL)
_QUEUE = re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]+", re.ASCII)
SERVICES = ("lambda", "sqs", "sns", "logs", "events")
_OTHERS = (
    "KinesisParameters",
    "RunCommandParameters",
    "EcsParameters",
    "BatchParameters",
    "HttpParameters",
    "RedshiftDataParameters",
    "SageMakerPipelineParameters",
    "AppSyncParameters",
)
"""Of targets that Lambent does not have."""


def check_target(target: Mapping[str, Any], account: Account) -> None:
    """Raises LambdaError. Whether the target exists is asked when an event is delivered."""
    name, arn = target["Id"], target["Arn"]
    match = _ARN.fullmatch(arn)
    if match is None:
        raise invalid_parameter(arn, "Provided Arn is not in correct format.")
    service, region, owner, resource = match.groups()
    if service not in SERVICES or (service == "events" and not resource.startswith("event-bus/")):
        raise not_supported(f"rule targets such as {arn[:200]}")
    if (region, owner) != (account.region, account.account_id):
        raise not_supported("rule targets in other accounts or regions")
    for member in _OTHERS:
        if member in target:
            raise not_supported(f"{member} of rule targets")
    if service == "sqs" and arn.endswith(".fifo") and "SqsParameters" not in target:
        raise invalid(f"Parameter(s) SqsParameters must be specified for target: {name}.")
    if "SqsParameters" in target and service != "sqs":
        raise invalid(f"Parameter(s) SqsParameters must not be specified for target: {name}.")
    dead_letter = (target.get("DeadLetterConfig") or {}).get("Arn")
    if dead_letter is not None and _QUEUE.fullmatch(dead_letter) is None:
        raise invalid_parameter(
            "DeadLetterConfig.Arn", f"{dead_letter[:200]} is no standard SQS queue."
        )
    parse_input(target)
