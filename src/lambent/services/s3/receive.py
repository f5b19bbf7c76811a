"""A body on its way in: unframed, counted, hashed and written while it comes.

Parts are taken on the loop and worked on in a thread, one run at a time and in order; the
connection is held while too much waits. What fails is remembered and told by `finish`, so that the
rest of the body is still read and the client gets an answer.
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from lambent.http.message import BodySource
from lambent.services.s3 import checksums
from lambent.services.s3.bodies import INLINE_BYTES_MAX, Bodies, FileWriter, Segment
from lambent.services.s3.errors import S3Error
from lambent.wire.chunk_stream import ChunkStream
from lambent.wire.chunked_payload import PayloadError

RUN_BYTES_MIN = 256 * 1024
WAITING_BYTES_MAX = 4 * 1024 * 1024
_TRAILER_NAMES = {f"x-amz-checksum-{name.lower()}": name for name in checksums.ALGORITHMS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the head of a request says of its body."""

    bytes_max: int
    size: int | None = None
    """x-amz-decoded-content-length."""
    sha256: str = ""
    """Hexadecimal; empty where the payload is not signed as a whole."""
    md5: bytes | None = None
    checksum: tuple[str, bytes | None] | None = None
    """Algorithm, and its value unless that comes in the trailer or not at all."""
    trailing: bool = False
    """Whether the checksum must come in the trailer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A whole body; its file is on disk, but is no object's yet."""

    segment: Segment
    content: bytes | None
    """Of a small body; None where it is a file."""
    md5: str
    """Hexadecimal."""
    checksum: tuple[str, str] | None = None
    """Algorithm and base64 of what the client asked for or sent."""


def parse_expected(headers: Mapping[str, str], *, bytes_max: int) -> Expected:
    """Raises S3Error for headers that cannot be right."""
    md5 = None
    if "content-md5" in headers:
        md5 = _decode_md5(headers["content-md5"])
    declared = headers.get("x-amz-content-sha256", "")
    size_text = headers.get("x-amz-decoded-content-length")
    size = None
    if size_text is not None:
        if not size_text.isdecimal() or len(size_text) > 15:
            raise S3Error("InvalidArgument", "x-amz-decoded-content-length is no number of bytes.")
        size = int(size_text)
    checksum, trailing = _parse_checksum(headers)
    return Expected(
        bytes_max=bytes_max,
        size=size,
        sha256=declared if len(declared) == 64 else "",
        md5=md5,
        checksum=checksum,
        trailing=trailing,
    )


def _decode_md5(text: str) -> bytes:
    try:
        digest = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        digest = b""
    if len(digest) != 16:
        raise S3Error("InvalidDigest", Content_MD5=text)
    return digest


