"""What Scheduler's operations ask for. Pure.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon
EventBridge Scheduler".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.domain.arns import PARTITION, Account
from lambent.gateway.asked import Asked

_SCHEDULES = frozenset({"CreateSchedule", "UpdateSchedule", "GetSchedule", "DeleteSchedule"})


def actions_of_scheduler(
    operation: str, params: Mapping[str, Any], account: Account
) -> list[Asked]:
    """The operation on its resource; and to pass the role that a schedule acts in."""
    action = f"scheduler:{operation}"
    prefix = f"arn:{PARTITION}:scheduler:{account.region}:{account.account_id}"
    if operation in _SCHEDULES:
        group = params.get("GroupName", "default")
        asked = [Asked(action, f"{prefix}:schedule/{group}/{params['Name']}")]
        role = (params.get("Target") or {}).get("RoleArn")
        if role is not None:
            passed = {"iam:passedtoservice": "scheduler.amazonaws.com"}
            asked.append(Asked("iam:PassRole", role, passed))
        return asked
    if operation == "ListSchedules":
        return [Asked(action, f"{prefix}:schedule/{params.get('GroupName', '*')}/*")]
    if "ResourceArn" in params:
        return [Asked(action, str(params["ResourceArn"]))]
    return [Asked(action, f"{prefix}:schedule-group/{params.get('Name', '*')}")]
