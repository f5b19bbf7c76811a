"""Which AWS service a request is for: by target header, credential scope, version or path."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from lambent.domain.errors import LambdaError
from lambent.gateway.sns_requests import UNSIGNED
from lambent.http.message import Request

# The prefix of X-Amz-Target, and the Version parameter of the query protocol (botocore's models).
_TARGETS = {"Logs_20140328": "logs", "AmazonSQS": "sqs", "AWSEvents": "events"}
_VERSIONS = {"2010-05-08": "iam", "2011-06-15": "sts", "2012-11-05": "sqs", "2010-03-31": "sns"}
_SUPPORTED = {"lambda", "iam", "sts", "logs", "signer", "sqs", "sns", "events", "scheduler"}
_TWO_PROTOCOLS = frozenset({"sqs"})
"""By JSON where there is a target header, else by the query protocol."""
_SCOPE = re.compile(r"Credential=[^/,\s]*/\d{8}/[^/,\s]*/(?P<service>[a-z0-9-]+)/aws4_request")
_QUEUE_PATH = re.compile(r"/(?:queue/[a-z0-9-]+/)?\d{12}/[\w.-]+")
_LAMBDA_PATH = re.compile(r"^/20\d\d-\d\d-\d\d/")


def identify_service(request: Request) -> str:
    """The botocore name of the service. Raises LambdaError where there is none that we have."""
    target = request.headers.get("x-amz-target")
    if target is not None:
        prefix = target.partition(".")[0]
        service = _TARGETS.get(prefix)
        if service is None:
            raise unknown_service(prefix)
        return service
    if _LAMBDA_PATH.match(request.path):
        return "lambda"
    scope = _SCOPE.search(request.headers.get("authorization", ""))
    if scope is not None:
        name = scope["service"]
        if name not in _SUPPORTED:
            raise unknown_service(name)
        return name
    if request.path == "/":
        version = _parameter(request, "Version")
        if version in _VERSIONS:
            return _VERSIONS[version]
        if not version and _parameter(request, "Action") in UNSIGNED:
            return "sns"
    elif _QUEUE_PATH.fullmatch(request.path) and _parameter(request, "Action"):
        return "sqs"
    raise LambdaError(
        "UnknownOperationException",
        "Lambent could not tell which AWS service this request is for: "
        f"{request.method} {request.path[:200]}",
    )


def unknown_service(name: str) -> LambdaError:
    return LambdaError(
        "UnknownOperationException", f"Lambent does not have the service {name[:100]} yet."
    )


def choose_protocol(service: str, request: Request) -> str | None:
    """The protocol that the request speaks, where the service has two."""
    if service in _TWO_PROTOCOLS and "x-amz-target" not in request.headers:
        return "query"
    return None


def _parameter(request: Request, name: str) -> str:
    text = request.query
    if request.method == "POST" and len(request.body) < 1024 * 1024:
        text = f"{text}&{request.body.decode('utf-8', 'replace')}"
    try:
        return parse_qs(text, max_num_fields=1000).get(name, [""])[0]
    except ValueError:
        return ""
