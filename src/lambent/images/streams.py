"""Bytes on their way: bounded, hashed, and only ever read forwards."""

from __future__ import annotations

import gzip
import hashlib
import threading
import zlib
from typing import BinaryIO, Protocol

from lambent.images.errors import ImageError, ImageInvalid

CHUNK_BYTES = 256 * 1024
_READ_BYTES_MAX = 4 * 1024 * 1024
"""No honest tar asks for more at once; a header of its own may claim any size."""


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...

    def close(self) -> None: ...


class Cancelled(ImageError):
    """Nobody wants the image any more."""


class TarStream:
    """An uncompressed tar as tarfile wants it, seekable forwards; counts and hashes all of it."""

    def __init__(self, source: Readable, *, bytes_max: int, stop: threading.Event) -> None:
        self._source = source
        self._bytes_max = bytes_max
        self._stop = stop
        self._position = 0
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Raises ImageInvalid: too large, or not what its compression promises; Cancelled."""
        if not 0 <= size <= _READ_BYTES_MAX:
            raise ImageInvalid("a header in a layer claims to be of an absurd size")
        if self._stop.is_set():
            raise Cancelled("The image is not wanted any more.")
        parts = []
        while size > 0:
            try:
                part = self._source.read(min(size, CHUNK_BYTES))
            except (gzip.BadGzipFile, zlib.error, EOFError) as error:
                raise ImageInvalid(f"a layer cannot be decompressed: {error}") from None
            if not part:
                break
            parts.append(part)
            size -= len(part)
        data = b"".join(parts)
        self._position += len(data)
        if self._position > self._bytes_max:
            raise ImageInvalid(f"its layers are larger than {self._bytes_max} bytes together")
        self._hash.update(data)
        return data

    def seek(self, position: int) -> int:
        while (ahead := position - self._position) > 0:
            if not self.read(min(ahead, CHUNK_BYTES)):
                break
        if ahead < 0:
            raise ImageInvalid("a layer is no tar that can be read in order")
        return self._position

    def tell(self) -> int:
        return self._position

    def finish(self) -> str:
        """Read to the end; `sha256:…` of everything."""
        while self.read(CHUNK_BYTES):
            pass
        return f"sha256:{self._hash.hexdigest()}"


def decompress(raw: BinaryIO, compression: str) -> Readable:
    """`compression`: `gzip`, or empty."""
    if compression == "gzip":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    return raw
