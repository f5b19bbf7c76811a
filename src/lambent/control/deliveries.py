"""What the owner of a function wants of its asynchronous events, put together for the queue."""

from __future__ import annotations

from lambent.control.concurrency import Concurrency
from lambent.control.event_invoke import EventInvokeConfigs
from lambent.control.functions import Functions
from lambent.control.recursion import Recursion
from lambent.domain import limits
from lambent.domain.errors import LambdaError
from lambent.domain.event import Delivery


class Deliveries:
    """Answers the queue from event-invoke configs and functions."""

    def __init__(
        self,
        functions: Functions,
        configs: EventInvokeConfigs,
        recursion: Recursion,
        concurrency: Concurrency,
    ) -> None:
        self._functions = functions
        self._configs = configs
        self._recursion = recursion
        self._concurrency = concurrency

    def delivery(self, name: str, qualifier: str | None) -> Delivery:
        """With AWS's defaults where nothing is configured, or the function is gone."""
        config = self._configs.find(name, qualifier)
        try:
            dead_letter = self._functions.get_version(name, qualifier).dead_letter_arn
        except LambdaError:
            dead_letter = ""
        if config is None:
            return Delivery(dead_letter=dead_letter)
        retries, age_s = config.retries_max, config.age_s_max
        return Delivery(
            retries_max=limits.ASYNC_RETRIES_DEFAULT if retries is None else retries,
            age_s_max=limits.ASYNC_AGE_S_MAX if age_s is None else age_s,
            on_success=config.on_success,
            on_failure=config.on_failure,
            dead_letter=dead_letter,
        )

    def step(self, name: str, trace_id: bytes) -> bytes:
        """See `Recursion.step`."""
        return self._recursion.step(name, trace_id)

    def is_blocked(self, name: str) -> bool:
        """Whether the function's reserved concurrency is zero."""
        return self._concurrency.reserved(name) == 0
