"""Signature version 2 in a query, against botocore's own signer and AWS's example.

The example: S3 Developer Guide, "Signing and authenticating REST requests", "Query string request
authentication alternative".
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from botocore.auth import HmacV1QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from lambent.wire.sigv2 import is_signed_by, parse_old_signature

SECRET = "secret"


def _presign(url: str, method: str = "GET", token: str | None = None) -> tuple[str, str]:
    """Path and query."""
    request = AWSRequest(method, url, headers={"Content-Type": "a/b"} if method == "PUT" else {})
    HmacV1QueryAuth(Credentials("key", SECRET, token), expires=60).add_auth(request)
    parts = urlsplit(request.url)
    return parts.path, parts.query


@pytest.mark.parametrize("token", [None, "to/ken+=="])
@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    "url",
    [
        "http://h/b/k",
        "http://h/b/a%20b/%C3%BC",
        "http://h/b/k?versionId=x&uploads",
        "http://h/b/k?response-content-type=a%2Fb&list-type=2&acl",
    ],
)
def test_what_botocore_presigned_is_recognised_and_nothing_else(
    url: str, method: str, token: str | None
) -> None:
    path, query = _presign(url, method, token)
    found = parse_old_signature(query)
    assert found is not None
    assert (found.key_id, found.token) == ("key", token)

    def holds(secret: str = SECRET, *, method: str = method, path: str = path) -> bool:
        return is_signed_by(found, secret, method=method, path=path, query=query, headers={})

    assert holds()
    assert not holds("another")
    assert not holds(method="DELETE")
    assert not holds(path=f"{path}x")


@pytest.mark.parametrize(
    "query", ["", "AWSAccessKeyId=a", "AWSAccessKeyId=a&Signature=b&Expires=soon"]
)
def test_a_query_without_a_whole_signature_has_none(query: str) -> None:
    assert parse_old_signature(query) is None


def test_the_guides_example_holds() -> None:
    query = (
        "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D"
        "&Expires=1175139620"
    )
    found = parse_old_signature(query)
    assert found is not None
    assert found.expires_s == 1_175_139_620
    assert is_signed_by(
        found,
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        method="GET",
        path="/johnsmith/photos/puppy.jpg",
        query=query,
        headers={"host": "johnsmith.s3.amazonaws.com"},
    )
