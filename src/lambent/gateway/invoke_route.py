"""Invoke's own path through the gateway: no task, no model, one callback to the answer.

The request's few fields are checked here against what the model states; only a request that does
not fit goes through `wire`, which words the ValidationException.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, unquote

from lambent.domain import limits
from lambent.domain.arns import Account, FunctionRef, parse_function_ref
from lambent.domain.errors import LambdaError, not_supported
from lambent.domain.ids import new_request_id
from lambent.domain.invocation import Invocation, Outcome
from lambent.gateway.event_route import EventRoute
from lambent.http.exchange import Exchange
from lambent.http.message import Request
from lambent.invoke.invoker import Invoker
from lambent.wire import (
    WireError,
    WireRequest,
    identify,
    load_service,
    parse_request,
    serialize_error,
)

_OK_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    b"x-amzn-requestid: %b\r\nx-amz-executed-version: %b\r\n"
)
_LOG_TYPES = ("None", "Tail")
_TENANT_ID = re.compile(r"[a-zA-Z0-9._:/=+\-@ ]{1,256}\Z")  # as the model has it
_RARE_HEADERS = frozenset(
    (
        b"x-amz-invocation-type",
        b"x-amz-log-type",
        b"x-amz-tenant-id",
        b"x-amz-durable-execution-name",
    )
)


class InvokeRoute:
    """POST /2015-03-31/functions/{FunctionName}/invocations."""

    operation = "Invoke"
    prefix = "/2015-03-31/functions/"
    suffix = "/invocations"
    invocation_types: tuple[str, ...] = ("RequestResponse", "DryRun", "Event")
    streams = False

    def __init__(
        self,
        invoker: Invoker,
        account: Account,
        events: EventRoute | None = None,
        *,
        step: Callable[[str, bytes], bytes],
        admit: Callable[[Request, FunctionRef], None] | None = None,
    ) -> None:
        """`step` counts one more invocation of a function in a chain: see `Recursion.step`.

        `admit` raises for a caller who may not invoke; None with open authentication.
        """
        self._admit = admit
        self._invoker = invoker
        self._step = step
        self._events = events

        @lru_cache(maxsize=4096)
        def resolve(name: str, query: str) -> FunctionRef:
            qualifier = None
            if query:
                qualifier = dict(parse_qsl(query)).get("Qualifier")
            return parse_function_ref(unquote(name), account, qualifier=qualifier)

        self._resolve = resolve
        self._resolve_rare = resolve.__wrapped__  # long ones must not fill memory

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        request_id = new_request_id()
        try:
            try:
                self._invoke(exchange, request, request_id)
            except LambdaError as error:
                if error.code == "ResourceNotFoundException":
                    _check_by_model(request)  # no name has what the model does not allow
                raise
        except LambdaError as error:
            self._respond_error(exchange, error, request_id)
        except WireError as error:
            self._respond_error(exchange, LambdaError(error.code, error.message), request_id)

    def _invoke(self, exchange: Exchange, request: Request, request_id: str) -> None:
        path, headers = request.path, request.raw_headers
        if not path.startswith(self.prefix):
            _check_by_model(request)
        try:
            resolve = self._resolve if len(path) + len(request.query) < 512 else self._resolve_rare
            ref = resolve(path[len(self.prefix) : -len(self.suffix)], request.query)
        except LambdaError:
            _check_by_model(request)
            raise
        if self._admit is not None:
            self._admit(request, ref)
        if not _RARE_HEADERS.isdisjoint(headers) and self._answer_rare(exchange, ref, request_id):
            return
        if len(request.body) > limits.SYNC_REQUEST_BYTES_MAX:
            raise LambdaError(
                "RequestTooLargeException",
                f"Request must be smaller than {limits.SYNC_REQUEST_BYTES_MAX} bytes "
                "for the InvokeFunction operation",
                Type="User",
            )
        trace_id = headers.get(b"x-amzn-trace-id", b"")
        if b"Lineage=" in trace_id:
            trace_id = self._step(ref.name, trace_id)
        context = headers.get(b"x-amz-client-context")
        invocation = Invocation(
            request_id,
            request.body or b"{}",
            decode_client_context(context) if context else b"",
            trace_id,
            headers.get(b"x-amz-log-type") == b"Tail",
            ref.qualifier,
            headers.get(b"x-amz-tenant-id", b""),
        )

        if self.streams:
            self._submit_stream(exchange, ref, invocation)
            return

        def done(result: Outcome | LambdaError) -> None:
            if isinstance(result, LambdaError):
                self._respond_error(exchange, result, request_id)
            else:
                _respond(exchange, result, request_id)

        self._invoker.invoke(ref.name, ref.qualifier, invocation, done)

    def _submit_stream(self, exchange: Exchange, ref: FunctionRef, invocation: Invocation) -> None:
        """Have it run, and answer while it runs: of the route that `streams`."""
        raise NotImplementedError

    def _answer_rare(self, exchange: Exchange, ref: FunctionRef, request_id: str) -> bool:
        """Look at what few requests have; True where it was a DryRun or an Event: answered here."""
        headers = exchange.request.raw_headers
        wanted = headers.get(b"x-amz-invocation-type", b"RequestResponse")
        invocation_type = wanted.decode("latin-1")
        log_type = headers.get(b"x-amz-log-type", b"None").decode("latin-1")
        tenant_id = headers.get(b"x-amz-tenant-id")
        if (
            log_type not in _LOG_TYPES
            or invocation_type not in self.invocation_types
            or (tenant_id is not None and not _TENANT_ID.match(tenant_id.decode("latin-1")))
        ):
            _check_by_model(exchange.request)
        _refuse_unsupported(headers)
        if invocation_type == "DryRun":
            self._invoker.check(ref.name, ref.qualifier)
            exchange.respond(204, (("x-amzn-requestid", request_id),), b"")
            return True
        if invocation_type == "Event":
            self._accept_event(exchange, ref, request_id)
            return True
        return False

    def _accept_event(self, exchange: Exchange, ref: FunctionRef, request_id: str) -> None:
        assert self._events is not None, self.operation
        headers = exchange.request.raw_headers
        context = headers.get(b"x-amz-client-context")
        self._events.accept(
            exchange,
            ref,
            request_id,
            trace_id=headers.get(b"x-amzn-trace-id", b""),
            client_context=decode_client_context(context) if context else b"",
            tenant_id=headers.get(b"x-amz-tenant-id", b""),
            respond_error=lambda error: self._respond_error(exchange, error, request_id),
        )

    def _respond_error(self, exchange: Exchange, error: LambdaError, request_id: str) -> None:
        service = load_service("lambda")
        response = serialize_error(
            service,
            service.operations[self.operation],
            error.code,
            error.message,
            error.members,
            request_id,
        )
        exchange.respond(response.status, response.headers, response.body)


def _respond(exchange: Exchange, outcome: Outcome, request_id: str) -> None:
    head = _OK_HEAD % (request_id.encode(), outcome.executed_version.encode())
    if outcome.error is not None:
        head += b"x-amz-function-error: Unhandled\r\n"
    if outcome.log_tail is not None:
        head += b"x-amz-log-result: %b\r\n" % base64.b64encode(outcome.log_tail)
    exchange.respond_raw(head, outcome.payload)


def _check_by_model(request: Request) -> None:
    """Have the model say what is wrong with the request, where it can. Raises WireError."""
    wire_request = WireRequest(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=request.body,
    )
    service = load_service("lambda")
    parse_request(service, identify(service, wire_request), wire_request)


def _refuse_unsupported(headers: Mapping[bytes, bytes]) -> None:
    if b"x-amz-durable-execution-name" in headers:
        raise not_supported("X-Amz-Durable-Execution-Name (durable executions)")


def decode_client_context(text: bytes) -> bytes:
    """The JSON of X-Amz-Client-Context. Raises LambdaError (texts unverified)."""
    if len(text) > limits.CLIENT_CONTEXT_BYTES_MAX:
        raise LambdaError(
            "InvalidRequestContentException",
            f"Client context must be at most {limits.CLIENT_CONTEXT_BYTES_MAX} bytes.",
            Type="User",
        )
    try:
        decoded = base64.b64decode(text, validate=True)
        parsed = json.loads(decoded)
    except (binascii.Error, ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise LambdaError(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
            Type="User",
        )
    return decoded
