"""What a client sees of a function's result: from payload format 2.0 to HTTP, pure.

Sources: [DG] "Invoking Lambda function URLs", response payload format; [LS] TestLambdaURL
(test_lambda_url_invocation, …_headers_and_status, …_invocation_exception), recorded from AWS.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

Header = tuple[str, str]

STREAM_TYPE = b"application/vnd.awslambda.http-integration-response"
"""The content type of a stream that begins with status and headers."""
PRELUDE_END = b"\0" * 8
PRELUDE_BYTES_MAX = 1024 * 1024  # [own]

# AWS keeps these for itself and passes the function's under another name. Seen at function URLs:
# connection, content-length, date, server, www-authenticate, x-amzn-requestid; the rest is API
# Gateway's list ("Amazon API Gateway important notes").
REMAPPED = frozenset(
    {
        "connection",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "te",
        "trailer",
        "upgrade",
        "user-agent",
        "via",
        "www-authenticate",
        "x-amzn-requestid",
        "x-amzn-trace-id",
    }
)
DROPPED = frozenset({"transfer-encoding", "keep-alive", "proxy-connection"})

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_UNSAFE = re.compile(r"[\0-\x08\x0a-\x1f\x7f]")
_STATUS = re.compile(r"[2-5]\d\d\Z")


class BadResponse(Exception):
    """The function's result is no HTTP response: 502."""


@dataclass(slots=True)
class UrlResponse:
    """Status, headers and body, ready to be sent."""

    status: int
    headers: list[Header]
    """Names in lower case; values as latin-1 text of their UTF-8 bytes."""
    body: bytes


def parse_response(payload: bytes) -> UrlResponse:
    """The response that a function's result stands for. Raises BadResponse.

    Anything without a statusCode is the body itself, of type application/json; a string without
    its quotes, anything else as compact JSON [LS].
    """
    result = _from_json(payload)
    if isinstance(result, dict) and result.get("statusCode") is not None:
        headers = parse_headers(result)
        return UrlResponse(parse_status(result["statusCode"]), headers, _parse_body(result))
    body = result if isinstance(result, str) else _to_json(result)
    return UrlResponse(200, [("content-type", "application/json")], _encode(body))


def parse_prelude(prelude: bytes) -> tuple[int, list[Header]]:
    """Status and headers of a stream of STREAM_TYPE. Raises BadResponse."""
    result = _from_json(prelude or b"{}")
    if not isinstance(result, dict):
        raise BadResponse
    status = result.get("statusCode")
    headers = parse_headers(result, content_type="application/octet-stream")
    return 200 if status is None else parse_status(status), headers


def parse_status(value: object) -> int:
    """A number, or digits [LS]."""
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not _STATUS.match(text):
        raise BadResponse
    return int(text)


def parse_headers(
    result: dict[str, Any], *, content_type: str = "application/json"
) -> list[Header]:
    """The headers of a result and its cookies; `content_type` where it names none."""
    given, cookies = result.get("headers"), result.get("cookies")
    given = {} if given is None else given
    cookies = [] if cookies is None else cookies
    if not isinstance(given, dict) or not isinstance(cookies, list):
        raise BadResponse
    headers: list[Header] = []
    typed = False
    for name, value in given.items():
        lower = name.lower()
        if not _NAME.match(name):
            raise BadResponse
        if value is None or lower in DROPPED:
            continue
        typed = typed or lower == "content-type"
        if lower in REMAPPED:
            lower = f"x-amzn-remapped-{lower}"
        headers.append((lower, _header_value(value)))
    if not typed:
        headers.insert(0, ("content-type", content_type))
    for cookie in cookies:
        if not isinstance(cookie, str):
            raise BadResponse
        headers.append(("set-cookie", _header_value(cookie)))
    return headers


def _parse_body(result: dict[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if isinstance(body, (dict, list)):  # as LocalStack does; AWS's answer is UNVERIFIED
        body = _to_json(body)
    elif not isinstance(body, str):
        body = json.dumps(body)
    if not result.get("isBase64Encoded"):
        return _encode(body)
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise BadResponse from None


def _header_value(value: object) -> str:
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (str, int, float)):
        text = str(value)
    else:
        raise BadResponse
    if _UNSAFE.search(text):
        raise BadResponse
    return _encode(text).decode("latin-1")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # JSON may hold half of a surrogate pair


def _from_json(text: bytes) -> Any:
    try:
        return _decode(text.decode())
    except (ValueError, RecursionError):  # also what is no UTF-8
        raise BadResponse from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON


# Made once: json.loads and json.dumps with options make a new one each time.
_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
