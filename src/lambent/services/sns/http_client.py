"""One POST over HTTP/1.1 to somebody's endpoint: its status, nothing else of the answer."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from urllib.parse import unquote, urlsplit

TIMEOUT_S = 15.0
"""SNS Developer Guide, "Make sure your endpoint is ready": an answer within 15 seconds."""
HEAD_BYTES_MAX = 64 * 1024


class NoAnswer(Exception):
    """The endpoint could not be reached, or gave no HTTP; the text says what happened."""


async def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status. No redirect is followed. Raises NoAnswer."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await _post(url, headers, body)
    except TimeoutError:
        raise NoAnswer(f"no answer within {TIMEOUT_S:.0f} s") from None
    except (OSError, ValueError, EOFError, asyncio.LimitOverrunError) as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from None


async def _post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    reader, writer = await asyncio.open_connection(
        host,
        parts.port or (443 if secure else 80),
        ssl=_context() if secure else None,
        server_hostname=host if secure else None,
        limit=HEAD_BYTES_MAX,
    )
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        place = parts.netloc.rpartition("@")[2]
        told = {"Host": place, "Content-Length": str(len(body)), **headers, "Connection": "close"}
        if parts.username is not None:
            told["Authorization"] = _basic(parts.username, parts.password or "")
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {one}" for name, one in told.items())]
        writer.write("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body)
        await writer.drain()
        return await _read_status(reader)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read_status(reader: asyncio.StreamReader) -> int:
    """Past any 1xx. Raises ValueError where it is no HTTP."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        words = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise ValueError("the answer is no HTTP/1.1")
        status = int(words[1])
        if status >= 200:
            return status


def _basic(name: str, password: str) -> str:
    """SNS Developer Guide: a user and password in the endpoint are HTTP basic authentication."""
    return "Basic " + b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
