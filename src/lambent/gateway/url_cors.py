"""Cross-origin requests to function URLs, answered by the URL's own Cors, pure.

Sources: [DG] "Creating and managing Lambda function URLs", CORS: the configured headers take
precedence over the function's. Form of the answers: captured from AWS in rimutaka's "AWS Lambda
Function URL with CORS explained by example" (August 2024): an origin is repeated, never `*`; lists
are joined by commas; a preflight is answered 200 with an empty body. What AWS answers to a
preflight of an origin that is not allowed is UNVERIFIED: here 200 without the headers.
"""

from __future__ import annotations

from collections.abc import Mapping

from lambent.domain.function_url import Cors
from lambent.gateway.url_response import Header

_OWN = frozenset(
    {
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "access-control-allow-methods",
        "access-control-allow-headers",
        "access-control-expose-headers",
        "access-control-max-age",
    }
)


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """A browser's question before the request itself."""
    return (
        method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers
    )


def preflight_headers(cors: Cors, headers: Mapping[str, str]) -> list[Header]:
    """What answers a preflight."""
    answer = [("content-type", "application/json"), ("vary", "Origin")]
    origin = _allowed(cors, headers)
    if origin is None:
        return answer
    answer.append(("access-control-allow-origin", origin))
    if cors.headers:
        answer.append(("access-control-allow-headers", ",".join(cors.headers)))
    if cors.methods:
        answer.append(("access-control-allow-methods", ",".join(cors.methods)))
    if cors.exposed:
        answer.append(("access-control-expose-headers", ",".join(cors.exposed)))
    if cors.max_age_s is not None:
        answer.append(("access-control-max-age", str(cors.max_age_s)))
    if cors.credentials:
        answer.append(("access-control-allow-credentials", "true"))
    return answer


def with_cors(cors: Cors, headers: Mapping[str, str], answer: list[Header]) -> list[Header]:
    """The headers of any other answer: those of `cors` in place of the function's."""
    origin = _allowed(cors, headers)
    if origin is None:
        return answer
    kept = [(name, value) for name, value in answer if name not in _OWN]
    kept.append(("access-control-allow-origin", origin))
    if cors.exposed:
        kept.append(("access-control-expose-headers", ",".join(cors.exposed)))
    if cors.credentials:
        kept.append(("access-control-allow-credentials", "true"))
    if not any(name == "vary" and "origin" in value.lower() for name, value in kept):
        kept.append(("vary", "Origin"))
    return kept


def _allowed(cors: Cors, headers: Mapping[str, str]) -> str | None:
    """The request's origin, where it has one that may call."""
    origin = headers.get("origin")
    if origin is None:
        return None
    return origin if "*" in cors.origins or origin in cors.origins else None
