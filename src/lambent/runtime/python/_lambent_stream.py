"""A handler's iterator as frames: each part of the response leaves as soon as it is there.

Standard library only; runs on Python 3.8 and newer.
"""

from __future__ import annotations

from typing import Any, Callable

import _lambent_channel as frames  # type: ignore[import-not-found]
import _lambent_marshal  # type: ignore[import-not-found]

BYTES_MAX = 200 * 1024 * 1024
CHUNK_BYTES_MAX = 65536  # a larger part goes in several frames
PLAIN_TYPE = b"application/octet-stream"  # as AWS's runtime for Node.js, unless told otherwise
HTTP_TYPE = b"application/vnd.awslambda.http-integration-response"


class BadPart(Exception):
    """The iterator gave what is no part of a response; the text says what."""


def send(post: Callable[[int, bytes], None], parts: Any) -> bool:
    """Send the start and the parts, not the end. False: there were more bytes than may be.

    The first part may be a dict, the head of an HTTP answer (statusCode, headers, cookies): it is
    sent as AWS's runtime for Node.js sends the metadata of `HttpResponseStream.from`.
    Raises BadPart, and whatever the iterator raises.
    """
    started, left = False, BYTES_MAX
    try:
        for part in parts:
            if started:
                data = _bytes(part)
            elif isinstance(part, dict):
                data = _lambent_marshal.dump_result(part) + bytes(8)
                post(frames.STREAM_START, HTTP_TYPE)
            else:
                data = _bytes(part)
                post(frames.STREAM_START, _content_type(parts))
            started = True
            _post(post, data[:left])
            left -= len(data)
            if left < 0:
                break
        if not started:
            post(frames.STREAM_START, _content_type(parts))
    finally:
        # What it prints belongs to this invocation; an error of its own is the function's.
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    return left >= 0


def _content_type(parts: Any) -> bytes:
    kind = getattr(parts, "content_type", None)
    return kind.encode("latin-1", "replace") if isinstance(kind, str) else PLAIN_TYPE


def _bytes(part: Any) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, str):
        return part.encode("utf-8", "surrogatepass")
    if isinstance(part, (bytearray, memoryview)):
        return bytes(part)
    raise BadPart(
        f"Unable to marshal response: a stream is of bytes or str, not {type(part).__name__}"
    )


def _post(post: Callable[[int, bytes], None], data: bytes) -> None:
    for start in range(0, len(data), CHUNK_BYTES_MAX):
        post(frames.STREAM_CHUNK, data[start : start + CHUNK_BYTES_MAX])
