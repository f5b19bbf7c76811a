"""InvokeWithResponseStream's path through the gateway: as Invoke's, but for the form of the answer.

A function that streams is passed on event by event, while it runs; one that does not answers as one
PayloadChunk. What goes wrong before the first byte is an HTTP error, what goes wrong later is told
by the last event, InvokeComplete. A client that leaves is forgotten: the function runs on to its
end, as on AWS ([DG] configuration-response-streaming), and what it still streams is thrown away.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache

from lambent.domain.arns import FunctionRef
from lambent.domain.errors import LambdaError
from lambent.domain.invocation import Invocation, Outcome
from lambent.gateway.invoke_route import InvokeRoute
from lambent.http.exchange import Exchange
from lambent.wire import load_service
from lambent.wire.event_stream import CONTENT_TYPE, EventStream


class InvokeStreamingRoute(InvokeRoute):
    """POST /2021-11-15/functions/{FunctionName}/response-streaming-invocations."""

    operation = "InvokeWithResponseStream"
    prefix = "/2021-11-15/functions/"
    suffix = "/response-streaming-invocations"
    invocation_types = ("RequestResponse", "DryRun")
    streams = True

    def _submit_stream(self, exchange: Exchange, ref: FunctionRef, invocation: Invocation) -> None:
        answer = _Answer(exchange, invocation, self._respond_error)
        invocation.sink = answer
        self._invoker.invoke(ref.name, ref.qualifier, invocation, answer.done)


class _Answer:
    """One response on its way to a client: the sink of an invocation."""

    __slots__ = ("_encode", "_exchange", "_gone", "_invocation", "_refuse", "_resume", "_started")

    def __init__(
        self,
        exchange: Exchange,
        invocation: Invocation,
        refuse: Callable[[Exchange, LambdaError, str], None],
    ) -> None:
        self._exchange = exchange
        self._invocation = invocation
        self._refuse = refuse
        self._encode = _events().encode
        self._started = self._gone = False
        self._resume: Callable[[], None] | None = None

    def on_start(self, content_type: bytes) -> None:
        exchange = self._exchange
        exchange.on_drained = self._go_on
        exchange.on_disconnect = self._left
        self._begin(self._invocation.executed_version)

    def on_chunk(self, data: bytes, resume: Callable[[], None]) -> bool:
        if self._gone:
            return True
        self._resume = resume
        return self._exchange.send(self._encode("PayloadChunk", {"Payload": data}))

    def done(self, result: Outcome | LambdaError) -> None:
        """The last event; of a function that did not stream, all of the answer."""
        exchange = self._exchange
        code: str | None
        details: str | None
        if isinstance(result, LambdaError):
            if not self._started:
                self._refuse(exchange, result, self._invocation.request_id)
                return
            code, details, tail = result.code, result.message, None
        else:
            error, tail = result.error, result.log_tail
            # Which code AWS gives to which error is unverified; this is the type that a runtime
            # names in the trailer of a broken stream [RIE].
            code = None if error is None else error.error_type
            details = None if error is None else error.payload.decode("utf-8", "replace")
            if not self._started:
                self._begin(result.executed_version)
                if error is None and result.payload:
                    exchange.send(self._encode("PayloadChunk", {"Payload": result.payload}))
        if self._gone:
            return
        log = None if tail is None else base64.b64encode(tail).decode()
        exchange.send(
            self._encode(
                "InvokeComplete", {"ErrorCode": code, "ErrorDetails": details, "LogResult": log}
            )
        )
        exchange.end()

    def _begin(self, version: str) -> None:
        self._started = True
        self._exchange.begin(
            200,
            (
                ("content-type", CONTENT_TYPE),
                ("x-amzn-requestid", self._invocation.request_id),
                ("x-amz-executed-version", version),
            ),
        )

    def _go_on(self) -> None:
        if self._resume is not None:
            self._resume()

    def _left(self) -> None:
        self._gone = True
        self._go_on()


@cache
def _events() -> EventStream:
    shape = load_service("lambda").operations[InvokeStreamingRoute.operation].output
    assert shape is not None
    return EventStream(shape.members["EventStream"])
