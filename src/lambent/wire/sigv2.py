"""Signature version 2 in the query: what boto3 presigns by unless it is told otherwise. Pure.

Source: S3 User Guide of its time, "Signing and authenticating REST requests", "Query string request
authentication alternative"; HMAC-SHA1 in base64.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lambent.wire.routes import parse_fields

_SUBRESOURCES = frozenset(
    (
        *("accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory"),
        *("lifecycle", "location", "logging", "metrics", "notification", "object-lock"),
        *("partNumber", "policy", "replication", "requestPayment", "restore", "select"),
        *("select-type", "storageClass", "tagging", "torrent", "uploadId", "uploads"),
        *("versionId", "versioning", "versions", "website"),
        *("response-cache-control", "response-content-disposition", "response-content-encoding"),
        *("response-content-language", "response-content-type", "response-expires"),
    )
)
_SIGNATURE = ("AWSAccessKeyId", "Signature", "Expires")
TOKEN = "x-amz-security-token"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldSignature:
    """What a query says of its signature; nothing of it is verified yet."""

    key_id: str
    signature: str
    expires_s: int
    """Since the epoch."""
    token: str | None


def parse_old_signature(query: str) -> OldSignature | None:
    """None where there is none that can be read."""
    if "AWSAccessKeyId=" not in query:
        return None
    fields = dict(parse_fields(query))
    expires = fields.get("Expires", "")
    if not all(fields.get(name) for name in _SIGNATURE) or not expires.isdecimal():
        return None
    return OldSignature(
        key_id=fields["AWSAccessKeyId"],
        signature=fields["Signature"],
        expires_s=int(expires[:15]),
        token=fields.get(TOKEN),
    )


def is_signed_by(
    signature: OldSignature,
    secret: str,
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
) -> bool:
    """`path` begins with the bucket and is as it came; names of headers are in lower case."""
    fields = parse_fields(query)
    told = {name.lower(): value for name, value in fields}
    amz = {name: value for name, value in {**told, **headers}.items() if name.startswith("x-amz-")}
    lines = [
        method,
        headers.get("content-md5", told.get("content-md5", "")),
        headers.get("content-type", told.get("content-type", "")),
        str(signature.expires_s),
        *(f"{name}:{amz[name].strip()}" for name in sorted(amz)),
        path + _resource(fields),
    ]
    return hmac.compare_digest(
        sign_text("\n".join(lines), secret).encode(), signature.signature.encode()
    )


def sign_text(text: str, secret: str) -> str:
    """A signature in base64; of a form's policy too."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode()


def _resource(fields: Sequence[tuple[str, str]]) -> str:
    """The part of the query that is signed, by name."""
    signed = sorted((name, value) for name, value in fields if name in _SUBRESOURCES)
    parts = [f"{name}={value}" if value else name for name, value in signed]
    return f"?{'&'.join(parts)}" if parts else ""
