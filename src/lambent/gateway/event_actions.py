"""Which resources EventBridge's operations are about. Pure.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon
EventBridge".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.domain.arns import PARTITION, Account

_RULES = {
    "PutRule": "Name",
    "DescribeRule": "Name",
    "DeleteRule": "Name",
    "EnableRule": "Name",
    "DisableRule": "Name",
    "PutTargets": "Rule",
    "RemoveTargets": "Rule",
    "ListTargetsByRule": "Rule",
}
"""Operation → the member that names the rule."""
_BUSES = {
    "CreateEventBus": "Name",
    "DescribeEventBus": "Name",
    "UpdateEventBus": "Name",
    "DeleteEventBus": "Name",
    "PutPermission": "EventBusName",
    "RemovePermission": "EventBusName",
}
_NAMED = {"ArchiveName": "archive", "ReplayName": "replay"}


def event_resources(operation: str, params: Mapping[str, Any], account: Account) -> list[str]:
    """ARNs, at least one; `*` where the reference names none."""
    prefix = f"arn:{PARTITION}:events:{account.region}:{account.account_id}"

    def bus(name: str | None) -> str:
        return name if name and name.startswith("arn:") else f"event-bus/{name or 'default'}"

    def arn(name: str) -> str:
        return name if name.startswith("arn:") else f"{prefix}:{name}"

    if operation == "PutEvents":
        entries = params.get("Entries") or ()
        return list(dict.fromkeys(arn(bus(entry.get("EventBusName"))) for entry in entries))
    if operation in _RULES:
        name = params.get("EventBusName")
        place = "" if name in (None, "default") else f"{str(name).rpartition('event-bus/')[2]}/"
        place = "" if place == "default/" else place
        return [f"{prefix}:rule/{place}{params[_RULES[operation]]}"]
    if operation in _BUSES:
        return [arn(bus(params.get(_BUSES[operation])))]
    if "ResourceARN" in params:
        return [str(params["ResourceARN"])]
    for member, kind in _NAMED.items():
        if member in params:
            return [f"{prefix}:{kind}/{params[member]}"]
    return ["*"]
