"""The payload inside an aws-chunked body, taken out as the body comes. Pure.

Source: as in `chunked_payload`, which opens a body that is there as a whole.
"""

from __future__ import annotations

import hashlib
import hmac
from enum import Enum

from lambent.wire.chunked_payload import (
    SIGNED,
    SIGNED_TRAILER,
    UNSIGNED_TRAILER,
    PayloadError,
)

_EMPTY_HASH = hashlib.sha256(b"").hexdigest()
_LINE_BYTES_MAX = 4096
_SIZE_DIGITS_MAX = 10
_TRAILER_BYTES_MAX = 16 * 1024
FORMS = (SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER)


class _State(Enum):
    SIZE = "size"
    DATA = "data"
    DATA_END = "data end"
    TRAILERS = "trailers"
    DONE = "done"


class ChunkStream:
    """Decodes one body. Without a `key` signatures are read over."""

    def __init__(self, form: str, *, key: bytes | None, prefix: str, seed: str) -> None:
        """`form`: the value of x-amz-content-sha256. `prefix`: timestamp and scope, a line each.
        `seed`: the signature of the head. Raises PayloadError for a form that is none."""
        if form not in FORMS:
            raise PayloadError(f"The value of x-amz-content-sha256 is invalid: {form[:100]}")
        self._trailing = form != SIGNED
        self._key = None if form == UNSIGNED_TRAILER else key
        self._prefix = prefix
        self._previous = seed
        self._state = _State.SIZE
        self._buffer = bytearray()
        self._left = 0
        self._extension = b""
        self._hash = hashlib.sha256()
        self._canonical = b""
        self._trailer_bytes = 0
        self._trailer_signature: bytes | None = None
        self.trailers: dict[str, str] = {}
        """Trailing headers by lower-case name; complete after `finish`."""

    def feed(self, data: bytes) -> list[bytes]:
        """The parts of the payload in the next part of the body. Raises PayloadError."""
        self._buffer += data
        parts: list[bytes] = []
        while self._step(parts):
            pass
        return parts

    def finish(self) -> None:
        """The body has ended. Raises PayloadError where it ended too early, or is not signed."""
        if self._state is _State.TRAILERS:
            if self._buffer:
                self._take_trailer(bytes(self._buffer))
                self._buffer.clear()
        elif self._state is not _State.DONE:
            raise PayloadError("The body ends within a chunk.")
        if self._trailing and self._key is not None:
            self._check_trailers()

    def _step(self, parts: list[bytes]) -> bool:
        """One step on; False where more of the body is needed."""
        match self._state:
            case _State.SIZE:
                line = self._line()
                if line is not None:
                    self._begin(line)
                return line is not None
            case _State.DATA:
                return self._take_data(parts)
            case _State.DATA_END:
                if len(self._buffer) < 2:
                    return False
                if self._buffer[:2] != b"\r\n":
                    raise PayloadError("A chunk does not end where it says.")
                del self._buffer[:2]
                self._state = _State.SIZE
                return True
            case _State.TRAILERS:
                line = self._line()
                if line is not None:
                    self._take_trailer(line)
                return line is not None
            case _State.DONE:
                if self._buffer.strip(b"\r\n"):
                    raise PayloadError("More follows the last chunk.")
                self._buffer.clear()
                return False

    def _begin(self, line: bytes) -> None:
        size_text, _, self._extension = line.partition(b";")
        self._left = _size(size_text)
        if self._left:
            self._state = _State.DATA
            return
        self._check_chunk()
        self._state = _State.TRAILERS if self._trailing else _State.DONE

    def _take_data(self, parts: list[bytes]) -> bool:
        if not self._buffer:
            return False
        data = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(data)
        parts.append(data)
        if self._key is not None:
            self._hash.update(data)
        if not self._left:
            self._check_chunk()
            self._state = _State.DATA_END
        return True

    def _check_chunk(self) -> None:
        if self._key is None:
            return
        text = (
            f"AWS4-HMAC-SHA256-PAYLOAD\n{self._prefix}\n{self._previous}\n{_EMPTY_HASH}\n"
            f"{self._hash.hexdigest()}"
        )
        expected = hmac.digest(self._key, text.encode(), "sha256").hex()
        given = self._extension.removeprefix(b"chunk-signature=")
        if not hmac.compare_digest(expected.encode(), given):
            raise PayloadError(
                "The chunk signature we calculated does not match the one you provided."
            )
        self._previous = expected
        self._hash = hashlib.sha256()

    def _take_trailer(self, line: bytes) -> None:
        self._trailer_bytes += len(line)
        if self._trailer_bytes > _TRAILER_BYTES_MAX:
            raise PayloadError("The trailing headers are too large.")
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if name == b"x-amz-trailer-signature":
            self._trailer_signature = value
        elif name:
            self._canonical += name + b":" + value + b"\n"
            self.trailers[name.decode("latin-1")] = value.decode("latin-1")

    def _check_trailers(self) -> None:
        assert self._key is not None
        digest = hashlib.sha256(self._canonical).hexdigest()
        text = f"AWS4-HMAC-SHA256-TRAILER\n{self._prefix}\n{self._previous}\n{digest}"
        expected = hmac.digest(self._key, text.encode(), "sha256").hex()
        given = self._trailer_signature
        if given is None or not hmac.compare_digest(expected.encode(), given):
            raise PayloadError(
                "The trailer signature we calculated does not match the one you provided."
            )

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n", 0, _LINE_BYTES_MAX)
        if end < 0:
            if len(self._buffer) >= _LINE_BYTES_MAX:
                raise PayloadError("The body is not in chunks.")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _size(text: bytes) -> int:
    if not text or len(text) > _SIZE_DIGITS_MAX:
        raise PayloadError("A chunk's size cannot be read.")
    try:
        return int(text.decode("ascii"), 16)
    except ValueError:
        raise PayloadError("A chunk's size cannot be read.") from None
