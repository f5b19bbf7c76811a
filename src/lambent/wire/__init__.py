"""AWS's wire protocols, driven by botocore's service models: parse, validate, serialise, errors.

A request goes `identify` (or `Service.match`) → `parse_request` → the handler; its result goes
`serialize_response`, its error `serialize_error`. Whatever a client sends, nothing but WireError is
raised. A protocol is a module (`rest_json`, `json_rpc`, `query`, `rest_xml`) with the methods of
`protocol.WireProtocol`; REST ones share `bindings`, JSON ones `json_body`, XML ones `xml_body`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.wire.errors import resolve_error
from lambent.wire.json_rpc import JsonRpc
from lambent.wire.message import WireError, WireRequest, WireResponse
from lambent.wire.model import Operation, Service, Shape, load_service
from lambent.wire.protocol import WireProtocol
from lambent.wire.query import Query
from lambent.wire.required import add_queue_url, check_required
from lambent.wire.rest_json import RestJson
from lambent.wire.rest_xml import RestXml
from lambent.wire.validation import validate

__all__ = [
    "Operation",
    "Service",
    "Shape",
    "WireError",
    "WireRequest",
    "WireResponse",
    "identify",
    "load_service",
    "parse_request",
    "serialize_error",
    "serialize_response",
]

_PROTOCOLS: Mapping[str, WireProtocol] = {
    "rest-json": RestJson(),
    "json": JsonRpc(),
    "query": Query(),
    "rest-xml": RestXml(),
}


def identify(service: Service, request: WireRequest) -> Operation:
    """The operation that `request` asks of `service`; raises WireError where there is none."""
    return _PROTOCOLS[service.protocol].identify(service, request)


def parse_request(
    service: Service,
    operation: Operation,
    request: WireRequest,
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The parameters of `operation`, as a caller of botocore would give them, validated.

    Blobs are bytes, timestamps aware UTC datetimes; what was not sent is not there. `labels` are
    those that `Service.match` gave, if it was asked already. Raises WireError: wrong form or type
    (SerializationException), constraints (ValidationException).
    """
    params = _PROTOCOLS[service.protocol].parse(service, operation, request, labels)
    if operation.input is not None and service.query_compatible:
        add_queue_url(operation.input, params, request)
        check_required(operation.input, params)
    elif operation.input is not None:
        validate(service, operation.input, params)
    return params


def serialize_response(
    service: Service, operation: Operation, result: Mapping[str, Any], request_id: str
) -> WireResponse:
    """The answer that holds `result`; members that are None are left out.

    Raises KeyError where the model has no member of that name: the handler is wrong.
    """
    return _PROTOCOLS[service.protocol].serialize(service, operation, result, request_id)


def serialize_error(
    service: Service,
    operation: Operation | None,
    code: str,
    message: str,
    members: Mapping[str, Any],
    request_id: str,
) -> WireResponse:
    """The answer for an error: status and places of its members from the model.

    `code` is the name of the error's shape, its code on the wire, or one that no model has.
    """
    answer = resolve_error(service, operation, code, message, members)
    return _PROTOCOLS[service.protocol].serialize_error(service, answer, request_id)
