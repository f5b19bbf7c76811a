"""The checksums of S3: MD5 aside, five algorithms, each fed in parts. Pure.

CRC32 is zlib's and the hashes are hashlib's. CRC32C and CRC64NVME are in no standard library: small
inputs go byte by byte through a table, large ones in `_LANES` lanes side by side, where one step of
all lanes is a few calls of `bytes.translate` (70 MB/s for CRC64NVME against 5).
Source of the polynomials: S3 User Guide, "Checking object integrity"; RFC 3720; NVM Express NVM
Command Set Specification, "64b CRC".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Protocol

ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
_POLYNOMIALS = {
    "CRC32": (0xEDB88320, 4),
    "CRC32C": (0x82F63B78, 4),
    "CRC64NVME": (0x9A6C9329AC4BC9B5, 8),
}
"""Reflected, and the bytes of the register."""
_LANES = 4096
_PARALLEL_BYTES_MIN = 32 * 1024


class Checksum(Protocol):
    """One running checksum."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


def new_checksum(algorithm: str) -> Checksum:
    """`algorithm`: one of ALGORITHMS."""
    match algorithm:
        case "CRC32":
            return _Crc32()
        case "CRC32C" | "CRC64NVME":
            return _Crc(*_POLYNOMIALS[algorithm])
        case "SHA1":
            return hashlib.sha1()
        case _:
            return hashlib.sha256()


def join(algorithm: str, parts: Sequence[tuple[bytes, int]]) -> bytes:
    """The CRC of a whole from those of its parts, each with its size in bytes.

    With the register inverted at both ends: crc(AB) = moved(crc(A), len(B)) ^ crc(B).
    """
    polynomial, width = _POLYNOMIALS[algorithm]
    total = 0
    for digest, size in parts:  # most are of one size: its matrix is kept
        total = _times(_shifter(polynomial, width, size), total) ^ int.from_bytes(digest, "big")
    return total.to_bytes(width, "big")


@lru_cache(maxsize=16)
def _shifter(polynomial: int, width: int, count: int) -> tuple[int, ...]:
    """What each bit of a register becomes after `count` bytes of zero, by squaring a matrix."""
    table = _table(polynomial)
    matrix = [_moved(1 << bit, table, 1) for bit in range(8 * width)]
    result = [1 << bit for bit in range(8 * width)]
    while count:
        if count & 1:
            result = [_times(matrix, column) for column in result]
        matrix = [_times(matrix, column) for column in matrix]
        count >>= 1
    return tuple(result)


def _times(matrix: Sequence[int], value: int) -> int:
    result, bit = 0, 0
    while value:
        if value & 1:
            result ^= matrix[bit]
        value >>= 1
        bit += 1
    return result


def encode(digest: bytes) -> str:
    """As it stands in headers and XML."""
    return base64.b64encode(digest).decode("ascii")


def decode(text: str, algorithm: str) -> bytes | None:
    """The digest that a client named; None where it is none of this algorithm."""
    try:
        digest = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None
    return digest if len(digest) == SIZES[algorithm] else None


SIZES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}
"""Bytes of a digest."""


class _Crc32:
    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


class _Crc:
    """A reflected CRC of `width` bytes whose register begins and ends inverted."""

    __slots__ = ("_ones", "_polynomial", "_register", "_width")

    def __init__(self, polynomial: int, width: int) -> None:
        self._polynomial = polynomial
        self._width = width
        self._ones = (1 << 8 * width) - 1
        self._register = self._ones

    def update(self, data: bytes) -> None:
        at = 0
        if len(data) >= _PARALLEL_BYTES_MIN:
            length = len(data) // _LANES
            at = length * _LANES
            self._register = self._parallel(data[:at], length)
        table, register = _table(self._polynomial), self._register
        for byte in data[at:]:
            register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
        self._register = register

    def digest(self) -> bytes:
        return (self._register ^ self._ones).to_bytes(self._width, "big")

    def _parallel(self, data: bytes, length: int) -> int:
        """The register after `data`, which is `_LANES` runs of `length` bytes.

        A CRC is linear: each run is taken from a register of zero, all runs at once, and the
        registers are put together by moving the sum so far on by `length` bytes.
        """
        translations = _translations(self._polynomial, self._width)
        width = self._width
        rows = [0] * width  # the n-th byte of every lane's register, as one number
        for position in range(length):
            column = int.from_bytes(data[position::length], "little") ^ rows[0]
            index = column.to_bytes(_LANES, "little")
            steps = [int.from_bytes(index.translate(t), "little") for t in translations]
            rows = [*(steps[n] ^ rows[n + 1] for n in range(width - 1)), steps[-1]]
        columns = [row.to_bytes(_LANES, "little") for row in rows]
        registers = [int.from_bytes(lane, "little") for lane in zip(*columns, strict=True)]
        mover = _mover(self._polynomial, width, length)
        total = self._register
        for register in registers:
            moved = register
            for n, part in enumerate(total.to_bytes(width, "little")):
                moved ^= mover[n][part]
            total = moved
        return total


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    """What one byte does to the register."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (polynomial if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


@cache
def _translations(polynomial: int, width: int) -> tuple[bytes, ...]:
    """The table, each byte of its numbers as a table of its own."""
    table = _table(polynomial)
    return tuple(bytes(entry >> 8 * n & 0xFF for entry in table) for n in range(width))


@lru_cache(maxsize=64)
def _mover(polynomial: int, width: int, length: int) -> tuple[tuple[int, ...], ...]:
    """What each byte of a register becomes after `length` bytes of zero."""
    table, bits = _table(polynomial), []
    for bit in range(8 * width):
        bits.append(_moved(1 << bit, table, length))
    return tuple(
        tuple(_combine(bits[8 * n : 8 * n + 8], byte) for byte in range(256)) for n in range(width)
    )


def _combine(bits: list[int], byte: int) -> int:
    value = 0
    for n, moved in enumerate(bits):
        if byte >> n & 1:
            value ^= moved
    return value


def _moved(value: int, table: tuple[int, ...], length: int) -> int:
    for _ in range(length):
        value = table[value & 0xFF] ^ (value >> 8)
    return value
