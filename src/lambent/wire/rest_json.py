"""rest-json: the operation in method and path, parameters there, in headers and a JSON body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.wire.bindings import Bindings, clean_header, format_headers, parse_bindings, plan_of
from lambent.wire.errors import ErrorAnswer
from lambent.wire.json_body import decode, dump_json, encode, encode_error, parse_json
from lambent.wire.message import WireError, WireRequest, WireResponse, malformed
from lambent.wire.model import Operation, Service, Shape
from lambent.wire.protocol import REQUEST_ID_HEADER

_CONTENT_TYPE = ("Content-Type", "application/json")
_NO_BODY = frozenset((204, 304))


class RestJson:
    """Lambda's protocol."""

    def identify(self, service: Service, request: WireRequest) -> Operation:
        return _match(service, request)[0]

    def parse(
        self,
        service: Service,
        operation: Operation,
        request: WireRequest,
        labels: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        shape = operation.input
        if shape is None:
            return {}
        bindings = plan_of(operation).input
        if labels is None:
            labels = _match(service, request)[1] if bindings.labels else {}
        params = parse_bindings(bindings, request, labels)
        if request.body:
            if bindings.payload is not None:
                name, payload = bindings.payload
                params[name] = _parse_payload(payload, request.body)
            elif bindings.has_body:
                params.update(_parse_body(shape, request.body))
        return params

    def serialize(
        self, service: Service, operation: Operation, result: Mapping[str, Any], request_id: str
    ) -> WireResponse:
        shape = operation.output
        headers = [(REQUEST_ID_HEADER, request_id)]
        if shape is None:
            return WireResponse(status=operation.status, headers=headers)
        bindings = plan_of(operation).output
        status = operation.status
        if bindings.status is not None:
            status = result.get(bindings.status) or status
        headers.extend(format_headers(bindings, result))
        if status in _NO_BODY:
            return WireResponse(status=status, headers=headers)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(_CONTENT_TYPE)
        return WireResponse(status=status, headers=headers, body=_body(shape, bindings, result))

    def serialize_error(
        self, service: Service, answer: ErrorAnswer, request_id: str
    ) -> WireResponse:
        headers = [
            (REQUEST_ID_HEADER, request_id),
            ("X-Amzn-ErrorType", clean_header(answer.code)),
            _CONTENT_TYPE,
        ]
        if answer.shape is not None:
            headers.extend(format_headers(Bindings(answer.shape), answer.members))
        body = dump_json(encode_error(answer))
        return WireResponse(status=answer.status, headers=headers, body=body)


def _match(service: Service, request: WireRequest) -> tuple[Operation, dict[str, str]]:
    found = service.match(request.method, request.path, request.query)
    if found is None:
        # Unverified: AWS answers with the bare name and no text.
        raise WireError("UnknownOperationException", "")
    return found


def _parse_payload(shape: Shape, body: bytes) -> Any:
    if shape.kind == "blob":
        return body
    if shape.kind == "string":
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise malformed("The body is not valid UTF-8.") from None  # unverified text
    return _parse_body(shape, body)


def _parse_body(shape: Shape, body: bytes) -> Any:
    value = parse_json(body)
    return {} if value is None else decode(shape, value)


def _body(shape: Shape, bindings: Bindings, result: Mapping[str, Any]) -> bytes:
    if bindings.payload is None:
        return dump_json(encode(shape, result))
    name, payload = bindings.payload
    if payload.is_event_stream:
        raise WireError("UnsupportedOperationException", "Lambent has no event streams yet.")
    value = result.get(name)
    if value is None:
        return b""
    if payload.kind == "blob":
        return value if isinstance(value, bytes) else bytes(value)
    if payload.kind == "string":
        return str(value).encode("utf-8", "replace")
    return dump_json(encode(payload, value))
