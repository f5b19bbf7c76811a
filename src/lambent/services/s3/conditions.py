"""Ranges and conditions of requests. Pure.

Source: S3 API Reference, GetObject and PutObject; RFC 9110, sections 13 and 14.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lambent.services.s3.errors import S3Error, no_such_key
from lambent.services.s3.model import ObjectVersion

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})\Z", re.ASCII)


def parse_range(text: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length; None where the whole object is meant.

    What cannot be read, and several ranges at once, are ignored as on S3. Raises S3Error
    InvalidRange.
    """
    match = _RANGE.match(text.replace(" ", "")) if text else None
    if match is None or match[0] == "bytes=-":
        return None
    first_text, last_text = match[1], match[2]
    if not first_text:
        length = min(int(last_text), size)
        first, last = size - length, size - 1
    else:
        first = int(first_text)
        last = min(int(last_text), size - 1) if last_text else size - 1
        if last_text and int(last_text) < first:
            return None
    if first >= size or last < first:
        raise S3Error("InvalidRange", ActualObjectSize=size, RangeRequested=text)
    return first, last - first + 1


def check_read(version: ObjectVersion, params: Mapping[str, Any], prefix: str = "") -> None:
    """Raise PreconditionFailed or NotModified; `prefix` is CopySource for the source of a copy."""
    match = params.get(f"{prefix}IfMatch")
    none_match = params.get(f"{prefix}IfNoneMatch")
    modified = params.get(f"{prefix}IfModifiedSince")
    unmodified = params.get(f"{prefix}IfUnmodifiedSince")
    if match is not None:
        if not _names(match, version.etag):
            raise _failed(f"{prefix}IfMatch")
    elif unmodified is not None and version.modified_s > _seconds(unmodified):
        raise _failed(f"{prefix}IfUnmodifiedSince")
    if none_match is not None:
        if _names(none_match, version.etag):
            raise _not_modified(version, bool(prefix), "IfNoneMatch")
    elif modified is not None and version.modified_s <= _seconds(modified):
        raise _not_modified(version, bool(prefix), "IfModifiedSince")


def check_write(current: ObjectVersion | None, params: Mapping[str, Any]) -> None:
    """Raise where a conditional write may not take place."""
    there = current is not None and not current.marker
    if params.get("IfNoneMatch") is not None:
        if params["IfNoneMatch"] != "*":
            raise S3Error(
                "NotImplemented",
                Header="If-None-Match",
                additionalMessage="We don't accept the provided value of If-None-Match header for"
                " this API",
            )
        if there:
            raise _failed("If-None-Match")
    match = params.get("IfMatch")
    if match is not None:
        if current is None or not there:
            raise no_such_key(params.get("Key", ""))
        if not _names(match, current.etag):
            raise _failed("If-Match")


def has_write_conditions(params: Mapping[str, Any]) -> bool:
    return params.get("IfMatch") is not None or params.get("IfNoneMatch") is not None


def check_delete(current: ObjectVersion | None, params: Mapping[str, Any]) -> None:
    """The condition of DeleteObject."""
    match = params.get("IfMatch", params.get("ETag"))
    if match is None:
        return
    if current is None or current.marker:
        if match == "*":
            raise _failed("If-Match")
        raise no_such_key(params.get("Key", ""))
    if not _names(match, current.etag):
        raise _failed("If-Match")


def _names(text: str, etag: str) -> bool:
    if text.strip() == "*":
        return True
    names = (one.strip().removeprefix("W/").strip('"') for one in text.split(","))
    return etag in names


def _seconds(moment: datetime) -> float:
    return moment.timestamp()


def _failed(condition: str) -> S3Error:
    names = {
        "IfMatch": "If-Match",
        "IfUnmodifiedSince": "If-Unmodified-Since",
        "CopySourceIfMatch": "x-amz-copy-source-If-Match",
        "CopySourceIfUnmodifiedSince": "x-amz-copy-source-If-Unmodified-Since",
        "CopySourceIfNoneMatch": "x-amz-copy-source-If-None-Match",
        "CopySourceIfModifiedSince": "x-amz-copy-source-If-Modified-Since",
    }
    return S3Error("PreconditionFailed", Condition=names.get(condition, condition))


def _not_modified(version: ObjectVersion, copy: bool, condition: str) -> S3Error:
    """A copy has no answer of 304: its condition failed."""
    if copy:
        return _failed(f"CopySource{condition}")
    error = S3Error("NotModified")
    error.headers = (("ETag", f'"{version.etag}"'),)
    return error
