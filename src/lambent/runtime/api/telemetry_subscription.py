"""A call that subscribes to the Telemetry API (2022-07-01) or the Logs API (2020-08-15): checked,
or refused with AWS's errors.

Source: Developer Guide, "Lambda Telemetry API reference", "Lambda Logs API": limits, defaults and
the form of the errors, several joined by `; `. Which type an error has that is not in its examples
is unverified.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from lambent.runtime.api import replies
from lambent.runtime.api.replies import Reply
from lambent.runtime.api.telemetry_buffer import Buffering
from lambent.runtime.api.telemetry_events import LOGS_SCHEMAS, TELEMETRY_SCHEMAS, TYPES

RESERVED_PORT = 9001
PORT_MAX = 65_535
HOSTS = ("sandbox.localdomain", "sandbox")
METHODS = ("POST", "PUT")
PROTOCOLS = ("HTTP", "TCP")
_PATH_CHARACTERS_MAX = 2048
# name → least, most, default. The defaults are those of "Configuring memory usage and buffering".
_BUFFERING = {
    "maxItems": (1_000, 10_000, 10_000),
    "maxBytes": (262_144, 1_048_576, 262_144),
    "timeoutMs": (25, 30_000, 1_000),
}


class Api(StrEnum):
    """As its errors begin."""

    TELEMETRY = "Telemetry"
    LOGS = "Logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A port inside the sandbox; `path` and `method` are HTTP's."""

    protocol: str
    port: int
    path: str = "/"
    method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    api: Api
    schema: str
    types: tuple[str, ...]
    destination: Destination
    buffering: Buffering


class _Refused(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def parse_subscription(body: bytes, api: Api) -> Subscription | Reply:
    """What the body asks for, or why it is refused."""
    try:
        told = json.loads(body)
        if not isinstance(told, dict):
            raise _misread(api, "expected a JSON object")
        return _parse(told, api)
    except (ValueError, RecursionError):
        return _misread(api, "the body is not JSON").reply
    except _Refused as refused:
        return refused.reply


def _parse(told: Mapping[str, Any], api: Api) -> Subscription:
    problems: list[str] = []
    schema = _schema(told, api, problems)
    buffering = _buffering(_object(told.get("buffering", {}), "buffering", api), api, problems)
    destination = _destination(_object(told.get("destination"), "destination", api), api, problems)
    types = _types(told.get("types"), api, problems)
    if problems or destination is None:
        raise _invalid(api, "; ".join(problems))
    return Subscription(
        api=api, schema=schema, types=types, destination=destination, buffering=buffering
    )


def _schema(told: Mapping[str, Any], api: Api, problems: list[str]) -> str:
    ours = LOGS_SCHEMAS if api is Api.LOGS else TELEMETRY_SCHEMAS
    schema = told.get("schemaVersion", LOGS_SCHEMAS[0])
    if schema not in LOGS_SCHEMAS + TELEMETRY_SCHEMAS:
        raise _unknown(api, schema, LOGS_SCHEMAS + TELEMETRY_SCHEMAS)
    if schema in ours:
        return str(schema)
    if api is Api.LOGS:
        only = ", ".join(LOGS_SCHEMAS)
        problems.append(f"LogsAPI only supports the following SchemaVersion: {only}")
    else:
        problems.append(
            f"TelemetryAPI only supports the SchemaVersion released after {LOGS_SCHEMAS[-1]}"
        )
    return ""


def _buffering(told: Mapping[str, Any], api: Api, problems: list[str]) -> Buffering:
    values: dict[str, int] = {}
    for name, (least, most, default) in _BUFFERING.items():
        value = told.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise _misread(api, f"{name} is not an integer")
        if not least <= value <= most:
            problems.append(f"{name} should be between {least} and {most}")
        values[name] = value
    return Buffering(
        max_items=values["maxItems"],
        max_bytes=values["maxBytes"],
        timeout_s=values["timeoutMs"] / 1000,
    )


def _destination(told: Mapping[str, Any], api: Api, problems: list[str]) -> Destination | None:
    protocol = _choice(told, "protocol", PROTOCOLS, None, api)
    if protocol == "TCP":
        port = told.get("port")
        if not isinstance(port, int) or isinstance(port, bool):
            raise _misread(api, "missing field `port`")
        return _at_port(port, problems, Destination(protocol=protocol, port=port))
    method = _choice(told, "method", METHODS, METHODS[0], api)
    _choice(told, "encoding", ("JSON",), "JSON", api)
    uri = told.get("URI")
    if not isinstance(uri, str):
        raise _misread(api, "missing field `URI`")
    try:
        parts = urlsplit(uri)
        found = parts.port
    except ValueError:
        problems.append("URI is not valid")
        return None
    if parts.scheme != "http":
        raise _denied(api, "Only 'http' scheme is supported.")
    if parts.hostname not in HOSTS:
        raise _denied(api, f"Only '{HOSTS[0]}' hostname is supported.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or not path.isprintable() or " " in path:
        problems.append("URI is not valid")
    elif len(path) > _PATH_CHARACTERS_MAX:
        problems.append("URI is too long")
    if found is None:
        problems.append("URI port is not provided")
        return None
    destination = Destination(protocol=protocol, port=found, path=path, method=method)
    return _at_port(found, problems, destination)


def _at_port(port: int, problems: list[str], destination: Destination) -> Destination:
    if not 0 < port <= PORT_MAX:
        problems.append(f"port should be between 1 and {PORT_MAX}")
    elif port == RESERVED_PORT:
        problems.append(f"port {RESERVED_PORT} is reserved")
    return destination


def _types(told: object, api: Api, problems: list[str]) -> tuple[str, ...]:
    if not isinstance(told, list):
        raise _misread(api, "missing field `types`")
    for one in told:
        if one not in TYPES:
            raise _unknown(api, one, TYPES)
    if not told:
        problems.append("types should not be empty")
    elif len(set(told)) < len(told):
        problems.append("types should be unique")
    return tuple(told)


def _object(value: object, name: str, api: Api) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _misread(api, f"missing field `{name}`" if value is None else f"invalid `{name}`")
    return value


def _choice(
    told: Mapping[str, Any], name: str, choices: Sequence[str], default: str | None, api: Api
) -> str:
    value = told.get(name, default)
    if value is None:
        raise _misread(api, f"missing field `{name}`")
    if value not in choices:
        raise _unknown(api, value, choices)
    return str(value)


def _unknown(api: Api, value: object, known: Sequence[str]) -> _Refused:
    shown = str(value)[:100]
    expected = ", ".join(f"`{one}`" for one in known)
    return _misread(api, f"unknown variant `{shown}`, expected one of {expected}")


def _misread(api: Api, text: str) -> _Refused:
    return _Refused(replies.refusal(400, f"{api}.DeserializationError", text))


def _denied(api: Api, text: str) -> _Refused:
    return _Refused(replies.refusal(403, f"{api}.AccessDenied", text))


def _invalid(api: Api, text: str) -> _Refused:
    """Without a prefix for the Telemetry API, as the Developer Guide has it."""
    kind = "ValidationError" if api is Api.TELEMETRY else "Logs.ValidationError"
    return _Refused(replies.refusal(400, kind, text))
