"""Buses as targets: of other services' events, of rules, and of functions' destinations."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.queue.targets import Landing, Letter
from lambent.services.delivery.gates import NO_RESOURCE, Fault, Sender
from lambent.services.events.entries import envelope, format_time
from lambent.services.events.inputs import compact
from lambent.services.events.router import FORWARDED, THIRD_BUS, Router
from lambent.services.events.state import State


class BusTarget:
    """Takes whole events: `queue.targets.Target`."""

    def __init__(self, state: State, router: Router) -> None:
        self._state = state
        self._router = router

    def prepare(self, arn: str, letter: Letter) -> Landing | None:
        """None where there is no such bus, or the letter is no event.

        Raises LambdaError for an event that would come to a third bus.
        """
        if THIRD_BUS in letter.attributes:
            raise LambdaError(
                "THIRD_ACCOUNT_HOP_DETECTED",
                "An event that came from another event bus goes to no third one.",
            )
        bus = self._state.find_bus(arn)
        event = _parse(letter.body)
        if bus is None or event is None:
            return None
        forwarded = FORWARDED in letter.attributes
        routing = self._router.new_routing()
        self._router.route(
            routing, bus.name, event, letter.body, trace=letter.trace, forwarded=forwarded
        )
        return routing


class DestinationTarget:
    """Takes the records of ended invocations, as events.

    Source: LocalStack's recordings of AWS, test_lambda_destinations.snapshot.json.
    """

    def __init__(self, buses: BusTarget, state: State) -> None:
        self._buses = buses
        self._state = state

    def prepare(self, arn: str, letter: Letter) -> Landing | None:
        record = json.loads(letter.body)
        condition = record["requestContext"]["condition"]
        result = "Success" if condition == "Success" else "Failure"
        event = envelope(
            event_id=str(uuid.uuid4()),
            detail_type=f"Lambda Function Invocation Result - {result}",
            source="lambda",
            account=self._state.account,
            time=format_time(datetime.fromtimestamp(self._state.clock.wall_s(), UTC)),
            resources=[arn, record["requestContext"]["functionArn"]],
            detail=record,
        )
        return self._buses.prepare(arn, Letter(body=compact(event), trace=letter.trace))


class BusGate:
    """Buses let in the services of their own account: `services.delivery.gates.Gate`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def fault(self, arn: str, sender: Sender) -> Fault | None:
        if self._state.find_bus(arn) is None:
            return Fault("The destination event bus does not exist", NO_RESOURCE)
        return None


def _parse(text: str) -> dict[str, Any] | None:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
