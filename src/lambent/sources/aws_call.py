"""One call of AWS's JSON protocol over HTTP/1.1, signed: what a reader of a distant source needs.

A connection for each call. Source: smithy's "AWS JSON 1.0 protocol"; IAM User Guide, "Create a
signed AWS API request".
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from lambent.domain.credentials import TemporaryCredentials
from lambent.domain.errors import LambdaError
from lambent.wire.sigv4 import ALGORITHM, signing_key

HEAD_BYTES_MAX = 64 * 1024
ANSWER_BYTES_MAX = 64 * 1024 * 1024
TIMEOUT_S = 60.0
"""Longer than the longest poll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a service is, and how its operations are named."""

    url: str
    service: str
    """In the scope of signatures, e.g. `sqs`."""
    target: str
    """Before the operation in X-Amz-Target, e.g. `AmazonSQS`."""


async def call(
    endpoint: Endpoint,
    operation: str,
    params: Mapping[str, Any],
    *,
    credentials: TemporaryCredentials,
    region: str,
    now_s: float,
) -> dict[str, Any]:
    """The answer. Raises LambdaError with AWS's code, and OSError where no HTTP comes back."""
    body = json.dumps(params).encode()
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": urlsplit(endpoint.url).netloc,
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s)),
        "x-amz-target": f"{endpoint.target}.{operation}",
    }
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    headers["authorization"] = sign(headers, body, credentials, region, endpoint.service)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            status, answer = await _exchange(endpoint.url, headers, body)
    except TimeoutError:
        raise OSError(f"{endpoint.url} did not answer within {TIMEOUT_S:.0f} s") from None
    except (EOFError, ValueError, asyncio.LimitOverrunError) as error:
        raise OSError(f"{endpoint.url}: {error}") from None
    parsed = _parse(answer)
    if status >= 400:
        code = str(parsed.get("__type") or f"Http{status}").rpartition("#")[2]
        raise LambdaError(code, str(parsed.get("message") or parsed.get("Message") or code))
    return parsed


def sign(
    headers: Mapping[str, str],
    body: bytes,
    credentials: TemporaryCredentials,
    region: str,
    service: str,
) -> str:
    """The Authorization header of a POST to `/`; all `headers` are signed, x-amz-date is there."""
    names = sorted(headers)
    signed = ";".join(names)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    request = f"POST\n/\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
    date = headers["x-amz-date"]
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = signing_key(credentials.secret, date[:8], region, service)
    text = f"{ALGORITHM}\n{date}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return (
        f"{ALGORITHM} Credential={credentials.key_id}/{scope}, SignedHeaders={signed},"
        f" Signature={signature}"
    )


async def _exchange(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    reader, writer = await asyncio.open_connection(
        host,
        parts.port or (443 if secure else 80),
        ssl=_tls() if secure else None,
        server_hostname=host if secure else None,
        limit=HEAD_BYTES_MAX,
    )
    try:
        told = {**headers, "content-length": str(len(body)), "connection": "close"}
        lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        await writer.drain()
        return await _read(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body. Raises ValueError where it is no HTTP/1.1."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *rest = head.split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
        raise ValueError("the answer is no HTTP/1.1")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in rest)
    }
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return int(words[1]), await _read_chunks(reader)
    size = int(headers.get("content-length", 0))
    if not 0 <= size <= ANSWER_BYTES_MAX:
        raise ValueError("the answer is too long")
    return int(words[1]), await reader.readexactly(size)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        if size < 0 or len(body) + size > ANSWER_BYTES_MAX:
            raise ValueError("the answer is too long")
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return bytes(body)


def _parse(answer: bytes) -> dict[str, Any]:
    """Raises OSError: something else than the service is there."""
    try:
        parsed = json.loads(answer or b"{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise OSError("the answer is no JSON object")
    return parsed


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
