"""An operation's result that is a stream of events, sent while it comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from lambent.domain.request import EventStreamResult
from lambent.http.exchange import Exchange
from lambent.wire import Operation
from lambent.wire.event_stream import CONTENT_TYPE, EventStream, encode_headers, encode_message

log = logging.getLogger("lambent")

_INITIAL = encode_message(
    encode_headers(
        (
            (":event-type", "initial-response", "string"),
            (":content-type", "application/json", "string"),
            (":message-type", "event", "string"),
        )
    ),
    b"{}",
)
"""What the JSON protocols begin with: the members that are no stream, of which there are none."""


async def send_events(
    exchange: Exchange, operation: Operation, result: EventStreamResult, request_id: str
) -> None:
    """Until the stream ends or the client leaves."""
    assert operation.output is not None
    shape = operation.output.members[result.member]
    events = EventStream(shape)
    sending = asyncio.current_task()
    assert sending is not None
    left = False

    def leave() -> None:
        nonlocal left
        left = True
        sending.cancel()

    exchange.begin(200, (("content-type", CONTENT_TYPE), ("x-amzn-requestid", request_id)))
    exchange.on_disconnect = leave
    exchange.send(_INITIAL)
    try:
        async with contextlib.aclosing(result.events) as stream:
            async for name, members in stream:
                if shape.members[name].traits.get("exception"):
                    exchange.send(events.encode_exception(name, members))
                else:
                    await exchange.write(events.encode(name, members))
        exchange.end()
    except asyncio.CancelledError:
        if not left:
            raise
    except Exception:  # outermost: the answer has begun, so the connection tells of it
        log.exception("fault in the stream of %s", operation.name)
        exchange.abort()
