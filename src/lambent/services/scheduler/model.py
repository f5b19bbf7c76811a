"""What EventBridge Scheduler keeps: groups and schedules; their ARNs and refusals.

Texts of refusals: [LS] LocalStack's recordings of AWS, test_scheduler.snapshot.json; the others are
unverified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lambent.domain.arns import PARTITION, Account
from lambent.domain.cron import ScheduleError
from lambent.domain.errors import LambdaError
from lambent.domain.schedule import Schedule, parse_expression, parse_zone

DEFAULT_GROUP = "default"
PRINCIPAL = "scheduler.amazonaws.com"
AGE_S_DEFAULT = 86_400
RETRIES_DEFAULT = 185
"""Both: [B] RetryPolicy."""
SCHEDULES_MAX = 1_000_000  # Scheduler quotas, "Schedules"
GROUPS_MAX = 500  # Scheduler quotas, "Schedule groups"
TAGS_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A schedule group. Times are seconds since the epoch, here and below."""

    name: str
    created_s: float
    modified_s: float
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A schedule as it is kept."""

    name: str
    group: str = DEFAULT_GROUP
    expression: str
    zone: str = "UTC"
    description: str = ""
    state: str = "ENABLED"
    start_s: float | None = None
    end_s: float | None = None
    window_min: int = 0
    """0: no flexible time window."""
    target: Mapping[str, Any]
    """As CreateSchedule has it."""
    action: str = "NONE"
    """After completion."""
    client_token: str = ""
    created_s: float
    modified_s: float
    anchor_s: float
    """A rate's first instant."""
    due_s: float | None = None
    """The next instant that has not been served."""
    served_s: float | None = None
    """The last one that was: a change of the schedule brings none back."""

    @property
    def key(self) -> str:
        return schedule_key(self.group, self.name)

    @property
    def schedule(self) -> Schedule:
        """Raises ScheduleError where the host has lost the time zone."""
        return _schedule(self.expression, self.zone, self.anchor_s, self.start_s, self.end_s)


def schedule_key(group: str, name: str) -> str:
    return f"{group}/{name}"


@lru_cache(maxsize=10_000)
def _schedule(
    expression: str, zone: str, anchor_s: float, start_s: float | None, end_s: float | None
) -> Schedule:
    return Schedule(
        expression=parse_expression(expression),
        zone=parse_zone(zone),
        anchor_s=anchor_s,
        start_s=float("-inf") if start_s is None else start_s,
        end_s=float("inf") if end_s is None else end_s,
    )


# ARNs


def group_arn(account: Account, name: str) -> str:
    return f"{_prefix(account)}:schedule-group/{name}"


def schedule_arn(account: Account, group: str, name: str) -> str:
    return f"{_prefix(account)}:schedule/{group}/{name}"


def _prefix(account: Account) -> str:
    return f"arn:{PARTITION}:scheduler:{account.region}:{account.account_id}"


# Refusals


def invalid(message: str) -> LambdaError:
    return LambdaError("ValidationException", message)


def not_found(kind: str, name: str) -> LambdaError:
    return LambdaError("ResourceNotFoundException", f"{kind} {name} does not exist.")


def conflict(kind: str, name: str) -> LambdaError:
    return LambdaError("ConflictException", f"{kind} {name} already exists.")


def quota_exceeded() -> LambdaError:
    return LambdaError("ServiceQuotaExceededException", "The quota of the account is reached.")


def check_times(expression: str, zone: str) -> None:
    """Raises LambdaError. [LS] for the expression."""
    try:
        parse_expression(expression)
    except ScheduleError:
        raise invalid(f"Invalid Schedule Expression {expression}.") from None
    try:
        parse_zone(zone)
    except ScheduleError:
        raise invalid(f"Invalid ScheduleExpressionTimezone {zone}.") from None
