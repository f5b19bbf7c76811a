"""rest-xml: S3's protocol. The operation in method, path and query; parameters there and in XML.

Two of S3's operations may share method and path; what tells them apart is a required field of the
query (`uploadId`), or a required header (`x-amz-copy-source`). Keys keep every slash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from lambent.wire.bindings import format_headers, parse_bindings, plan_of
from lambent.wire.errors import ErrorAnswer
from lambent.wire.message import WireError, WireRequest, WireResponse
from lambent.wire.model import Operation, Service, Shape
from lambent.wire.routes import parse_fields
from lambent.wire.xml_body import element, escape, inside
from lambent.wire.xml_tree import XmlError, decode_xml, parse_xml

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
PROLOG = '<?xml version="1.0" encoding="UTF-8"?>\n'
REQUEST_ID_HEADER = "x-amz-request-id"
_XML = ("Content-Type", "application/xml")
_SKIPPED = frozenset(("ListDirectoryBuckets", "WriteGetObjectResponse"))
"""Operations of other endpoints, whose paths would hide S3's own."""
_ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListParts": "ListPartsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetObjectAcl": "AccessControlPolicy",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
}
"""The root of an answer, as the S3 API Reference shows it; the model has no name for it."""
_PAYLOAD_ROOTS = {"CopyObject": "CopyObjectResult", "UploadPartCopy": "CopyPartResult"}


class _Candidate:
    """An operation, and what a request must have to mean it."""

    __slots__ = ("constants", "headers", "operation", "query", "weight")

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        text = operation.uri.partition("?")[2]
        self.constants = frozenset(field for field in parse_fields(text) if field[0] != "x-id")
        shape = operation.input
        required = shape.traits.get("required", ()) if shape is not None else ()
        members = [(name, shape.members[name]) for name in required] if shape is not None else []
        self.query = frozenset(
            member.wire_name(name) for name, member in members if member.location == "querystring"
        )
        self.headers = frozenset(
            member.wire_name(name).lower()
            for name, member in members
            if member.location == "header" and not self.constants
        )
        self.weight = len(self.constants) + len(self.query) + len(self.headers)

    def fits(
        self, fields: set[tuple[str, str]], names: set[str], headers: Mapping[str, str]
    ) -> bool:
        return (
            self.constants <= fields
            and self.query <= names
            and all(name in headers for name in self.headers)
        )


