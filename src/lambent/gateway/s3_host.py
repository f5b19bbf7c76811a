"""Whether a request is for S3, and which bucket its host names. Pure.

A bucket stands in the path (`/bucket/key`) or before the host: `bucket.s3.localhost…`,
`bucket.s3.us-east-1.…`, `bucket.localhost`. A request without a signature is told by the bucket
that it names.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lambent.http.message import Request

_OTHER_SCOPE = b"/aws4_request"
_SCOPE = b"/s3/aws4_request"
_LAMBDA_PATH = re.compile(r"/20\d\d-\d\d-\d\d/")
_QUERY_MARKS = ("%2Fs3%2Faws4_request", "/s3/aws4_request", "%2fs3%2faws4_request")


def is_for_s3(request: Request, has_bucket: Callable[[str], bool]) -> bool:
    """By its host or its signature; without either by the bucket in its path."""
    headers = request.raw_headers
    host = headers.get(b"host", b"")
    if b".s3." in host or host.startswith(b"s3."):
        return True
    authorization = headers.get(b"authorization")
    if authorization is not None:
        if _OTHER_SCOPE in authorization:
            return _SCOPE in authorization
        return authorization.startswith(b"AWS ")
    if b"x-amz-target" in headers:
        return False
    query = request.query
    if query and "X-Amz-Credential=" in query:
        return any(mark in query for mark in _QUERY_MARKS)
    if "AWSAccessKeyId=" in query and "Signature=" in query:
        return True
    bucket, path = split_host(request)
    if bucket:
        return has_bucket(bucket)
    if path.startswith("/_") or _LAMBDA_PATH.match(path):
        return False
    return has_bucket(path[1:].partition("/")[0])


def split_host(request: Request) -> tuple[str, str]:
    """The bucket in the host, empty where there is none, and the path in path style."""
    host = request.raw_headers.get(b"host", b"").decode("latin-1").lower()
    name = host.partition(":")[0]
    bucket = ""
    if ".s3." in name:
        bucket = name.rpartition(".s3.")[0]
    elif name.endswith(".localhost") and not name.startswith("s3."):
        bucket = name.removesuffix(".localhost")
    return bucket, f"/{bucket}{request.path}" if bucket else request.path
