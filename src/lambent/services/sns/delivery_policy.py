"""How deliveries to HTTP endpoints are retried, paced and labelled. Pure.

Source: SNS Developer Guide, "Creating an HTTP/S delivery policy" and "Amazon SNS message delivery
retries". How a backoff function grows is shown there as a graph only: the formulas are our own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.services.sns.errors import invalid

RETRIES_MAX = 100
DELAY_S_MAX = 3_600
TOTAL_S_MAX = 3_600
CONTENT_TYPE_DEFAULT = "text/plain; charset=UTF-8"
_CONTENT_TYPES = frozenset(
    (
        "text/css",
        "text/csv",
        "text/html",
        "text/plain",
        "text/xml",
        "application/atom+xml",
        "application/json",
        "application/octet-stream",
        "application/soap+xml",
        "application/x-www-form-urlencoded",
        "application/xml",
    )
)
_BACK_OFFS = ("linear", "arithmetic", "geometric", "exponential")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Four phases, one after the other: at once, at the least delay, growing, at the most."""

    min_delay_s: int = 20
    max_delay_s: int = 20
    retries: int = 3
    at_once: int = 0
    at_min_delay: int = 0
    at_max_delay: int = 0
    back_off: str = "linear"

    def delay_s(self, retry: int) -> float | None:
        """How long to wait before retry 0, 1, …; None where there is no such retry."""
        if retry >= self.retries:
            return None
        if retry < self.at_once:
            return 0.0
        if retry < self.at_once + self.at_min_delay:
            return float(self.min_delay_s)
        if retry >= self.retries - self.at_max_delay:
            return float(self.max_delay_s)
        growing = self.retries - self.at_once - self.at_min_delay - self.at_max_delay
        return self._grown_s(retry - self.at_once - self.at_min_delay, growing)

    def _grown_s(self, step: int, steps: int) -> float:
        least, span = float(self.min_delay_s), float(self.max_delay_s - self.min_delay_s)
        if steps < 2:
            return least
        part = step / (steps - 1)
        match self.back_off:
            case "arithmetic":
                return least + span * step * (step + 1) / ((steps - 1) * steps)
            case "geometric":
                return float(least * (self.max_delay_s / least) ** part)
            case "exponential":
                return float(least + span * (2.0**step - 1) / (2.0 ** (steps - 1) - 1))
            case _:
                return least + span * part

    @property
    def total_s(self) -> float:
        return sum(self.delay_s(retry) or 0.0 for retry in range(self.retries))

    def describe(self) -> dict[str, Any]:
        return {
            "minDelayTarget": self.min_delay_s,
            "maxDelayTarget": self.max_delay_s,
            "numRetries": self.retries,
            "numMaxDelayRetries": self.at_max_delay,
            "numNoDelayRetries": self.at_once,
            "numMinDelayRetries": self.at_min_delay,
            "backoffFunction": self.back_off,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """What holds for one subscription; None where the topic is to say, or the default holds."""

    retry: RetryPolicy | None = None
    per_s_max: int | None = None
    """Deliveries in a second."""
    content_type: str | None = None
    overrides_disabled: bool = False
    """Of a topic: its subscriptions' own policies do not count."""

    def describe(self) -> dict[str, Any]:
        """As EffectiveDeliveryPolicy of a subscription."""
        throttle = None if self.per_s_max is None else {"maxReceivesPerSecond": self.per_s_max}
        return {
            "healthyRetryPolicy": (self.retry or RetryPolicy()).describe(),
            "sicklyRetryPolicy": None,
            "throttlePolicy": throttle,
            "requestPolicy": {"headerContentType": self.content_type or CONTENT_TYPE_DEFAULT},
            "guaranteed": False,
        }

    def describe_topic(self) -> dict[str, Any]:
        """As EffectiveDeliveryPolicy of a topic."""
        content_type = self.content_type or CONTENT_TYPE_DEFAULT
        http: dict[str, Any] = {
            "defaultHealthyRetryPolicy": (self.retry or RetryPolicy()).describe(),
            "disableSubscriptionOverrides": self.overrides_disabled,
            "defaultRequestPolicy": {"headerContentType": content_type},
        }
        if self.per_s_max is not None:
            http["defaultThrottlePolicy"] = {"maxReceivesPerSecond": self.per_s_max}
        return {"http": http}


NO_POLICY = DeliveryPolicy()


def effective(topic: DeliveryPolicy, own: DeliveryPolicy) -> DeliveryPolicy:
    """What holds for a subscription of a topic."""
    if topic.overrides_disabled:
        return topic
    return DeliveryPolicy(
        retry=own.retry or topic.retry,
        per_s_max=own.per_s_max if own.per_s_max is not None else topic.per_s_max,
        content_type=own.content_type or topic.content_type,
    )


def parse_topic_delivery(text: str) -> DeliveryPolicy:
    """`{"http": {"defaultHealthyRetryPolicy": …}}`. Raises LambdaError InvalidParameter."""
    outer = _Reader(_parse(text), "")
    http = _Reader(outer.object("http"), "http.")
    outer.end()
    policy = DeliveryPolicy(
        retry=_retry(http.object("defaultHealthyRetryPolicy")),
        per_s_max=_per_s_max(http.object("defaultThrottlePolicy")),
        content_type=_content_type(http.object("defaultRequestPolicy")),
        overrides_disabled=http.flag("disableSubscriptionOverrides"),
    )
    http.end()
    return policy


def parse_delivery(text: str) -> DeliveryPolicy:
    """`{"healthyRetryPolicy": …}`. Raises LambdaError InvalidParameter."""
    reader = _Reader(_parse(text), "")
    policy = DeliveryPolicy(
        retry=_retry(reader.object("healthyRetryPolicy")),
        per_s_max=_per_s_max(reader.object("throttlePolicy")),
        content_type=_content_type(reader.object("requestPolicy")),
    )
    reader.object("sicklyRetryPolicy")  # nothing is ever sickly: as on AWS it has no effect
    reader.flag("guaranteed")
    reader.end()
    return policy


def _refuse(reason: str) -> LambdaError:
    return invalid(f"DeliveryPolicy: {reason}")


def _parse(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _refuse("failed to parse JSON") from None
    if not isinstance(value, dict):
        raise _refuse("must be a JSON object")
    return value


@dataclass(slots=True)
class _Reader:
    """An object whose members are taken one by one."""

    value: Mapping[str, Any] | None
    path: str
    taken: set[str] = field(default_factory=set)

    def _take(self, name: str) -> Any:
        self.taken.add(name)
        return None if self.value is None else self.value.get(name)

    def object(self, name: str) -> Mapping[str, Any] | None:
        found = self._take(name)
        if found is not None and not isinstance(found, dict):
            raise _refuse(f"{self.path}{name} must be an object")
        return found

    def flag(self, name: str) -> bool:
        found = self._take(name)
        if found not in (None, True, False):
            raise _refuse(f"{self.path}{name} must be a boolean")
        return bool(found)

    def number(self, name: str, least: int, most: int, default: int) -> int:
        found = self._take(name)
        if found is None:
            return default
        if isinstance(found, bool) or not isinstance(found, int) or not least <= found <= most:
            raise _refuse(f"{self.path}{name} must be between {least} and {most}")
        return found

    def text(self, name: str, default: str) -> str:
        found = self._take(name)
        if found is not None and not isinstance(found, str):
            raise _refuse(f"{self.path}{name} must be a string")
        return default if found is None else found

    def end(self) -> None:
        unknown = sorted(set(self.value or ()) - self.taken)
        if unknown:
            raise _refuse(f"{self.path}{unknown[0]} is not known")


def _retry(value: Mapping[str, Any] | None) -> RetryPolicy | None:
    if value is None:
        return None
    reader = _Reader(value, "healthyRetryPolicy.")
    policy = RetryPolicy(
        min_delay_s=reader.number("minDelayTarget", 1, DELAY_S_MAX, 20),
        max_delay_s=reader.number("maxDelayTarget", 1, DELAY_S_MAX, 20),
        retries=reader.number("numRetries", 0, RETRIES_MAX, 3),
        at_once=reader.number("numNoDelayRetries", 0, RETRIES_MAX, 0),
        at_min_delay=reader.number("numMinDelayRetries", 0, RETRIES_MAX, 0),
        at_max_delay=reader.number("numMaxDelayRetries", 0, RETRIES_MAX, 0),
        back_off=reader.text("backoffFunction", "linear"),
    )
    reader.end()
    if policy.min_delay_s > policy.max_delay_s:
        raise _refuse("minDelayTarget must not exceed maxDelayTarget")
    if policy.at_once + policy.at_min_delay + policy.at_max_delay > policy.retries:
        raise _refuse("the retries of all phases must not exceed numRetries")
    if policy.back_off not in _BACK_OFFS:
        raise _refuse(f"backoffFunction must be one of {', '.join(_BACK_OFFS)}")
    if policy.total_s > TOTAL_S_MAX:
        raise _refuse(f"all retries must be over within {TOTAL_S_MAX} seconds")
    return policy


def _per_s_max(value: Mapping[str, Any] | None) -> int | None:
    if value is None:
        return None
    reader = _Reader(value, "throttlePolicy.")
    found = reader.number("maxReceivesPerSecond", 1, 100_000, 0)
    reader.end()
    return found or None


def _content_type(value: Mapping[str, Any] | None) -> str | None:
    if value is None:
        return None
    reader = _Reader(value, "requestPolicy.")
    found = reader.text("headerContentType", "")
    reader.end()
    kind = found.partition(";")[0].strip().lower()
    if found and (kind not in _CONTENT_TYPES or not found.isprintable() or not found.isascii()):
        raise _refuse(f"headerContentType {found[:100]} is not supported")
    return found or None
