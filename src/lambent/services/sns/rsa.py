"""RSA signatures: PKCS #1 v1.5 over SHA-1 and SHA-256 (RFC 8017), which the standard library lacks.

All it takes besides hashes is powers by a modulus. Python's own takes 6 ms for a signature and
would hold the loop up; OpenSSL's, which Python's `ssl` has loaded anyway, takes a tenth of that and
is asked where it can be found.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import secrets
from dataclasses import dataclass
from functools import cache, lru_cache
from math import gcd
from typing import Any

BITS = 2_048
EXPONENT = 65_537
_ROUNDS = 8
"""Of Miller and Rabin, on random candidates: FIPS 186-5, table B.1, asks for fewer."""
_SMALL_MAX = 2_000
_PREFIXES = {  # RFC 8017, section 9.2, note 1
    "sha1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """A key of two primes."""

    p: int
    q: int
    d: int
    """The private exponent."""

    @property
    def modulus(self) -> int:
        return self.p * self.q


def generate_key() -> PrivateKey:
    """Takes up to a second: not for the loop's thread."""
    while True:
        p, q = _prime(BITS // 2), _prime(BITS // 2)
        totient = (p - 1) * (q - 1)
        if p != q and gcd(EXPONENT, totient) == 1:
            return PrivateKey(p=p, q=q, d=pow(EXPONENT, -1, totient))


def sign(key: PrivateKey, data: bytes, digest: str) -> bytes:
    """The signature of `data`; `digest` is sha1 or sha256."""
    length = (key.modulus.bit_length() + 7) // 8
    info = _PREFIXES[digest] + hashlib.new(digest, data, usedforsecurity=False).digest()
    padded = b"\x00\x01" + b"\xff" * (length - len(info) - 3) + b"\x00" + info
    number = int.from_bytes(padded, "big")
    # By the remainders of both primes (RFC 8017, section 5.1.2): four times as fast.
    by_p = power(number % key.p, key.d % (key.p - 1), key.p)
    by_q = power(number % key.q, key.d % (key.q - 1), key.q)
    found = by_q + key.q * ((by_p - by_q) * _inverse(key.q, key.p) % key.p)
    return found.to_bytes(length, "big")


def power(base: int, exponent: int, modulus: int) -> int:
    """`pow`, by OpenSSL where it is there."""
    library = _openssl()
    return pow(base, exponent, modulus) if library is None else library(base, exponent, modulus)


@lru_cache(maxsize=4)
def _inverse(number: int, modulus: int) -> int:
    return pow(number, -1, modulus)


def _prime(bits: int) -> int:
    while True:
        candidate = secrets.randbits(bits) | 1 | 3 << (bits - 2)
        if all(candidate % small for small in _small_primes()) and _is_prime(candidate):
            return candidate


def _is_prime(candidate: int) -> bool:
    odd = candidate - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for _ in range(_ROUNDS):
        found = power(secrets.randbelow(candidate - 3) + 2, odd, candidate)
        if found in (1, candidate - 1):
            continue
        for _ in range(twos - 1):
            found = found * found % candidate
            if found == candidate - 1:
                break
        else:
            return False
    return True


@cache
def _small_primes() -> tuple[int, ...]:
    return tuple(
        number
        for number in range(3, _SMALL_MAX, 2)
        if all(number % below for below in range(3, int(number**0.5) + 1, 2))
    )


class _OpenSsl:
    """Powers by libcrypto's big numbers."""

    def __init__(self, library: Any) -> None:
        self._library = library
        for name in ("BN_new", "BN_CTX_new", "BN_bin2bn"):
            getattr(library, name).restype = ctypes.c_void_p

    def __call__(self, base: int, exponent: int, modulus: int) -> int:
        library = self._library
        context = ctypes.c_void_p(library.BN_CTX_new())
        numbers = [self._number(one) for one in (base, exponent, modulus)]
        result = ctypes.c_void_p(library.BN_new())
        try:
            if library.BN_mod_exp(result, *numbers, context) != 1:
                return pow(base, exponent, modulus)
            length = (modulus.bit_length() + 7) // 8
            buffer = ctypes.create_string_buffer(length)
            library.BN_bn2binpad(result, buffer, length)
            return int.from_bytes(buffer.raw, "big")
        finally:
            for number in (*numbers, result):
                library.BN_clear_free(number)
            library.BN_CTX_free(context)

    def _number(self, value: int) -> ctypes.c_void_p:
        data = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return ctypes.c_void_p(self._library.BN_bin2bn(data, len(data), None))


@cache
def _openssl() -> _OpenSsl | None:
    """What `ssl` is made with; None where its symbols are not to be had."""
    try:
        module = importlib.import_module("_ssl")
        library = ctypes.CDLL(getattr(module, "__file__", None))
        found = _OpenSsl(library)
        return found if found(3, 5, 7) == 5 else None
    except (ImportError, OSError, AttributeError):
        return None
