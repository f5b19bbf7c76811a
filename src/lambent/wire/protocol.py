"""What a protocol has to offer, and which there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lambent.wire.errors import ErrorAnswer
from lambent.wire.message import WireRequest, WireResponse
from lambent.wire.model import Operation, Service

REQUEST_ID_HEADER = "x-amzn-RequestId"


class WireProtocol(Protocol):
    """One of AWS's protocols, server side; a module each, registered in `lambent.wire`."""

    def identify(self, service: Service, request: WireRequest) -> Operation:
        """The operation that is asked for; raises WireError."""
        ...

    def parse(
        self,
        service: Service,
        operation: Operation,
        request: WireRequest,
        labels: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        """The parameters, of the right types but not yet validated; raises WireError."""
        ...

    def serialize(
        self, service: Service, operation: Operation, result: Mapping[str, Any], request_id: str
    ) -> WireResponse: ...

    def serialize_error(
        self, service: Service, answer: ErrorAnswer, request_id: str
    ) -> WireResponse: ...
