"""A function URL: the HTTP endpoint of a function, or of one alias of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BUFFERED = "BUFFERED"
RESPONSE_STREAM = "RESPONSE_STREAM"
NONE = "NONE"
AWS_IAM = "AWS_IAM"

CorsShape = Mapping[str, bool | int | Sequence[str]]
"""Cors as the API has it: only the members that were given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionUrlConfig:
    """What CreateFunctionUrlConfig made; `cors` is empty where there is none."""

    url_id: str
    """The first label of the host name; never changes."""
    auth_type: str
    """`NONE` or `AWS_IAM`."""
    invoke_mode: str = BUFFERED
    """`BUFFERED` or `RESPONSE_STREAM`."""
    cors: CorsShape
    created_s: float
    modified_s: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """Who may call a URL from a page of another origin, ready to be asked."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age_s: int | None = None
    credentials: bool = False


def parse_cors(shape: CorsShape) -> Cors | None:
    """None where no member was given: then the function answers such requests itself."""
    if not shape:
        return None
    max_age = shape.get("MaxAge")
    return Cors(
        origins=_texts(shape, "AllowOrigins"),
        methods=tuple(method.upper() for method in _texts(shape, "AllowMethods")),
        headers=_texts(shape, "AllowHeaders"),
        exposed=_texts(shape, "ExposeHeaders"),
        max_age_s=max_age if isinstance(max_age, int) else None,
        credentials=bool(shape.get("AllowCredentials")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlTarget:
    """What the id in a host name leads to."""

    name: str
    """The function."""
    qualifier: str | None
    """An alias; None for $LATEST."""
    config: FunctionUrlConfig
    cors: Cors | None


def _texts(shape: CorsShape, member: str) -> tuple[str, ...]:
    value = shape.get(member)
    return () if value is None or isinstance(value, (int, bool)) else tuple(value)
