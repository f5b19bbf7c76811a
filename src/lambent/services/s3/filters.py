"""Which notifications an event fits, and which of them contradict each other. Pure.

Source: S3 User Guide, "Configuring event notifications using object key name filtering" and
"Supported event types".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

LISTS = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}
"""The members of a NotificationConfiguration, and where each entry names its target."""

EVENTS = frozenset(
    f"s3:{family}{name}"
    for family, names in {
        "IntelligentTiering": ("",),
        "LifecycleExpiration": (":*", ":Delete", ":DeleteMarkerCreated"),
        "LifecycleTransition": ("",),
        "ObjectAcl": (":Put",),
        "ObjectAnnotation": (":*", ":Put", ":Delete"),
        "ObjectCreated": (":*", ":Put", ":Post", ":Copy", ":CompleteMultipartUpload"),
        "ObjectRemoved": (":*", ":Delete", ":DeleteMarkerCreated"),
        "ObjectRestore": (":*", ":Post", ":Completed", ":Delete"),
        "ObjectRetention": (":Put",),
        "ObjectTagging": (":*", ":Put", ":Delete"),
        "ReducedRedundancyLostObject": ("",),
        "Replication": (
            ":*",
            ":OperationFailedReplication",
            ":OperationNotTracked",
            ":OperationMissedThreshold",
            ":OperationReplicatedAfterThreshold",
        ),
    }.items()
    for name in names
)
"""[B] Event. Only what is created, removed and tagged ever happens here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One target and the events that it gets."""

    id: str
    target_arn: str
    events: tuple[str, ...]
    """`s3:ObjectCreated:*` and the like."""
    prefix: str = ""
    suffix: str = ""

    def fits(self, event: str, key: str) -> bool:
        """`event` without `s3:`."""
        return (
            any(_covers(pattern, f"s3:{event}") for pattern in self.events)
            and key.startswith(self.prefix)
            and key.endswith(self.suffix)
        )


def rules_of(configuration: Mapping[str, Any]) -> Iterator[Rule]:
    """Of a NotificationConfiguration as the model has it."""
    for name, member in LISTS.items():
        for entry in configuration.get(name) or ():
            prefix = suffix = ""
            key_filter = (entry.get("Filter") or {}).get("Key") or {}
            for rule in key_filter.get("FilterRules") or ():
                if rule["Name"].lower() == "prefix":
                    prefix = rule.get("Value") or ""
                else:
                    suffix = rule.get("Value") or ""
            yield Rule(
                id=entry["Id"],
                target_arn=entry[member],
                events=tuple(entry["Events"]),
                prefix=prefix,
                suffix=suffix,
            )


def find_overlap(rules: Sequence[Rule]) -> tuple[Rule, Rule] | None:
    """Two rules that one event could fit: S3 takes no such pair."""
    for one, other in combinations(rules, 2):
        if (
            any(_covers(a, b) or _covers(b, a) for a in one.events for b in other.events)
            and (one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix))
            and (one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix))
        ):
            return one, other
    return None


def _covers(pattern: str, event: str) -> bool:
    if pattern.endswith("*"):
        return event.startswith(pattern[:-1])
    return pattern == event
