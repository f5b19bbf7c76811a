"""EventBridge's operations on buses and their policies, and on tags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambent.domain.errors import LambdaError, not_supported
from lambent.domain.request import Handler, RequestContext
from lambent.policy.document import PolicyKind, PolicySyntaxError, parse_policy
from lambent.services.events.model import (
    DEFAULT_BUS,
    TAGS_MAX,
    Bus,
    Resource,
    Rule,
    already_exists,
    invalid,
    invalid_parameter,
    limit_exceeded,
    not_found,
    parse_arn,
)
from lambent.services.events.paging import list_page
from lambent.services.events.state import State

Params = dict[str, Any]
Result = dict[str, Any]

BUSES_MAX = 1_000
"""[own]"""
POLICY_BYTES_MAX = 10 * 1024  # [B] PutPermission


class BusOperations:
    """Over the buses of the account."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateEventBus": self.create_event_bus,
            "DescribeEventBus": self.describe_event_bus,
            "UpdateEventBus": self.update_event_bus,
            "DeleteEventBus": self.delete_event_bus,
            "ListEventBuses": self.list_event_buses,
            "PutPermission": self.put_permission,
            "RemovePermission": self.remove_permission,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags_for_resource,
        }

    async def create_event_bus(self, params: Params, context: RequestContext) -> Result:
        name = params["Name"]
        if "EventSourceName" in params:
            raise not_supported("partner event sources")
        _check_supported(params)
        if name.startswith(("aws.", "/")) or name.endswith("/"):
            raise invalid_parameter("Name", f"Event bus name {name} is reserved.")
        now_s = self._state.clock.wall_s()
        bus = Bus(
            name=name,
            created_s=now_s,
            modified_s=now_s,
            description=params.get("Description", ""),
            dead_letter_arn=(params.get("DeadLetterConfig") or {}).get("Arn", ""),
            tags=tags_of(params),
        )

        def make() -> Bus:
            if name in self._state.buses:
                raise already_exists("Event bus", name)
            if len(self._state.buses) >= BUSES_MAX:
                raise limit_exceeded()
            return bus

        await self._state.change(make)
        return {"EventBusArn": self._state.bus_arn(name), **_settings(bus)}

    async def describe_event_bus(self, params: Params, context: RequestContext) -> Result:
        return self._describe(self._state.bus(params.get("Name")))

    async def update_event_bus(self, params: Params, context: RequestContext) -> Result:
        _check_supported(params)

        def make() -> Bus:
            bus = self._state.bus(params.get("Name"))
            changes: dict[str, Any] = {"modified_s": self._state.clock.wall_s()}
            if "Description" in params:
                changes["description"] = params["Description"]
            if "DeadLetterConfig" in params:
                changes["dead_letter_arn"] = params["DeadLetterConfig"].get("Arn", "")
            return replace(bus, **changes)

        bus = await self._state.change(make)
        assert isinstance(bus, Bus)
        return {"Arn": self._state.bus_arn(bus.name), "Name": bus.name, **_settings(bus)}

    async def delete_event_bus(self, params: Params, context: RequestContext) -> Result:
        """Nothing where there is no such bus."""
        name = params["Name"]
        if name == DEFAULT_BUS:
            raise invalid(f"Cannot delete event bus {name}.")  # [LS]

        def find() -> Bus | None:
            if self._state.rules.get(name):
                raise invalid(f"Event bus {name} can't be deleted since it has rules.")
            return self._state.buses.get(name)

        await self._state.delete(find)
        return {}

    async def list_event_buses(self, params: Params, context: RequestContext) -> Result:
        buses = self._state.buses
        return list_page(params, "EventBuses", buses, lambda name: self._listed(buses[name]))

    def _listed(self, bus: Bus) -> Result:
        described = self._describe(bus)
        described.pop("DeadLetterConfig", None)
        return described

    def _describe(self, bus: Bus) -> Result:
        described: Result = {
            "Name": bus.name,
            "Arn": self._state.bus_arn(bus.name),
            "CreationTime": bus.created_s,
            "LastModifiedTime": bus.modified_s,
            **_settings(bus),
        }
        if bus.policy:
            described["Policy"] = bus.policy
        return described

    # Policies

    async def put_permission(self, params: Params, context: RequestContext) -> Result:
        """A whole policy, or one statement of it."""
        given = [name for name in ("Action", "Principal", "StatementId") if name in params]
        if "Policy" in params and given:
            raise invalid("Policy cannot be combined with Action, Principal or StatementId.")
        if "Policy" not in params and len(given) < 3:
            raise invalid("Parameters Action, Principal and StatementId must be specified.")

        def make() -> Bus:
            bus = self._state.bus(params.get("EventBusName"))
            if "Policy" in params:
                policy = params["Policy"]
            else:
                policy = _with_statement(bus, params, self._state)
            return self._with_policy(bus, policy)

        await self._state.change(make)
        return {}

    async def remove_permission(self, params: Params, context: RequestContext) -> Result:
        def make() -> Bus:
            bus = self._state.bus(params.get("EventBusName"))
            if params.get("RemoveAllPermissions"):
                return self._with_policy(bus, "")
            policy = json.loads(bus.policy) if bus.policy else {}
            statements = _statements(policy)
            kept = [one for one in statements if one.get("Sid") != params.get("StatementId")]
            if len(kept) == len(statements):  # [LS]
                raise LambdaError(
                    "ResourceNotFoundException",
                    "Statement with the provided id does not exist.",
                )
            return self._with_policy(bus, json.dumps({**policy, "Statement": kept}) if kept else "")

        await self._state.change(make)
        return {}

    def _with_policy(self, bus: Bus, policy: str) -> Bus:
        if len(policy.encode("utf-8", "replace")) > POLICY_BYTES_MAX:
            raise LambdaError("PolicyLengthExceededException", "The policy is longer than 10 KB.")
        if policy:
            try:
                parse_policy(policy, kind=PolicyKind.RESOURCE)
            except PolicySyntaxError as error:
                raise invalid_parameter("Policy", error.message) from None
        return replace(bus, policy=policy, modified_s=self._state.clock.wall_s())

    # Tags

    async def tag_resource(self, params: Params, context: RequestContext) -> Result:
        def make() -> Resource:
            resource = self._tagged(params["ResourceARN"])
            tags = {**resource.tags, **tags_of(params)}
            if len(tags) > TAGS_MAX:
                raise limit_exceeded()
            return replace(resource, tags=tags)

        await self._state.change(make)
        return {}

    async def untag_resource(self, params: Params, context: RequestContext) -> Result:
        def make() -> Resource:
            resource = self._tagged(params["ResourceARN"])
            gone = set(params["TagKeys"])
            return replace(resource, tags={k: v for k, v in resource.tags.items() if k not in gone})

        await self._state.change(make)
        return {}

    async def list_tags_for_resource(self, params: Params, context: RequestContext) -> Result:
        tags = self._tagged(params["ResourceARN"]).tags
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _tagged(self, arn: str) -> Bus | Rule:
        """Raises LambdaError."""
        parsed = parse_arn(self._state.account, arn)
        if parsed is None:
            raise invalid_parameter("ResourceARN", "The ARN is none of a bus or rule here.")
        kind, name = parsed
        if kind == "event-bus":
            return self._state.bus(name)
        if kind == "rule":
            bus, _, rule = name.rpartition("/")
            return self._state.rule(bus or DEFAULT_BUS, rule).row
        raise not_found("Resource", arn)


