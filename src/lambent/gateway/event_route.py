"""Invoke with InvocationType Event: 202 once the event is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from lambent.domain import limits
from lambent.domain.arns import FunctionRef
from lambent.domain.errors import LambdaError
from lambent.http.exchange import Exchange
from lambent.queue.async_queue import AsyncQueue
from lambent.queue.payloads import check_event

_ACCEPTED_HEAD = b"HTTP/1.1 202 Accepted\r\nx-amzn-requestid: %b\r\n"


class EventRoute:
    """Takes events for the queue."""

    def __init__(self, queue: AsyncQueue) -> None:
        self._queue = queue

    def accept(
        self,
        exchange: Exchange,
        ref: FunctionRef,
        request_id: str,
        *,
        trace_id: bytes,
        client_context: bytes,
        tenant_id: bytes,
        respond_error: Callable[[LambdaError], None],
    ) -> None:
        """Answer 202 after the commit. Raises LambdaError for what is not accepted."""
        body = exchange.request.body
        check_event(body, limits.ASYNC_REQUEST_BYTES_MAX, "InvokeFunction")
        event = self._queue.new_event(
            ref.name,
            ref.qualifier,
            body or b"{}",
            request_id=request_id,
            trace_id=trace_id,
            client_context=client_context,
            tenant_id=tenant_id,
        )

        def stored(done: asyncio.Future[None]) -> None:
            if done.cancelled() or done.exception() is not None:
                respond_error(
                    LambdaError(
                        "ServiceException", "The event could not be stored.", Type="Service"
                    )
                )
                return
            exchange.respond_raw(_ACCEPTED_HEAD % request_id.encode(), b"")

        self._queue.accept(event).add_done_callback(stored)
