"""Forms that browsers post: the fields are admitted before the first byte of the file is kept.

Source: S3 API Reference, "POST Object".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from lambent.http.message import BodySource, Request
from lambent.services.iam.directory import Caller
from lambent.services.s3.errors import S3Error, invalid_argument
from lambent.services.s3.receive import Receiver
from lambent.wire.form_data import FieldsTooLarge, FormError, FormStream, parse_boundary
from lambent.wire.xml_body import escape
from lambent.wire.xml_tree import Element, XmlError, parse_xml

_MEMBERS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-type": "ContentType",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "expires": "Expires",
    "x-amz-storage-class": "StorageClass",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_STATUSES = {"200": 200, "201": 201}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields, admitted."""

    caller: Caller
    receiver: Receiver
    least: int
    """Bytes that the file must have."""


Open = Callable[[Mapping[str, str]], Form]
"""Admits the fields of a form. Raises S3Error."""


class FormInbound:
    """Takes a form as it comes: a `BodySink`."""

    def __init__(self, boundary: bytes, admit: Open) -> None:
        self.stream = FormStream(boundary)
        self.form: Form | None = None
        self._admit = admit
        self._error: Exception | None = None

    def take(self, part: bytes, source: BodySource) -> None:
        file = self._feed(part)
        if file and self.form is not None:
            self.form.receiver.take(file, source)

    def take_whole(self, body: bytes) -> None:
        """Instead of `take`: a form that came at once."""
        file = self._feed(body)
        if self.form is not None:
            self.form.receiver.take_whole(file)

    def lost(self) -> None:
        if self.form is not None:
            self.form.receiver.lost()

    def end(self) -> Form:
        """Raises S3Error where the form is none, or was not admitted."""
        if self._error is None:
            try:
                self.stream.finish()
            except FormError as error:
                self._error = error
        if isinstance(self._error, FieldsTooLarge):
            raise S3Error("MaxPostPreDataLengthExceeded")
        if isinstance(self._error, FormError):
            raise S3Error("MalformedPOSTRequest")
        if self._error is not None:
            raise self._error
        if self.form is None:
            raise invalid_argument(
                "POST requires exactly one file upload per request.", "file", "0"
            )
        return self.form

    def _feed(self, part: bytes) -> bytes:
        if self._error is not None:
            return b""
        try:
            file = self.stream.feed(part)
            if self.form is None and self.stream.has_file:
                self.form = self._admit(self.stream.fields)
        except Exception as error:  # told by `end`, when the rest of the body has been read
            self._error = error
            return b""
        return file


def boundary_of(request: Request) -> bytes | None:
    """None where the request is no form."""
    if request.method != "POST":
        return None
    return parse_boundary(request.raw_headers.get(b"content-type", b"").decode("latin-1"))


def params_of(fields: Mapping[str, str], bucket: str, filename: str) -> dict[str, Any]:
    """The fields as PutObject's parameters. Raises S3Error."""
    if not fields.get("key"):
        raise invalid_argument(
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the"
            " order of the fields.",
            "key",
            "",
        )
    for name, value in fields.items():
        is_header = name in _MEMBERS or name.startswith("x-amz-meta-")
        if is_header and not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise invalid_argument("A field cannot be told as a header.", name[:200])
    params: dict[str, Any] = {
        "Bucket": bucket,
        "Key": fields["key"].replace("${filename}", filename),
        "Metadata": {
            name.removeprefix("x-amz-meta-"): value
            for name, value in fields.items()
            if name.startswith("x-amz-meta-")
        },
    }
    for name, member in _MEMBERS.items():
        if fields.get(name):
            params[member] = fields[name]
    if fields.get("tagging"):
        params["Tagging"] = urlencode(_tags(fields["tagging"]))
    return params


def _tags(text: str) -> list[tuple[str, str]]:
    try:
        root = parse_xml(text.encode())
        return [
            (_text(tag, "Key"), _text(tag, "Value"))
            for tag_set in root.children
            for tag in tag_set.children
        ]
    except XmlError:
        raise S3Error("MalformedXML") from None


def _text(element: Element, name: str) -> str:
    child = element.find(name)
    if child is None:
        raise XmlError(f"no {name}")
    return child.text


def answer_of(
    fields: Mapping[str, str], location: str, bucket: str, key: str, etag: str
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body, as the form asks for them."""
    headers = [("ETag", etag)]
    redirect = fields.get("success_action_redirect") or fields.get("redirect")
    if redirect:
        parts = urlsplit(redirect)
        if parts.scheme in ("http", "https") and redirect.isascii() and redirect.isprintable():
            told = urlencode({"bucket": bucket, "key": key, "etag": etag})
            query = f"{parts.query}&{told}" if parts.query else told
            return 303, [*headers, ("Location", urlunsplit(parts._replace(query=query)))], b""
    status = _STATUSES.get(fields.get("success_action_status", ""), 204)
    headers.append(("Location", location))
    if status != 201:
        return status, headers, b""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>'
        f"<Location>{escape(location)}</Location><Bucket>{escape(bucket)}</Bucket>"
        f"<Key>{escape(key)}</Key><ETag>{escape(etag)}</ETag></PostResponse>"
    )
    return status, [*headers, ("Content-Type", "application/xml")], text.encode()
