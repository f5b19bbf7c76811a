"""Functions as pollers run them: `interface.Runner` over the synchronous path."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lambent.clock import Clock
from lambent.domain.errors import NOT_RUN, LambdaError
from lambent.domain.event_source import EventSourceMapping, SourceType
from lambent.domain.ids import new_request_id
from lambent.domain.invocation import Invocation, Outcome
from lambent.domain.lineage import new_trace
from lambent.invoke.invoker import Invoker
from lambent.sources.interface import NotRun, Problem


class Roles(Protocol):
    """`control.role_permissions.RolePermissions`."""

    def check_source(self, role: str, source: SourceType, arn: str) -> None: ...


class Chains(Protocol):
    """`control.recursion.Recursion`."""

    def step(self, name: str, trace_id: bytes) -> bytes: ...


class FunctionRunner:
    """Runs the function of a mapping with a batch."""

    def __init__(self, invoker: Invoker, roles: Roles, chains: Chains, clock: Clock) -> None:
        self._invoker = invoker
        self._roles = roles
        self._chains = chains
        self._clock = clock

    def check(self, mapping: EventSourceMapping) -> None:
        try:
            version = self._invoker.check(mapping.function_name, mapping.qualifier)
            source = SourceType(mapping.source_type)
            self._roles.check_source(version.role, source, mapping.source_arn)
        except LambdaError as error:
            raise Problem(error.message) from None

    def timeout_s(self, mapping: EventSourceMapping) -> float:
        try:
            version = self._invoker.check(mapping.function_name, mapping.qualifier)
        except LambdaError:  # gone meanwhile: the next try says so
            return 0.0
        return float(version.timeout_s)

    def step(self, mapping: EventSourceMapping, trace_id: bytes) -> bytes | None:
        trace_id = trace_id or new_trace(new_request_id(), self._clock.wall_s())
        try:
            return self._chains.step(mapping.function_name, trace_id)
        except LambdaError:
            return None

    async def run(
        self, mapping: EventSourceMapping, payload: bytes, trace_id: bytes
    ) -> Outcome | NotRun | LambdaError:
        future: asyncio.Future[Outcome | LambdaError] = asyncio.get_running_loop().create_future()

        def done(result: Outcome | LambdaError) -> None:
            if not future.done():  # it is cancelled where the server ends at once
                future.set_result(result)

        invocation = Invocation(
            new_request_id(), payload, trace_id=trace_id, qualifier=mapping.qualifier
        )
        try:
            self._invoker.invoke(mapping.function_name, mapping.qualifier, invocation, done)
        except LambdaError as error:
            done(error)
        result = await future
        if isinstance(result, LambdaError) and result.code in NOT_RUN:
            return NotRun(result.message)
        return result
