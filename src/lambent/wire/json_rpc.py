"""json 1.0 and 1.1: the operation in the X-Amz-Target header, all parameters in a JSON body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.wire.errors import ErrorAnswer
from lambent.wire.json_body import decode, dump_json, encode, encode_error, parse_json
from lambent.wire.message import WireError, WireRequest, WireResponse
from lambent.wire.model import Operation, Service
from lambent.wire.protocol import REQUEST_ID_HEADER


class JsonRpc:
    """The protocol of CloudWatch Logs and SQS."""

    def identify(self, service: Service, request: WireRequest) -> Operation:
        prefix, _, name = request.headers.get("x-amz-target", "").rpartition(".")
        if prefix != service.metadata["targetPrefix"] or name not in service.operations:
            raise WireError("UnknownOperationException", "")
        return service.operations[name]

    def parse(
        self,
        service: Service,
        operation: Operation,
        request: WireRequest,
        labels: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        shape = operation.input
        if shape is None or not request.body:
            return {}
        value = parse_json(request.body)
        params: dict[str, Any] = {} if value is None else decode(shape, value)
        return params

    def serialize(
        self, service: Service, operation: Operation, result: Mapping[str, Any], request_id: str
    ) -> WireResponse:
        shape = operation.output
        body = b"" if shape is None else dump_json(encode(shape, result))
        return WireResponse(status=200, headers=_headers(service, request_id), body=body)

    def serialize_error(
        self, service: Service, answer: ErrorAnswer, request_id: str
    ) -> WireResponse:
        # The status of an unknown operation is 404 in the REST protocols only.
        status = 400 if answer.code == "UnknownOperationException" else answer.status
        headers = _headers(service, request_id)
        kind = answer.code
        if service.query_compatible:
            fault = "Sender" if answer.sender_fault else "Receiver"
            headers.append(("x-amzn-query-error", f"{answer.code};{fault}"))
            name = answer.code if answer.shape is None else answer.shape.name
            kind = f"com.amazonaws.{service.name}#{name}"
        body = dump_json({"__type": kind, **encode_error(answer)})
        return WireResponse(status=status, headers=headers, body=body)


def _headers(service: Service, request_id: str) -> list[tuple[str, str]]:
    version = service.metadata.get("jsonVersion", "1.1")
    return [
        (REQUEST_ID_HEADER, request_id),
        ("Content-Type", f"application/x-amz-json-{version}"),
    ]
