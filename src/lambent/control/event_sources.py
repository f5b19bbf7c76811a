"""Event source mappings: kept and checked; `Live` polls their sources.

A change is stored when it is answered; the answer says Creating, Updating, Enabling, Disabling or
Deleting as AWS's does. The next look finds it done, unless batches run that have to end first.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from lambent.clock import Clock
from lambent.control import event_source_rules as rules
from lambent.control.functions import Functions
from lambent.control.kinds import EVENT_SOURCE_MAPPINGS
from lambent.control.paging import Page, take_page
from lambent.control.registry import Registry
from lambent.control.resources import ACCOUNT, Put, Remove
from lambent.control.role_permissions import RolePermissions
from lambent.control.rules import check_tags
from lambent.domain.arns import FunctionRef, parse_function_ref
from lambent.domain.errors import (
    LambdaError,
    invalid_parameter,
    resource_conflict,
    resource_not_found,
)
from lambent.domain.event_source import EventSourceMapping, MappingState, SourceType

PAGE_MAX = 100  # [B] ListEventSourceMappings: at most 100, however many are asked for

_NOT_OPTIONS = frozenset({"UUID", "FunctionName", "EventSourceArn", "Enabled", "Tags"})

Answer = tuple[EventSourceMapping, MappingState]
"""A mapping, and the state to show."""


class Live(Protocol):
    """What polls: it is told of each change that was stored."""

    def created(self, mapping: EventSourceMapping) -> None: ...

    def changed(self, mapping: EventSourceMapping) -> None: ...

    def deleted(self, uuid: str) -> None: ...

    def state(self, uuid: str) -> MappingState | None: ...

    def result(self, uuid: str) -> str | None:
        """LastProcessingResult; None where there is none yet."""
        ...

    def deleting(self) -> list[EventSourceMapping]:
        """Mappings that are not stored any more, of which something runs."""
        ...


class EventSources:
    """The operations on event source mappings of one account."""

    def __init__(
        self,
        registry: Registry,
        functions: Functions,
        roles: RolePermissions,
        *,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._functions = functions
        self._roles = roles
        self._clock = clock
        self.live: Live | None = None
        """Set by the app; without it nothing polls."""
        self.visibility_s: Callable[[str], int | None] = lambda _: None
        """Of a queue, by its ARN; None where it is not known. Set by the app."""
        self.has_queue: Callable[[str], bool] = lambda _: True
        """By an ARN, whether there is such a queue, where that is known. Set by the app."""

    def every(self) -> list[EventSourceMapping]:
        """Those that are stored."""
        return list(self._registry.resources.of(EVENT_SOURCE_MAPPINGS, ACCOUNT).values())

    def find(self, key: str) -> EventSourceMapping:
        """Also one that is being deleted. Raises ResourceNotFoundException."""
        return self._deleting().get(key) or self.get(key)

    def shown(self, mapping: EventSourceMapping) -> Answer:
        """With the state that it is in now."""
        state = self.live.state(mapping.uuid) if self.live is not None else None
        settled = MappingState.ENABLED if mapping.enabled else MappingState.DISABLED
        return mapping, state or settled

    def result(self, key: str) -> str | None:
        """LastProcessingResult; None where there is none yet."""
        return None if self.live is None else self.live.result(key)

    def _deleting(self) -> dict[str, EventSourceMapping]:
        return {} if self.live is None else {one.uuid: one for one in self.live.deleting()}

    def get(self, key: str) -> EventSourceMapping:
        """Raises ResourceNotFoundException, and ResourceInUseException while it is deleted."""
        found = self._registry.resources.get(EVENT_SOURCE_MAPPINGS, ACCOUNT, key)
        if found is None and key in self._deleting():
            raise LambdaError(  # the text is UNVERIFIED
                "ResourceInUseException",
                "Cannot update the event source mapping because it is in use.",
                Type="User",
            )
        if found is None:
            raise resource_not_found("The resource you requested does not exist.")
        return found

    def function_arn(self, key: str) -> str | None:
        """Of the function that a mapping feeds; None where there is no such mapping."""
        found = self._registry.resources.get(EVENT_SOURCE_MAPPINGS, ACCOUNT, key)
        if found is None:
            return None
        return self._registry.account.function_arn(found.function_name, found.qualifier)

    def list(
        self,
        *,
        source_arn: str | None,
        function: FunctionRef | None,
        marker: str | None,
        items_max: int | None,
    ) -> Page[EventSourceMapping]:
        """Those of one source, of one function (with just that qualifier), or all."""
        stored = self._registry.resources.of(EVENT_SOURCE_MAPPINGS, ACCOUNT)
        every = {**stored, **self._deleting()}
        keys = [
            key
            for key, one in every.items()
            if (source_arn is None or one.source_arn == source_arn)
            and (
                function is None
                or (one.function_name, one.qualifier) == (function.name, function.qualifier)
            )
        ]
        return take_page(
            sorted(keys),
            lambda key: every[key],
            marker=marker,
            items_max=min(items_max or PAGE_MAX, PAGE_MAX),
        )

    async def create(self, params: Mapping[str, Any]) -> Answer:
        """`params` are the operation's."""
        source, arn = rules.source_type_of(params), params.get("EventSourceArn") or ""
        given = _given(params)
        tags = params.get("Tags") or {}
        check_tags(tags)
        options = rules.merge_options(rules.default_options(source), given)
        async with self._registry.settling:
            ref = self._function(params["FunctionName"])
            rules.check_position(source, arn, given, now_s=self._clock.wall_s())
            _check(source, arn, given, options)
            rules.check_required(source, options)
            mapping = EventSourceMapping(
                uuid=str(uuid.uuid4()),
                function_name=ref.name,
                qualifier=ref.qualifier,
                source_arn=arn,
                source_type=source.value,
                enabled=params.get("Enabled", True),
                options=options,
                tags=dict(tags),
                modified_s=self._clock.wall_s(),
            )
            self._refuse_duplicate(mapping)
            self._check_role(mapping)
            self._check_queue(mapping)
            self._check_visibility(mapping)
            await self._put(mapping)
            if self.live is not None:
                self.live.created(mapping)
        return mapping, MappingState.CREATING

    async def update(self, key: str, params: Mapping[str, Any]) -> Answer:
        """What is given replaces what was."""
        self.get(key)
        given = _given(params)
        async with self._registry.settling:
            current = self.get(key)
            source = SourceType(current.source_type)
            options = rules.merge_options(current.options, given)
            _check(source, current.source_arn, given, options)
            rules.check_required(source, options)
            changed = replace(
                current,
                options=options,
                enabled=params.get("Enabled", current.enabled),
                modified_s=self._clock.wall_s(),
            )
            if params.get("FunctionName"):
                ref = self._function(params["FunctionName"])
                changed = replace(changed, function_name=ref.name, qualifier=ref.qualifier)
                self._refuse_duplicate(changed)
                self._check_visibility(changed)
            self._check_role(changed)
            await self._put(changed)
            if self.live is not None:
                self.live.changed(changed)
        if changed.enabled == current.enabled:
            return changed, MappingState.UPDATING
        return changed, MappingState.ENABLING if changed.enabled else MappingState.DISABLING

    async def delete(self, key: str) -> Answer:
        async with self._registry.settling:
            mapping = self.get(key)
            await self._registry.change(
                self._registry.begin(), [Remove(EVENT_SOURCE_MAPPINGS, ACCOUNT, key)]
            )
            if self.live is not None:
                self.live.deleted(key)
        return mapping, MappingState.DELETING

    # Taggable

    def tags_of(self, key: str) -> Mapping[str, str]:
        return self.get(key).tags

    async def change_tags(
        self, key: str, change: Callable[[Mapping[str, str]], dict[str, str]]
    ) -> None:
        async with self._registry.settling:
            mapping = self.get(key)
            await self._put(replace(mapping, tags=change(mapping.tags)))

    async def _put(self, mapping: EventSourceMapping) -> None:
        await self._registry.change(
            self._registry.begin(), [Put(EVENT_SOURCE_MAPPINGS, ACCOUNT, mapping.uuid, mapping)]
        )

    def _function(self, text: str) -> FunctionRef:
        ref = parse_function_ref(text, self._registry.account)
        try:
            self._functions.get_version(ref.name, ref.qualifier)
        except LambdaError:
            raise invalid_parameter("Function does not exist") from None  # [LS]
        return ref

    def _check_role(self, mapping: EventSourceMapping) -> None:
        """The function's role may read the source, and write to the destination of failures."""
        role = self._functions.get_version(mapping.function_name, mapping.qualifier).role
        self._roles.check_source(role, SourceType(mapping.source_type), mapping.source_arn)
        failures = (mapping.options.get("DestinationConfig") or {}).get("OnFailure") or {}
        self._roles.check_destination(role, failures.get("Destination") or "")

    def _check_queue(self, mapping: EventSourceMapping) -> None:
        """Text: quoted in many reports of failed deployments."""
        if mapping.source_type == SourceType.SQS and not self.has_queue(mapping.source_arn):
            raise invalid_parameter(
                "Error occurred while ReceiveMessage. SQS Error Code: "
                "AWS.SimpleQueueService.NonExistentQueue. "
                "SQS Error Message: The specified queue does not exist."
            )

    def _check_visibility(self, mapping: EventSourceMapping) -> None:
        """A message may not come back while the function may still run.

        Text: quoted in many reports of failed deployments.
        """
        version = self._functions.get_version(mapping.function_name, mapping.qualifier)
        visibility_s = self.visibility_s(mapping.source_arn)
        if visibility_s is not None and visibility_s < version.timeout_s:
            raise invalid_parameter(
                f"Queue visibility timeout: {visibility_s} seconds is less than "
                f"Function timeout: {version.timeout_s} seconds"
            )

    def _refuse_duplicate(self, mapping: EventSourceMapping) -> None:
        """One mapping for a source and a function; of a broker, for each of its topics."""
        for other in self._registry.resources.of(EVENT_SOURCE_MAPPINGS, ACCOUNT).values():
            if other.uuid == mapping.uuid or _identity(other) != _identity(mapping):
                continue
            name = mapping.function_name
            if mapping.source_type == SourceType.SQS:  # quoted in many issue threads
                raise resource_conflict(
                    f'An event source mapping with SQS arn (" {mapping.source_arn} ") and function '
                    f'(" {name} ") already exists. Please update or delete the existing mapping '
                    f"with UUID {other.uuid}"
                )
            raise resource_conflict(
                f'The event source arn (" {mapping.source_arn} ") and function (" {name} ") '
                "provided mapping already exists. Please update or delete the existing mapping "
                f"with UUID {other.uuid}"
            )


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    """The options among an operation's parameters."""
    return {
        member: value
        for member, value in params.items()
        if member not in _NOT_OPTIONS and value is not None
    }


def _check(
    source: SourceType, arn: str, given: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    rules.check_given(source, arn, given)
    rules.check_options(source, arn, options)


def _identity(mapping: EventSourceMapping) -> tuple[object, ...]:
    options = mapping.options
    return (
        mapping.function_name,
        mapping.qualifier,
        mapping.source_arn,
        options.get("Topics"),
        options.get("Queues"),
        options.get("SelfManagedEventSource"),
    )