def _parse_checksum(headers: Mapping[str, str]) -> tuple[tuple[str, bytes | None] | None, bool]:
    given = [name for name in _TRAILER_NAMES if name in headers]
    trailer = headers.get("x-amz-trailer", "").strip().lower()
    if len(given) + bool(trailer) > 1:
        raise S3Error(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    if trailer:
        algorithm = _TRAILER_NAMES.get(trailer)
        if algorithm is None:
            raise S3Error(
                "InvalidRequest", "The value specified in the x-amz-trailer header is not supported"
            )
        return (algorithm, None), True
    if given:
        algorithm = _TRAILER_NAMES[given[0]]
        return (algorithm, _decode_checksum(headers[given[0]], algorithm)), False
    wanted = headers.get("x-amz-sdk-checksum-algorithm", "").upper()
    if not wanted:
        return None, False
    if wanted not in checksums.ALGORITHMS:
        raise S3Error(
            "InvalidRequest",
            "Checksum algorithm provided is unsupported. Please try again with any of the valid"
            " types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
        )
    return (wanted, None), False


def _decode_checksum(text: str, algorithm: str) -> bytes:
    digest = checksums.decode(text, algorithm)
    if digest is None:
        raise S3Error(
            "InvalidRequest", f"Value for x-amz-checksum-{algorithm.lower()} header is invalid."
        )
    return digest


class Receiver:
    """Takes one body; a `BodySink` of the server's."""

    def __init__(self, bodies: Bodies, expected: Expected, chunks: ChunkStream | None) -> None:
        self._bodies = bodies
        self._expected = expected
        self._chunks = chunks
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._job: asyncio.Future[None] | None = None
        self._source: BodySource | None = None
        self._lost = False
        self._finished = False
        self._error: S3Error | None = None
        self._size = 0
        self._small: list[bytes] = []
        self._writer: FileWriter | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if expected.sha256 else None
        self._checksum = checksums.new_checksum(expected.checksum[0]) if expected.checksum else None

    # http.BodySink

    def take(self, part: bytes, source: BodySource) -> None:
        if self._error is not None:
            return
        self._waiting.append(part)
        self._waiting_bytes += len(part)
        if self._job is None and self._waiting_bytes >= RUN_BYTES_MIN:
            self._start()
        if self._waiting_bytes > WAITING_BYTES_MAX and self._source is None:
            self._source = source
            source.hold()

    def lost(self) -> None:
        """The client left: nothing of it stays."""
        self._lost = True
        self._waiting.clear()
        self._error = self._error or S3Error("IncompleteBody")
        if self._job is None:
            self._discard()

    def abandon(self) -> None:
        """Whoever was to `finish` it is done: nothing of a body that nobody took stays."""
        if not self._finished:
            self.lost()

    def take_whole(self, body: bytes) -> None:
        """Instead of `take`: a body that came at once. Small ones are worked on right here."""
        if len(body) <= INLINE_BYTES_MAX:
            self._work([body])
        else:
            self._waiting.append(body)

    async def feed(self, part: bytes) -> None:
        """Instead of `take`: a part that this process reads itself, at the pace of the disk."""
        await self._bodies.run(self._work, [part])

    async def finish(self) -> Received:
        """The body has ended. Raises S3Error, and leaves nothing, where it is not as declared."""
        self._finished = True
        while self._job is not None:
            await asyncio.wait([self._job])
        try:
            if self._waiting:
                await self._bodies.run(self._work, self._drain())
            if self._error is None:
                self._end()
            if self._error is not None:
                raise self._error
            if self._writer is not None:
                await self._bodies.run(self._writer.finish)
        except BaseException:
            self._discard()
            raise
        return self._received()

    def _start(self) -> None:
        self._job = asyncio.get_running_loop().run_in_executor(
            self._bodies.executor, self._work, self._drain()
        )
        self._job.add_done_callback(self._worked)

    def _worked(self, job: asyncio.Future[None]) -> None:
        self._job = None
        if not job.cancelled() and (error := job.exception()) is not None:
            self._error = self._error or S3Error("InternalError", str(error))
        if self._lost:
            self._discard()
            return
        if self._waiting_bytes >= RUN_BYTES_MIN:
            self._start()
        if self._source is not None:
            source, self._source = self._source, None
            source.release()

    def _drain(self) -> list[bytes]:
        parts, self._waiting, self._waiting_bytes = self._waiting, [], 0
        return parts

    # In a thread

    def _work(self, parts: list[bytes]) -> None:
        if self._error is not None:
            return
        try:
            if self._chunks is not None:
                parts = self._chunks.feed(b"".join(parts))
        except PayloadError as error:
            self._error = _chunk_error(error)
            return
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if not data:
            return
        self._size += len(data)
        if self._size > self._expected.bytes_max:
            self._error = S3Error("EntityTooLarge", MaxSizeAllowed=self._expected.bytes_max)
            return
        self._md5.update(data)
        if self._sha256 is not None:
            self._sha256.update(data)
        if self._checksum is not None:
            self._checksum.update(data)
        self._write(data)

    def _write(self, data: bytes) -> None:
        if self._writer is None:
            self._small.append(data)
            if self._size <= INLINE_BYTES_MAX:
                return
            self._writer = self._bodies.open_writer()
            data = b"".join(self._small)
            self._small.clear()
        self._writer.write(data)

    def _end(self) -> None:
        """Compare everything that was declared with what came."""
        expected = self._expected
        try:
            if self._chunks is not None:
                self._chunks.finish()
        except PayloadError as error:
            self._error = _chunk_error(error)
            return
        if expected.size is not None and expected.size != self._size:
            self._error = S3Error("IncompleteBody")
        elif expected.md5 is not None and expected.md5 != self._md5.digest():
            self._error = S3Error(
                "BadDigest",
                ExpectedDigest=expected.md5.hex(),
                CalculatedDigest=self._md5.hexdigest(),
            )
        elif self._sha256 is not None and not hmac.compare_digest(
            self._sha256.hexdigest(), expected.sha256
        ):
            self._error = S3Error(
                "XAmzContentSHA256Mismatch",
                ClientComputedContentSHA256=expected.sha256,
                S3ComputedContentSHA256=self._sha256.hexdigest(),
            )
        elif expected.checksum is not None:
            self._check_checksum(*expected.checksum)

    def _check_checksum(self, algorithm: str, value: bytes | None) -> None:
        assert self._checksum is not None
        if self._expected.trailing:
            trailers = self._chunks.trailers if self._chunks is not None else {}
            text = trailers.get(f"x-amz-checksum-{algorithm.lower()}")
            if text is None:
                self._error = S3Error(
                    "MalformedTrailerError",
                    "The request contained trailing data that was not well-formed or did not"
                    " conform to our published schema.",
                )
                return
            try:
                value = _decode_checksum(text, algorithm)
            except S3Error as error:
                self._error = error
                return
        if value is not None and value != self._checksum.digest():
            self._error = S3Error(
                "BadDigest",
                f"The {algorithm} you specified did not match the calculated checksum.",
            )

    def _received(self) -> Received:
        checksum = None
        if self._checksum is not None and self._expected.checksum is not None:
            checksum = (self._expected.checksum[0], checksums.encode(self._checksum.digest()))
        if self._writer is None:
            content = b"".join(self._small)
            segment = Segment(self._bodies.new_id(), len(content))
            return Received(
                segment=segment, content=content, md5=self._md5.hexdigest(), checksum=checksum
            )
        segment = Segment(self._writer.body_id, self._size)
        return Received(segment=segment, content=None, md5=self._md5.hexdigest(), checksum=checksum)

    def _discard(self) -> None:
        if self._writer is not None:
            self._writer.discard()
            self._bodies.settled([self._writer.body_id])
            self._writer = None


def _chunk_error(error: PayloadError) -> S3Error:
    text = str(error)
    if "signature" in text:
        return S3Error("SignatureDoesNotMatch")
    if "ends within" in text:
        return S3Error("IncompleteBody")
    return S3Error("InvalidRequest", text)
