"""InvokeAsync, the asynchronous invocation of 2014; InvocationType Event came after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.domain import limits
from lambent.domain.arns import parse_function_ref
from lambent.domain.request import Handler, RequestContext
from lambent.queue.async_queue import AsyncQueue
from lambent.queue.payloads import check_event

Shape = dict[str, Any]


class AsyncOperations:
    """One method an operation."""

    def __init__(self, queue: AsyncQueue) -> None:
        self._queue = queue

    def handlers(self) -> Mapping[str, Handler]:
        return {"InvokeAsync": self.invoke_async}

    async def invoke_async(self, params: Shape, context: RequestContext) -> Shape:
        ref = parse_function_ref(params["FunctionName"], context.account)
        payload = bytes(params["InvokeArgs"])
        check_event(payload, limits.INVOKE_ASYNC_BYTES_MAX, "InvokeAsync")
        event = self._queue.new_event(
            ref.name, ref.qualifier, payload or b"{}", request_id=context.request_id
        )
        await self._queue.accept(event)
        return {"Status": 202}
