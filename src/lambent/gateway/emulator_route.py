"""One function on a port of its own, in the form of AWS's Runtime Interface Emulator (RIE).

The body is the event and the answer is what the function made of it: there are no signatures, and
a function's error comes with status 200 like any other payload. Statuses and texts: [RIE]
cmd/aws-lambda-rie/http.go and handlers.go. It serves one invocation at a time and refuses others
with 400; here they run side by side.
"""

from __future__ import annotations

from collections.abc import Callable

from lambent.domain import limits
from lambent.domain.arns import FunctionRef
from lambent.domain.errors import LambdaError
from lambent.domain.ids import new_request_id
from lambent.domain.invocation import Invocation, Outcome
from lambent.gateway.invoke_route import decode_client_context
from lambent.http.exchange import Exchange
from lambent.http.message import BodySink, Refusal, Request
from lambent.invoke.invoker import Invoker
from lambent.wire import load_service, serialize_error

_TEXT = (("content-type", "text/plain; charset=utf-8"),)
"""What Go's server makes of a body that names no type, JSON included."""
_TIMED_OUT = b"Task timed out after "
_OF_THE_PLATFORM = frozenset(
    {"Runtime.ExitError", "Runtime.OutOfMemory", "Runtime.InvalidEntrypoint", "Sandbox.Failure"}
)
"""Errors that the runtime did not report itself: the emulator answers 502."""
_REFUSALS = {
    Refusal.MALFORMED: 400,
    Refusal.HEADERS_TOO_LARGE: 431,
    Refusal.BODY_TOO_LARGE: 413,
    Refusal.TOO_SLOW: 408,
    Refusal.BUSY: 429,
}


class EmulatorRoute:
    """Answers for one function; an `Application` of lambent.http."""

    def __init__(
        self, invoker: Invoker, ref: FunctionRef, *, step: Callable[[str, bytes], bytes]
    ) -> None:
        """`step` counts one more invocation of a function in a chain: see `Recursion.step`.

        The function need not be there yet.
        """
        self._invoker = invoker
        self._ref = ref
        self._step = step
        self._paths = frozenset(
            f"/2015-03-31/functions/{name}/invocations" for name in ("function", ref.name)
        )

    def body_limit(self, method: str, path: str) -> int:
        return limits.SYNC_REQUEST_BYTES_MAX

    def open_body(self, request: Request) -> BodySink | None:
        return None

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        exchange.respond(_REFUSALS[refusal], _TEXT, b"")

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.path not in self._paths:
            exchange.respond(404, _TEXT, b"404 page not found\n")
            return
        try:
            self._invoke(exchange, request)
        except LambdaError as error:  # the emulator knows none of these: as Invoke answers them
            _respond_error(exchange, error)

    def _invoke(self, exchange: Exchange, request: Request) -> None:
        headers, ref = request.raw_headers, self._ref
        context = headers.get(b"x-amz-client-context")
        trace_id = headers.get(b"x-amzn-trace-id", b"")
        if b"Lineage=" in trace_id:
            trace_id = self._step(ref.name, trace_id)
        invocation = Invocation(
            new_request_id(),
            request.body or b"{}",
            decode_client_context(context) if context else b"",
            trace_id,
            qualifier=ref.qualifier,
        )

        def done(result: Outcome | LambdaError) -> None:
            if isinstance(result, LambdaError):
                _respond_error(exchange, result)
            else:
                status, body = answer(result)
                exchange.respond(status, _TEXT, body)

        self._invoker.invoke(ref.name, ref.qualifier, invocation, done)


def answer(outcome: Outcome) -> tuple[int, bytes]:
    """Status and body by which the emulator tells of `outcome`."""
    if outcome.error is None:
        return 200, outcome.payload
    payload, error_type = outcome.error.payload, outcome.error.error_type
    if error_type == "Sandbox.Timedout" and _TIMED_OUT in payload:
        text = payload[payload.index(_TIMED_OUT) :].partition(b'"')[0]
        return 200, text
    return (502 if error_type in _OF_THE_PLATFORM else 200), payload


def _respond_error(exchange: Exchange, error: LambdaError) -> None:
    service = load_service("lambda")
    operation = service.operations["Invoke"]
    response = serialize_error(
        service, operation, error.code, error.message, error.members, new_request_id()
    )
    exchange.respond(response.status, response.headers, response.body)