class RestXml:
    """S3's protocol."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[tuple[str, int], list[_Candidate]]] = {}

    def identify(self, service: Service, request: WireRequest) -> Operation:
        table = self._tables.get(service.name)
        if table is None:
            table = self._tables[service.name] = _build_table(service)
        bucket, key = split_path(request.path)
        depth = 0 if not bucket else 2 if key else 1
        fields = set(parse_fields(request.query)) if request.query else set()
        names = {name for name, _ in fields}
        for candidate in table.get((request.method, depth), ()):
            if candidate.fits(fields, names, request.headers):
                return candidate.operation
        raise WireError(
            "MethodNotAllowed", "The specified method is not allowed against this resource."
        )

    def parse(
        self,
        service: Service,
        operation: Operation,
        request: WireRequest,
        labels: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        """A blob as payload is left out: it may be large and comes by another way."""
        shape = operation.input
        if shape is None:
            return {}
        bindings = plan_of(operation).input
        if labels is None:
            labels = parse_labels(request.path)
        try:
            params = parse_bindings(bindings, request, labels)
        except WireError as error:
            raise WireError("InvalidArgument", error.message) from None
        if bindings.payload is not None:
            name, payload = bindings.payload
            if payload.kind == "string":
                params[name] = request.body.decode("utf-8", "replace")
            elif payload.kind != "blob":
                _parse_payload(shape, name, payload, request.body, params)
        return params

    def serialize(
        self, service: Service, operation: Operation, result: Mapping[str, Any], request_id: str
    ) -> WireResponse:
        """As with `parse`, a blob is not among what is written here."""
        headers = [(REQUEST_ID_HEADER, request_id)]
        shape = operation.output
        if shape is None:
            return WireResponse(status=operation.status, headers=headers)
        bindings = plan_of(operation).output
        headers.extend(format_headers(bindings, result))
        status = operation.status
        if bindings.status is not None:
            status = result.get(bindings.status) or status
        if bindings.payload is not None:
            name, payload = bindings.payload
            value = result.get(name)
            if payload.kind == "blob" or value is None:
                return WireResponse(status=status, headers=headers)
            if payload.kind == "string":
                return WireResponse(status=status, headers=headers, body=str(value).encode())
            root = _PAYLOAD_ROOTS.get(operation.name, payload.wire_name(payload.name))
            text = element(root, payload, value)
            text = text.replace(f"<{root}", f'<{root} xmlns="{NAMESPACE}"', 1)
        elif operation.name == "GetBucketLocation":  # the root holds the text itself
            region = escape(result.get("LocationConstraint") or "")
            text = f'<LocationConstraint xmlns="{NAMESPACE}">{region}</LocationConstraint>'
        elif bindings.has_body:
            root = _ROOTS.get(operation.name, f"{operation.name}Result")
            body = {name: value for name, value in result.items() if name in shape.members}
            text = f'<{root} xmlns="{NAMESPACE}">{inside(shape, body)}</{root}>'
        else:
            return WireResponse(status=status, headers=headers)
        headers.append(_XML)
        return WireResponse(
            status=status, headers=headers, body=(PROLOG + text).encode("utf-8", "replace")
        )

    def serialize_error(
        self, service: Service, answer: ErrorAnswer, request_id: str
    ) -> WireResponse:
        """S3's own form: no namespace, and the error's members beside its code."""
        members = "".join(
            f"<{name}>{escape(str(value))}</{name}>" for name, value in answer.members.items()
        )
        text = (
            f"{PROLOG}<Error><Code>{escape(answer.code)}</Code>"
            f"<Message>{escape(answer.message)}</Message>{members}"
            f"<RequestId>{escape(request_id)}</RequestId>"
            f"<HostId>{escape(request_id)}</HostId></Error>"
        )
        headers = [(REQUEST_ID_HEADER, request_id), _XML]
        return WireResponse(
            status=answer.status, headers=headers, body=text.encode("utf-8", "replace")
        )


def split_path(path: str) -> tuple[str, str]:
    """Bucket and key of a path-style path, still percent-encoded; empty where there is none."""
    bucket, _, key = path[1:].partition("/")
    return bucket, key


def parse_labels(path: str) -> dict[str, str]:
    """Bucket and Key, decoded. Raises WireError where they are not UTF-8."""
    labels = {}
    for name, raw in zip(("Bucket", "Key"), split_path(path), strict=True):
        if raw:
            try:
                labels[name] = unquote_to_bytes(raw.encode("latin-1", "replace")).decode()
            except UnicodeDecodeError:
                raise WireError("InvalidURI", "Couldn't parse the specified URI.") from None
    return labels


def _build_table(service: Service) -> dict[tuple[str, int], list[_Candidate]]:
    """Method and depth (0: the service, 1: a bucket, 2: an object) → the most demanding first."""
    table: dict[tuple[str, int], list[_Candidate]] = {}
    for operation in service.operations.values():
        if operation.deprecated or operation.name in _SKIPPED:
            continue
        path = operation.uri.partition("?")[0]
        depth = 2 if "{Key+}" in path else 1 if "{Bucket}" in path else 0
        table.setdefault((operation.method, depth), []).append(_Candidate(operation))
    for candidates in table.values():
        candidates.sort(key=lambda candidate: -candidate.weight)
    return table


def _parse_payload(
    shape: Shape, name: str, payload: Shape, body: bytes, params: dict[str, Any]
) -> None:
    try:
        if body:
            params[name] = decode_xml(payload, parse_xml(body))
        elif name in shape.traits.get("required", ()):
            raise XmlError("no body")
    except (XmlError, WireError):
        raise WireError(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published"
            " schema",
        ) from None
