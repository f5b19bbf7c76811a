"""A self-made X.509 certificate (RFC 5280) around a public key, as PEM. Pure but for its key."""

from __future__ import annotations

import textwrap
from base64 import b64encode
from datetime import UTC, datetime

from lambent.services.sns.rsa import EXPONENT, PrivateKey, sign

YEARS = 20
_RSA = "2a864886f70d010101"
_SHA256_WITH_RSA = "2a864886f70d01010b"
_COMMON_NAME = "550403"
_SEQUENCE, _SET, _INTEGER, _BITS, _NULL, _OBJECT = 0x30, 0x31, 0x02, 0x03, 0x05, 0x06
_UTF8, _UTC_TIME, _TIME, _VERSION = 0x0C, 0x17, 0x18, 0xA0


def make_certificate(key: PrivateKey, name: str, serial: int, now_s: float) -> str:
    """PEM of a certificate for `name`, by itself, from a day ago on for `YEARS`."""
    algorithm = _der(_SEQUENCE, _object(_SHA256_WITH_RSA), _der(_NULL))
    common_name = _der(_SEQUENCE, _object(_COMMON_NAME), _der(_UTF8, name.encode()))
    whose = _der(_SEQUENCE, _der(_SET, common_name))
    public = _der(_SEQUENCE, _integer(key.modulus), _integer(EXPONENT))
    key_info = _der(
        _SEQUENCE,
        _der(_SEQUENCE, _object(_RSA), _der(_NULL)),
        _der(_BITS, b"\x00", public),
    )
    first_s = now_s - 86_400
    validity = _der(_SEQUENCE, _time(first_s), _time(first_s + YEARS * 365.25 * 86_400))
    to_sign = _der(
        _SEQUENCE,
        _der(_VERSION, _integer(2)),
        _integer(serial),
        algorithm,
        whose,
        validity,
        whose,
        key_info,
    )
    signature = _der(_BITS, b"\x00", sign(key, to_sign, "sha256"))
    return _pem(_der(_SEQUENCE, to_sign, algorithm, signature))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _integer(value: int) -> bytes:
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _object(encoded: str) -> bytes:
    return _der(_OBJECT, bytes.fromhex(encoded))


def _time(wall_s: float) -> bytes:
    """RFC 5280, section 4.1.2.5: two digits of the year until 2049, four from then on."""
    moment = datetime.fromtimestamp(wall_s, UTC)
    if moment.year < 2050:
        return _der(_UTC_TIME, f"{moment:%y%m%d%H%M%S}Z".encode())
    return _der(_TIME, f"{moment:%Y%m%d%H%M%S}Z".encode())


def _pem(content: bytes) -> str:
    lines = "\n".join(textwrap.wrap(b64encode(content).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
