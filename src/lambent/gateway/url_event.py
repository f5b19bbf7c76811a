"""What a function sees of a request to its URL: API Gateway's payload format 2.0, pure.

Sources: [DG] "Invoking Lambda function URLs", request payload format; [LS] what AWS recorded
(test_lambda.snapshot.json, TestLambdaURL echo_http_fixture); rawPath stays as it came, unlike at
HTTP APIs (captures in middleapi/standard-server#93); a cookie is in `cookies` and in the headers
(aws/aws-lambda-go#597). What AWS leaves out rather than sets to null is left out.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

TEXT_TYPES = frozenset(
    {"application/json", "application/javascript", "application/xml"}  # and text/*
)
HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade", "expect"}
)
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who signed a request to a URL of auth type AWS_IAM."""

    access_key: str
    account_id: str
    caller_id: str
    """The user's id; of a role `AROA…:session`; of an account's root its number."""
    user_arn: str
    user_id: str
    org_id: str | None = None


@dataclass(slots=True, kw_only=True)  # not frozen: one is made for each request
class UrlRequest:
    """One request to a function URL."""

    method: str
    path: str
    """As it came: still percent-encoded."""
    query: str
    """As it came, without the question mark."""
    headers: Mapping[str, str]
    """Names in lower case; a repeated header's values are joined with commas."""
    body: bytes
    url_id: str
    domain: str
    """The URL's host name, without a port."""
    port: str
    """Of this server, as the caller named it."""
    source_ip: str
    trace_id: str
    """What X-Amzn-Trace-Id is or becomes."""
    request_id: str
    wall_s: float
    caller: Caller | None


def build_event(request: UrlRequest) -> bytes:
    """The event as JSON."""
    headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
    forwarded = headers.get("x-forwarded-for")
    source = request.source_ip
    headers["x-forwarded-for"] = f"{forwarded}, {source}" if forwarded else source
    headers["x-forwarded-port"] = request.port
    headers["x-forwarded-proto"] = "http"
    headers["x-amzn-trace-id"] = request.trace_id
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
    }
    if "cookie" in headers:
        event["cookies"] = split_cookies(headers["cookie"])
    event["headers"] = headers
    if request.query:
        event["queryStringParameters"] = parse_parameters(request.query)
    event["requestContext"] = _context(request)
    encoded = False
    if request.body:
        event["body"], encoded = encode_body(request.body, headers.get("content-type", ""))
    event["isBase64Encoded"] = encoded
    # Lone surrogates cannot come here: headers are latin-1, the rest is decoded with replacement.
    return _to_json(event).encode()


def split_cookies(header: str) -> list[str]:
    """One entry a cookie."""
    return [part for one in header.split(";") if (part := one.strip())]


def parse_parameters(query: str) -> dict[str, str]:
    """Decoded; the values of a repeated name are joined with commas."""
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        known = parameters.get(name)
        parameters[name] = value if known is None else f"{known},{value}"
    return parameters


def encode_body(body: bytes, content_type: str) -> tuple[str, bool]:
    """The body as text, and whether that is base64: of all types but those known to be text.

    A text that is no UTF-8 is base64 as well.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in TEXT_TYPES:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def format_time(wall_s: float) -> str:
    """As `requestContext.time`: `12/Mar/2020:19:03:58 +0000`."""
    moment = time.gmtime(wall_s)
    return (
        f"{moment.tm_mday:02d}/{MONTHS[moment.tm_mon - 1]}/{moment.tm_year}:"
        f"{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"
    )


def _context(request: UrlRequest) -> dict[str, Any]:
    caller = request.caller
    context: dict[str, Any] = {
        "accountId": "anonymous" if caller is None else caller.account_id,
        "apiId": request.url_id,
    }
    if caller is not None:
        context["authorizer"] = {
            "iam": {
                "accessKey": caller.access_key,
                "accountId": caller.account_id,
                "callerId": caller.caller_id,
                "cognitoIdentity": None,
                "principalOrgId": caller.org_id,
                "userArn": caller.user_arn,
                "userId": caller.user_id,
            }
        }
    context["domainName"] = request.domain
    context["domainPrefix"] = request.url_id
    context["http"] = {
        "method": request.method,
        "path": request.path,
        "protocol": "HTTP/1.1",
        "sourceIp": request.source_ip,
        "userAgent": request.headers.get("user-agent", ""),
    }
    context["requestId"] = request.request_id
    context["routeKey"] = "$default"
    context["stage"] = "$default"
    context["time"] = format_time(request.wall_s)
    context["timeEpoch"] = int(request.wall_s * 1000)
    return context
