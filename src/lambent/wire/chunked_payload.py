"""Bodies sent as aws-chunked, each chunk signed in a chain or left unsigned. Pure.

Source: S3 API Reference, "Transferring Payload in Multiple Chunks (Chunked Upload)" and
"… with trailing headers".
"""

from __future__ import annotations

import hashlib
import hmac

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_EMPTY_HASH = hashlib.sha256(b"").hexdigest()
_LINE_BYTES_MAX = 4096
_SIZE_DIGITS_MAX = 8
_CHUNK_SIGNATURE = b"chunk-signature="
_TRAILER_SIGNATURE = b"x-amz-trailer-signature:"


class PayloadError(Exception):
    """The body is not the chunks that its headers say it is."""


def open_chunks(form: str, body: bytes, key: bytes, prefix: str, seed: str) -> bytes:
    """The payload inside `body`; every signature in it is checked.

    `form`: the value of x-amz-content-sha256. `prefix`: timestamp and scope, a line each. `seed`:
    the signature of the head, with which the chain begins. Raises PayloadError.
    """
    if form not in (SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER):
        raise PayloadError(f"The value of x-amz-content-sha256 is invalid: {form[:100]}")
    signed = form != UNSIGNED_TRAILER
    parts, at, previous = [], 0, seed
    while True:
        line, at = _line(body, at)
        size_text, _, extension = line.partition(b";")
        size = _size(size_text)
        data = body[at : at + size]
        if len(data) != size:
            raise PayloadError("The body ends within a chunk.")
        at += size
        if signed:
            previous = _check_chunk(extension, data, key, prefix, previous)
        if not size:
            break
        if body[at : at + 2] != b"\r\n":
            raise PayloadError("A chunk does not end where it says.")
        at += 2
        parts.append(data)
    if form == SIGNED:
        if body[at:] not in (b"", b"\r\n"):
            raise PayloadError("More follows the last chunk.")
    else:
        _check_trailers(body, at, key if signed else None, prefix, previous)
    return b"".join(parts)


def _check_chunk(extension: bytes, data: bytes, key: bytes, prefix: str, previous: str) -> str:
    text = (
        f"AWS4-HMAC-SHA256-PAYLOAD\n{prefix}\n{previous}\n{_EMPTY_HASH}\n"
        f"{hashlib.sha256(data).hexdigest()}"
    )
    expected = hmac.digest(key, text.encode(), "sha256").hex()
    if not hmac.compare_digest(_CHUNK_SIGNATURE + expected.encode(), extension):
        raise PayloadError("The chunk signature we calculated does not match the one you provided.")
    return expected


def _check_trailers(body: bytes, at: int, key: bytes | None, prefix: str, previous: str) -> None:
    """Trailing headers, and where `key` is given the signature that must end them."""
    canonical, given = b"", None
    while at < len(body):
        line, at = _line(body, at)
        if line.startswith(_TRAILER_SIGNATURE):
            given = line[len(_TRAILER_SIGNATURE) :].strip()
        elif line:
            name, _, value = line.partition(b":")
            canonical += name.strip().lower() + b":" + value.strip() + b"\n"
    if key is None:
        return
    digest = hashlib.sha256(canonical).hexdigest()
    text = f"AWS4-HMAC-SHA256-TRAILER\n{prefix}\n{previous}\n{digest}"
    expected = hmac.digest(key, text.encode(), "sha256").hex()
    if given is None or not hmac.compare_digest(expected.encode(), given):
        raise PayloadError(
            "The trailer signature we calculated does not match the one you provided."
        )


def _line(body: bytes, at: int) -> tuple[bytes, int]:
    end = body.find(b"\r\n", at, at + _LINE_BYTES_MAX)
    if end < 0:
        raise PayloadError("The body is not in chunks.")
    return body[at:end], end + 2


def _size(text: bytes) -> int:
    if not text or len(text) > _SIZE_DIGITS_MAX:
        raise PayloadError("A chunk's size cannot be read.")
    try:
        return int(text.decode("ascii"), 16)
    except ValueError:
        raise PayloadError("A chunk's size cannot be read.") from None
