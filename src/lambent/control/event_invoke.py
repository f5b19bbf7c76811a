"""Event-invoke configs: one at most for $LATEST, each version and each alias of a function.

Golden texts are [LS], recorded from AWS; those that are not say so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lambent.clock import Clock
from lambent.control.functions import Functions
from lambent.control.kinds import EVENT_INVOKE_CONFIGS
from lambent.control.paging import Page, take_page
from lambent.control.registry import Registry
from lambent.control.resources import Put, Remove
from lambent.control.role_permissions import RolePermissions
from lambent.domain.arns import LATEST, FunctionRef, parse_function_ref
from lambent.domain.errors import LambdaError, invalid_parameter, resource_not_found
from lambent.domain.event_invoke import EventInvokeConfig

PAGE_MAX = 50  # [B]
FAILURE_ONLY = frozenset({"s3"})  # [B] "S3 buckets are supported only for on-failure destinations"
SERVICES = frozenset({"sqs", "sns", "lambda", "events", "s3"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a request sets; None is not given, "" as a destination is none."""

    retries_max: int | None = None
    age_s_max: int | None = None
    on_success: str | None = None
    on_failure: str | None = None
    destinations_given: bool = False
    """DestinationConfig was there, empty or not."""

    def is_empty(self) -> bool:
        return self.retries_max is None and self.age_s_max is None and not self.destinations_given


class EventInvokeConfigs:
    """The operations on event-invoke configs of one account."""

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

    def find(self, name: str, qualifier: str | None) -> EventInvokeConfig | None:
        """What holds for asynchronous invocations of this function, version or alias."""
        return self._registry.resources.get(EVENT_INVOKE_CONFIGS, name, qualifier or LATEST)

    def get(self, ref: FunctionRef) -> EventInvokeConfig:
        """Raises ResourceNotFoundException, of a function that is not there too."""
        found = self.find(ref.name, ref.qualifier)
        if found is None:
            raise self._not_there(ref)
        return found

    def list(
        self, name: str, *, marker: str | None, items_max: int | None
    ) -> Page[tuple[str, EventInvokeConfig]]:
        """(qualifier, config): $LATEST, then versions, then aliases."""
        if name not in self._registry.functions:
            raise _no_function()
        found = self._registry.resources.of(EVENT_INVOKE_CONFIGS, name)
        return take_page(
            sorted(found),
            lambda qualifier: (qualifier, found[qualifier]),
            marker=marker,
            items_max=min(items_max or PAGE_MAX, PAGE_MAX),
        )

    async def put(self, ref: FunctionRef, settings: Settings) -> EventInvokeConfig:
        """What is not given is taken away."""
        _check_given(settings)
        return await self._store(ref, settings, EventInvokeConfig(modified_s=0))

    async def update(self, ref: FunctionRef, settings: Settings) -> EventInvokeConfig:
        """What is not given stays; there must be a config."""
        _check_given(settings)
        self._check_function(ref)
        return await self._store(ref, settings, None)

    async def delete(self, ref: FunctionRef) -> None:
        key = ref.qualifier or LATEST
        async with self._registry.settling:
            self.get(ref)
            await self._registry.change(
                self._registry.begin(), [Remove(EVENT_INVOKE_CONFIGS, ref.name, key)]
            )

    async def _store(
        self, ref: FunctionRef, settings: Settings, base: EventInvokeConfig | None
    ) -> EventInvokeConfig:
        """`base` with the settings; None: what there is."""
        async with self._registry.settling:
            self._check_function(ref)
            self._check_destinations(ref, settings)
            changed = _merged(base or self.get(ref), settings)
            config = replace(changed, modified_s=self._clock.wall_s())
            await self._registry.change(
                self._registry.begin(),
                [Put(EVENT_INVOKE_CONFIGS, ref.name, ref.qualifier or LATEST, config)],
            )
        return config

    def _check_function(self, ref: FunctionRef) -> None:
        try:
            self._functions.get_version(ref.name, ref.qualifier)
        except LambdaError:
            raise _no_function() from None

    def _check_destinations(self, ref: FunctionRef, settings: Settings) -> None:
        for arn, success in ((settings.on_success, True), (settings.on_failure, False)):
            if not arn:
                continue
            service = service_of(arn)
            fifo = service in ("sqs", "sns") and arn.endswith(".fifo")
            if service not in SERVICES or fifo or (success and service in FAILURE_ONLY):
                raise invalid_parameter(
                    f"The provided destination config {_describe(settings)} is invalid."
                )
            if service == "lambda":
                self._check_target(ref, arn)
            role = self._functions.get_version(ref.name, ref.qualifier).role
            self._roles.check_destination(role, arn)

    def _check_target(self, ref: FunctionRef, arn: str) -> None:
        account = self._registry.account
        try:
            target = parse_function_ref(arn, account)
            self._functions.get_version(target.name, target.qualifier)
        except LambdaError:
            raise invalid_parameter(f"The destination ARN {arn} is invalid.") from None
        if target.name == ref.name:
            raise invalid_parameter("You can't specify the function as a destination for itself.")

    def _not_there(self, ref: FunctionRef) -> LambdaError:
        arn = self._registry.account.function_arn(ref.name, ref.qualifier or LATEST)
        return resource_not_found(f"The function {arn} doesn't have an EventInvokeConfig")


def service_of(arn: str) -> str:
    """The service that an ARN names; empty for what is no ARN."""
    parts = arn.split(":", 5)
    return parts[2] if len(parts) == 6 else ""


def _check_given(settings: Settings) -> None:
    if settings.is_empty():
        raise invalid_parameter(
            "You must specify at least one of error handling or destination setting."
        )


def _merged(base: EventInvokeConfig, settings: Settings) -> EventInvokeConfig:
    given = {
        member: value
        for member in ("retries_max", "age_s_max")
        if (value := getattr(settings, member)) is not None
    }
    if settings.destinations_given:  # [LS] a DestinationConfig replaces both destinations
        given["on_success"] = settings.on_success or ""
        given["on_failure"] = settings.on_failure or ""
    return replace(base, **given)


def _describe(settings: Settings) -> str:
    """The destinations as AWS's message shows them."""

    def one(name: str, arn: str | None) -> str:
        return f"{name}(destination={arn or 'null'})" if arn is not None else "null"

    success = one("OnSuccess", settings.on_success)
    failure = one("OnFailure", settings.on_failure)
    return f"DestinationConfig(onSuccess={success}, onFailure={failure})"


def _no_function() -> LambdaError:
    return resource_not_found("The function doesn't exist.")