def tags_of(params: Mapping[str, Any]) -> dict[str, str]:
    """Raises LambdaError where there are too many."""
    tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
    if len(tags) > TAGS_MAX:
        raise limit_exceeded()
    return tags


def _settings(bus: Bus) -> Result:
    settings: Result = {}
    if bus.description:
        settings["Description"] = bus.description
    if bus.dead_letter_arn:
        settings["DeadLetterConfig"] = {"Arn": bus.dead_letter_arn}
    return settings


def _check_supported(params: Params) -> None:
    if params.get("KmsKeyIdentifier"):
        raise not_supported("encryption of event buses")
    if (params.get("LogConfig") or {}).get("Level", "OFF") != "OFF":
        raise not_supported("logs of event buses")


def _statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    statements = policy.get("Statement") or []
    return list(statements) if isinstance(statements, list) else [statements]


def _with_statement(bus: Bus, params: Params, state: State) -> str:
    """[LS] The policy with one statement more; of the same id it takes the place."""
    policy = json.loads(bus.policy) if bus.policy else {"Version": "2012-10-17"}
    principal = params["Principal"]
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": principal if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": params["Action"],
        "Resource": state.bus_arn(bus.name),
    }
    condition = params.get("Condition")
    if condition:
        key = {condition["Key"]: condition["Value"]}
        statement["Condition"] = {condition["Type"]: key}
    kept = [one for one in _statements(policy) if one.get("Sid") != params["StatementId"]]
    return json.dumps({**policy, "Statement": [*kept, statement]})
