"""What is signed of a package, and how its signature is carried and checked; pure.

The signature covers every entry of the zip (its name, kind and content) but the signature's own. It
is an HMAC with a secret of the signing profile: server and signer are one here, so that nobody else
has to verify it (docs/decisions/0017-local-signing.md).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

SIGNATURE_ENTRY = "META-INF/lambent-signature.json"
SIGNATURE_BYTES_MAX = 16 * 1024
PAYLOAD_FORMAT = "application/vnd.lambent.package-digest.v1"

_CHUNK_BYTES = 256 * 1024
_PREFIX = b"lambent-package-sha384:"
_TEXTS = ("profileVersionArn", "jobArn", "mac")
_MOMENTS = ("signedAt", "expiresAt")


class BrokenSignature(Exception):
    """There is a signature, but not one that this server can have made of this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a signature states."""

    profile_version_arn: str
    job_arn: str
    signed_s: float
    expires_s: float
    mac: str = ""
    """Hex HMAC-SHA-384 over the rest and the payload."""


def package_payload(content: bytes) -> bytes:
    """What of a package is signed. Blocks for as long as unpacking takes; the zip must be sound."""
    total = hashlib.sha384()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in sorted(archive.infolist(), key=lambda one: one.filename):
            if entry.filename == SIGNATURE_ENTRY:
                continue
            inner = hashlib.sha384()
            with archive.open(entry) as source:
                while chunk := source.read(_CHUNK_BYTES):
                    inner.update(chunk)
            name = entry.filename.encode("utf-8", "surrogateescape")
            kind = entry.external_attr >> 16
            total.update(b"%d:%b:%d:%b" % (len(name), name, kind, inner.digest()))
    return _PREFIX + total.hexdigest().encode()


def read_signature(content: bytes) -> Signature | None:
    """The signature in a package; None where there is none. Raises BrokenSignature."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        try:
            entry = archive.getinfo(SIGNATURE_ENTRY)
        except KeyError:
            return None
        if entry.file_size > SIGNATURE_BYTES_MAX:
            raise BrokenSignature
        return parse_signature(archive.read(entry))


def parse_signature(text: bytes) -> Signature:
    """Raises BrokenSignature."""
    try:
        raw: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise BrokenSignature from None
    if not isinstance(raw, dict) or raw.keys() != {*_TEXTS, *_MOMENTS}:
        raise BrokenSignature
    if not all(isinstance(raw[name], str) for name in _TEXTS):
        raise BrokenSignature
    if not all(isinstance(raw[name], int | float) for name in _MOMENTS):
        raise BrokenSignature
    return Signature(
        profile_version_arn=raw["profileVersionArn"],
        job_arn=raw["jobArn"],
        signed_s=raw["signedAt"],
        expires_s=raw["expiresAt"],
        mac=raw["mac"],
    )


def format_signature(signature: Signature) -> bytes:
    """What goes into the package under SIGNATURE_ENTRY."""
    return json.dumps({**_claims(signature), "mac": signature.mac}).encode()


def make_mac(signature: Signature, payload: bytes, secret: str) -> str:
    """Of what the signature states, together with what is signed."""
    claims = {**_claims(signature), "payload": base64.b64encode(payload).decode()}
    stated = json.dumps(claims, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(bytes.fromhex(secret), stated, hashlib.sha384).hexdigest()


def is_genuine(signature: Signature, payload: bytes, secret: str) -> bool:
    """Whether the secret's holder signed just that."""
    try:
        given = binascii.unhexlify(signature.mac)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, bytes.fromhex(make_mac(signature, payload, secret)))


def add_signature(content: bytes, signature: bytes) -> bytes:
    """The package with `signature` in it, in place of one that was there."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as source,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in source.infolist():
            if entry.filename != SIGNATURE_ENTRY:
                target.writestr(entry, source.read(entry))
        added = zipfile.ZipInfo(SIGNATURE_ENTRY)
        added.external_attr = 0o644 << 16
        target.writestr(added, signature)
    return result.getvalue()


def _claims(signature: Signature) -> dict[str, Any]:
    return {
        "profileVersionArn": signature.profile_version_arn,
        "jobArn": signature.job_arn,
        "signedAt": signature.signed_s,
        "expiresAt": signature.expires_s,
    }
