"""What EventBridge keeps: buses, rules, archives, replays; their ARNs and refusals.

Texts of refusals: [LS] LocalStack's recordings of AWS (test_events.snapshot.json,
test_archive_and_replay.snapshot.json); the others are unverified.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lambent.domain.arns import PARTITION, Account
from lambent.domain.errors import LambdaError

DEFAULT_BUS = "default"
PRINCIPAL = "events.amazonaws.com"
RULES_MAX = 2_000
"""[own] On one bus."""
TARGETS_MAX = 5
"""[B] PutTargets: on one rule."""
AGE_S_DEFAULT = 86_400
RETRIES_DEFAULT = 185
"""Both: EventBridge User Guide, "Retrying event delivery"."""
TAGS_MAX = 50

_ARN = re.compile(
    r"arn:aws[a-z-]*:events:(?P<region>[a-z0-9-]*):(?P<account>\d{12}):"
    r"(?P<kind>event-bus|rule|archive|replay)/(?P<name>.+)\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """An event bus. Times are seconds since the epoch, here and below."""

    name: str
    created_s: float
    modified_s: float
    description: str = ""
    policy: str = ""
    """JSON; empty where there is none."""
    dead_letter_arn: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule with its targets."""

    bus: str
    name: str
    pattern: str = ""
    """JSON; empty where there is none, as for the schedule."""
    schedule: str = ""
    state: str = "ENABLED"
    description: str = ""
    role_arn: str = ""
    targets: Sequence[Mapping[str, Any]] = ()
    """As PutTargets has them, in the order of their making."""
    anchor_s: float | None = None
    """From when a rate counts."""
    due_s: float | None = None
    """The next instant of the schedule."""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        return self.state != "DISABLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What a bus received, kept."""

    name: str
    number: int
    """Its events are kept under that: one that is made anew begins empty."""
    bus: str
    created_s: float
    description: str = ""
    pattern: str = ""
    retention_days: int = 0
    """0: for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Archived events on their way to their bus once more."""

    name: str
    archive: str
    archive_number: int
    bus: str
    filter_arns: Sequence[str] = ()
    """Rules; none: all of the bus."""
    description: str = ""
    from_s: float
    to_s: float
    state: str = "STARTING"
    started_s: float
    ended_s: float | None = None
    last_s: float | None = None
    """Time of the last event that was replayed."""
    position: Sequence[float] = (0.0, 0)
    """(time, number) of the last event that was looked at."""

    @property
    def ended(self) -> bool:
        return self.state in ("COMPLETED", "CANCELLED", "FAILED")


Resource = Bus | Rule | Archive | Replay


def key_of(resource: Resource) -> str:
    """Unique among those of its kind."""
    return rule_key(resource.bus, resource.name) if isinstance(resource, Rule) else resource.name


def rule_key(bus: str, name: str) -> str:
    return f"{bus}\n{name}"


# ARNs


def events_arn(account: Account, kind: str, name: str) -> str:
    return f"arn:{PARTITION}:events:{account.region}:{account.account_id}:{kind}/{name}"


def bus_arn(account: Account, name: str) -> str:
    return events_arn(account, "event-bus", name)


def rule_arn(account: Account, bus: str, name: str) -> str:
    """[LS] A rule of the default bus is named without it."""
    return events_arn(account, "rule", name if bus == DEFAULT_BUS else f"{bus}/{name}")


def parse_arn(account: Account, arn: str) -> tuple[str, str] | None:
    """Kind and name (of a rule: with its bus before it) of one of this account's resources."""
    match = _ARN.match(arn)
    if match is None or (match["region"], match["account"]) != (account.region, account.account_id):
        return None
    return match["kind"], match["name"]


def parse_bus(account: Account, text: str | None) -> str:
    """A bus's name from its name or ARN; of another account's or region's the whole ARN."""
    if not text:
        return DEFAULT_BUS
    parsed = parse_arn(account, text)
    return parsed[1] if parsed is not None and parsed[0] == "event-bus" else text


# Refusals


def bus_not_found(name: str) -> LambdaError:
    """[LS]"""
    return LambdaError("ResourceNotFoundException", f"Event bus {name} does not exist.")


def rule_not_found(bus: str, name: str) -> LambdaError:
    """[LS]"""
    return LambdaError(
        "ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}."
    )


def not_found(kind: str, name: str) -> LambdaError:
    """[LS]"""
    return LambdaError("ResourceNotFoundException", f"{kind} {name} does not exist.")


def already_exists(kind: str, name: str) -> LambdaError:
    """[LS]"""
    return LambdaError("ResourceAlreadyExistsException", f"{kind} {name} already exists.")


def invalid(message: str) -> LambdaError:
    return LambdaError("ValidationException", message)


def invalid_parameter(name: str, reason: str) -> LambdaError:
    """[LS] in form."""
    return invalid(f"Parameter {name} is not valid. Reason: {reason}")


def limit_exceeded() -> LambdaError:
    """[LS]"""
    return LambdaError(
        "LimitExceededException", "The requested resource exceeds the maximum number allowed."
    )


def invalid_pattern(reason: str) -> LambdaError:
    """[LS] in form."""
    return LambdaError(
        "InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}"
    )
