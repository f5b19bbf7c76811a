"""AWS Signature Version 4, the server's side: who signed a request, and whether they did. Pure.

A signature stands in the Authorization header or, of a presigned request, in the query. What was
signed is rebuilt from the request as it came: method, path, query, the headers named as signed, and
the payload's hash. Source: IAM User Guide, "Signature Version 4 signing process" ("Create a signed
AWS API request"), and S3 API Reference, "Signature Calculations for the Authorization Header:
Transferring Payload in Multiple Chunks". Texts of errors: see `SignatureProblem`.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote, unquote_plus

from lambent.wire.chunked_payload import PayloadError, open_chunks

ALGORITHM = "AWS4-HMAC-SHA256"
WINDOW_S = 900
"""How far a request's date may be from the server's clock: 15 minutes."""
PRESIGNED_S_MAX = 604_800
"""X-Amz-Expires: seven days at most."""
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STREAMING_PREFIX = "STREAMING-"
_DATE = re.compile(r"\d{8}T\d{6}Z")
_HASH = re.compile(r"[0-9a-f]{64}")
_FIELDS_MAX = 1_000


class SignatureProblem(Enum):
    """Why a request is refused."""

    MISSING = "missing"
    INCOMPLETE = "incomplete"
    UNKNOWN_KEY = "unknown key"
    MISMATCH = "mismatch"
    EXPIRED_TOKEN = "expired token"


class SignatureError(Exception):
    """The request's signature is absent, unreadable, not of its content, or too old."""

    def __init__(self, problem: SignatureProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message


class Signable(Protocol):
    """What of a request is signed."""

    method: str
    path: str
    """As it came: percent-encoded."""
    query: str
    """As it came, without the question mark."""
    raw_headers: dict[bytes, bytes]
    """Names in lower case; the values of a repeated one joined with commas."""
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a request says of its signature; nothing of it is verified yet."""

    key_id: str
    date: str
    """Of the credential scope: YYYYMMDD."""
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    """X-Amz-Date: YYYYMMDDTHHMMSSZ."""
    token: str | None
    """The session token."""
    expires_s: int | None
    """Of a presigned request: for how long it holds."""

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def parse_signature(request: Signable) -> Signature:
    """The request's signature. Raises SignatureError where there is none that can be read."""
    header = request.raw_headers.get(b"authorization")
    if header is not None:
        return _parse_header(header.decode("latin-1"), request.raw_headers)
    if "X-Amz-Signature" in request.query or "X-Amz-Algorithm" in request.query:
        return _parse_query(request.query)
    raise SignatureError(SignatureProblem.MISSING, "Missing Authentication Token")


def _parse_header(text: str, headers: Mapping[bytes, bytes]) -> Signature:
    algorithm, _, rest = text.partition(" ")
    if algorithm != ALGORITHM:
        raise SignatureError(SignatureProblem.MISSING, "Missing Authentication Token")
    fields: dict[str, str] = {}
    for part in rest.split(","):
        name, equals, value = part.strip().partition("=")
        if not equals or name in fields:
            raise _incomplete(
                f"'{part.strip()[:100]}' not a valid key=value pair (missing equal-sign) in"
                f" Authorization header: '{text[:200]}'."
            )
        fields[name] = value
    date = headers.get(b"x-amz-date") or headers.get(b"date")
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if date is None:
        missing.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if missing or date is None:
        raise _incomplete(" ".join([*missing, f"Authorization={algorithm}"]))
    token = headers.get(b"x-amz-security-token")
    return _signature(
        fields["Credential"],
        fields["SignedHeaders"],
        fields["Signature"],
        date.decode("latin-1"),
        token=token.decode("latin-1") if token else None,
        expires_s=None,
    )


def _parse_query(query: str) -> Signature:
    fields: dict[str, str] = {}
    for name, value in _split_query(query):
        if name.startswith("X-Amz-"):
            fields[name] = unquote_plus(value)
    if fields.get("X-Amz-Algorithm") != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{fields.get('X-Amz-Algorithm', '')}'.")
    missing = [
        f"AWS query-string parameters must include '{name}'."
        for name in ("Credential", "Signature", "SignedHeaders", "Date", "Expires")
        if not fields.get(f"X-Amz-{name}")
    ]
    if missing:
        raise _incomplete(f"{' '.join(missing)} Re-examine the query-string parameters.")
    expires = fields["X-Amz-Expires"]
    if not (expires.isascii() and expires.isdigit() and 0 < int(expires[:9]) <= PRESIGNED_S_MAX):
        raise _incomplete(f"X-Amz-Expires must be from 1 to {PRESIGNED_S_MAX} seconds.")
    return _signature(
        fields["X-Amz-Credential"],
        fields["X-Amz-SignedHeaders"],
        fields["X-Amz-Signature"],
        fields["X-Amz-Date"],
        token=fields.get("X-Amz-Security-Token"),
        expires_s=int(expires),
    )


def parse_form_signature(fields: Mapping[str, str]) -> Signature:
    """That of a form's policy; names of fields in lower case. Raises SignatureError.

    Source: S3 API Reference, "Authenticating requests in browser-based uploads using POST".
    """
    if not fields.get("x-amz-signature"):
        raise SignatureError(SignatureProblem.MISSING, "Missing Authentication Token")
    return _signature(
        fields.get("x-amz-credential", ""),
        "host",
        fields["x-amz-signature"],
        fields.get("x-amz-date", ""),
        token=fields.get("x-amz-security-token"),
        expires_s=None,
    )


def verify_text(signature: Signature, text: str, secret: str) -> None:
    """A text that was signed as it is. Raises SignatureError."""
    key = signing_key(secret, signature.date, signature.region, signature.service)
    expected = hmac.digest(key, text.encode("utf-8", "replace"), "sha256").hex()
    wanted = signature.signature.encode("latin-1", "replace")
    if not hmac.compare_digest(expected.encode(), wanted):
        raise _mismatch()


def _signature(
    credential: str,
    signed_headers: str,
    signature: str,
    timestamp: str,
    *,
    token: str | None,
    expires_s: int | None,
) -> Signature:
    parts = credential.split("/")
    if len(parts) < 5 or parts[-1] != "aws4_request":
        raise _incomplete(
            "Credential must have at least 5 slash-delimited elements, e.g."
            f" keyid/date/region/service/term, got '{credential[:200]}'."
        )
    if not _DATE.fullmatch(timestamp):
        raise _incomplete(
            "Date must be in ISO-8601 'basic format'. "
            f"Got '{timestamp[:40]}'. See http://en.wikipedia.org/wiki/ISO_8601."
        )
    names = tuple(signed_headers.lower().split(";"))
    if "host" not in names:
        raise _incomplete(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    return Signature(
        key_id="/".join(parts[:-4]),
        date=parts[-4],
        region=parts[-3],
        service=parts[-2],
        signed_headers=names,
        signature=signature,
        timestamp=timestamp,
        token=token,
        expires_s=expires_s,
    )


def verify(signature: Signature, request: Signable, secret: str, *, now_s: float) -> bytes:
    """The payload that was signed: the body, without the frames of a chunked one.

    Raises SignatureError where the signature is not that of `request` under `secret`, or is older
    or newer than may be.
    """
    payload_hash = _payload_hash(signature, request)
    key = _verify(signature, request, secret, payload_hash, now_s)
    if not payload_hash.startswith(STREAMING_PREFIX):
        return request.body
    prefix = f"{signature.timestamp}\n{signature.scope}"
    try:
        return open_chunks(payload_hash, request.body, key, prefix, signature.signature)
    except PayloadError as error:
        raise SignatureError(SignatureProblem.MISMATCH, str(error)) from None


def verify_head(signature: Signature, request: Signable, secret: str, *, now_s: float) -> bytes:
    """The key that the chunks of a body are signed with; the body itself is not looked at.

    For S3, whose requests name the hash of their payload: it is the caller's to hold the body to
    it. Raises SignatureError.
    """
    declared = request.raw_headers.get(b"x-amz-content-sha256", b"").decode("latin-1")
    return _verify(signature, request, secret, declared or UNSIGNED_PAYLOAD, now_s)


def _verify(
    signature: Signature, request: Signable, secret: str, payload_hash: str, now_s: float
) -> bytes:
    """The signing key. Raises SignatureError."""
    check_time(signature, now_s)
    key = signing_key(secret, signature.date, signature.region, signature.service)
    wanted = signature.signature.encode("latin-1", "replace")
    for query in _canonical_queries(request.query, presigned=signature.expires_s is not None):
        expected = _sign(key, signature, canonical_request(signature, request, query, payload_hash))
        if hmac.compare_digest(expected.encode(), wanted):
            break
    else:
        raise _mismatch()
    _check_signed_headers(signature, request)
    return key


def _check_signed_headers(signature: Signature, request: Signable) -> None:
    """What AWS's own headers say must have been signed: "include … any x-amz-* header in the
    request" (IAM User Guide, "Create a signed AWS API request")."""
    for raw in request.raw_headers:
        if raw.startswith(b"x-amz-") and (name := raw.decode("latin-1")) not in (
            signature.signed_headers
        ):
            raise SignatureError(
                SignatureProblem.MISMATCH,
                f"There were headers present in the request which were not signed: {name[:100]}",
            )


def check_time(signature: Signature, now_s: float) -> None:
    """Refuse what is past its window or from the future: a replay ends here."""
    moment = _moment(signature.timestamp)
    if not signature.timestamp.startswith(signature.date):
        raise SignatureError(
            SignatureProblem.MISMATCH,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from"
            f" HTTP: '{signature.date}' != '{signature.timestamp[:8]}', from"
            f" '{signature.timestamp}'.",
        )
    now = int(now_s)
    if moment - now > WINDOW_S:
        raise SignatureError(
            SignatureProblem.MISMATCH,
            f"Signature not yet current: {signature.timestamp} is still later than"
            f" {_stamp(now + WINDOW_S)} ({_stamp(now)} + 15 min.)",
        )
    if signature.expires_s is not None:
        if moment + signature.expires_s < now:
            raise SignatureError(
                SignatureProblem.MISMATCH,
                f"Signature expired: {signature.timestamp} is now earlier than"
                f" {_stamp(now - signature.expires_s)} ({_stamp(now)} -"
                f" {signature.expires_s // 60} min.)",
            )
    elif now - moment > WINDOW_S:
        raise SignatureError(
            SignatureProblem.MISMATCH,
            f"Signature expired: {signature.timestamp} is now earlier than"
            f" {_stamp(now - WINDOW_S)} ({_stamp(now)} - 15 min.)",
        )


@lru_cache(maxsize=1024)
def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_request(signature: Signature, request: Signable, query: str, hashed: str) -> str:
    """What is hashed and signed."""
    headers = request.raw_headers
    lines = []
    for name in signature.signed_headers:
        value = headers.get(name.encode("latin-1", "replace"), b"").decode("latin-1")
        lines.append(f"{name}:{' '.join(value.split())}\n")
    return "\n".join(
        (
            request.method.upper(),
            canonical_path(request.path, signature.service),
            query,
            "".join(lines),
            ";".join(signature.signed_headers),
            hashed,
        )
    )


def canonical_path(path: str, service: str) -> str:
    """S3 signs the path as sent; all others without dots and double slashes, encoded once more."""
    if service == "s3":
        return path or "/"
    if "/." in path or "//" in path or not path:
        kept: list[str] = []
        for part in path.split("/"):
            if part == "..":
                del kept[-1:]
            elif part and part != ".":
                kept.append(part)
        path = "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")
    return quote(path.encode("latin-1", "replace"), safe="/~")


def _canonical_queries(query: str, *, presigned: bool) -> list[str]:
    """The query sorted: as sent, which is how SDKs sign it, then as decoded and encoded anew."""
    if not query:
        return [""]
    pairs = _split_query(query)
    if presigned:
        pairs = [pair for pair in pairs if pair[0] != "X-Amz-Signature"]
    as_sent = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    anew = [(_encode_anew(name), _encode_anew(value)) for name, value in pairs]
    encoded = "&".join(f"{name}={value}" for name, value in sorted(anew))
    return [as_sent] if as_sent == encoded else [as_sent, encoded]


def _split_query(query: str) -> list[tuple[str, str]]:
    if query.count("&") >= _FIELDS_MAX:
        raise _incomplete(f"More than {_FIELDS_MAX} query-string parameters.")
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            pairs.append((name, value))
    return pairs


def _encode_anew(text: str) -> str:
    return quote(unquote_plus(text, encoding="latin-1").encode("latin-1", "replace"), safe="-_.~")


def _payload_hash(signature: Signature, request: Signable) -> str:
    """What stands for the payload in the canonical request, held to the body."""
    declared = request.raw_headers.get(b"x-amz-content-sha256", b"").decode("latin-1")
    if declared == UNSIGNED_PAYLOAD or declared.startswith(STREAMING_PREFIX):
        return declared
    if not declared and signature.expires_s is not None and signature.service == "s3":
        return UNSIGNED_PAYLOAD
    actual = hashlib.sha256(request.body).hexdigest()
    if _HASH.fullmatch(declared) and declared != actual:
        raise _mismatch()
    return actual


def _sign(key: bytes, signature: Signature, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()
    text = f"{ALGORITHM}\n{signature.timestamp}\n{signature.scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


@lru_cache(maxsize=256)
def _moment(timestamp: str) -> int:
    try:
        return calendar.timegm(time.strptime(timestamp, "%Y%m%dT%H%M%SZ"))
    except (ValueError, OverflowError):
        raise _incomplete(f"Date is not one: '{timestamp}'.") from None


def _stamp(moment_s: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment_s))


def _incomplete(message: str) -> SignatureError:
    return SignatureError(SignatureProblem.INCOMPLETE, message)


def _mismatch() -> SignatureError:
    return SignatureError(
        SignatureProblem.MISMATCH,
        "The request signature we calculated does not match the signature you provided. Check your"
        " AWS Secret Access Key and signing method. Consult the service documentation for details.",
    )
