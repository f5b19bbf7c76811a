"""ListObjects, ListObjectsV2 and ListObjectVersions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from lambent.services.s3 import listing, object_rows
from lambent.services.s3.calls import Answer, Call, S3Handler
from lambent.services.s3.errors import invalid_argument
from lambent.services.s3.model import ObjectVersion
from lambent.services.s3.objects import owner_of
from lambent.services.s3.state import State

KEYS_MAX = 1_000  # S3 API Reference, ListObjectsV2


class Lists:
    """One method an operation."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Mapping[str, S3Handler]:
        return {
            "ListObjects": self.list_objects,
            "ListObjectsV2": self.list_objects_v2,
            "ListObjectVersions": self.list_object_versions,
        }

    async def list_objects(self, call: Call) -> Answer:
        params = call.params
        page, common = await self._page(call, params.get("Marker") or "")
        encode = encoder(params)
        result = {**common, "Marker": encode(params.get("Marker") or "")}
        result["Contents"] = [self._describe(one, encode, owner=True) for one in page.versions]
        if page.truncated and params.get("Delimiter"):
            result["NextMarker"] = encode(page.last_key)
        return Answer(result=result)

    async def list_objects_v2(self, call: Call) -> Answer:
        params = call.params
        token = params.get("ContinuationToken")
        after = decode_token(token) if token is not None else params.get("StartAfter") or ""
        page, common = await self._page(call, after)
        encode = encoder(params)
        owner = bool(params.get("FetchOwner"))
        contents = [self._describe(one, encode, owner=owner) for one in page.versions]
        result = {
            **common,
            "Contents": contents,
            "KeyCount": len(contents) + len(page.prefixes),
            "ContinuationToken": token,
            "StartAfter": encode(params["StartAfter"]) if "StartAfter" in params else None,
        }
        if page.truncated:
            result["NextContinuationToken"] = encode_token(page.last_key)
        return Answer(result=result)

    async def _page(self, call: Call, after: str) -> tuple[listing.Page, dict[str, Any]]:
        """A page of objects, and what both answers say of it."""
        params = call.params
        bucket = self._state.bucket(call.bucket, params)
        keys_max = page_size(params, "MaxKeys")
        prefix, delimiter = params.get("Prefix") or "", params.get("Delimiter") or ""
        page = listing.Page()
        if keys_max:
            page = await self._state.database.read(
                partial(
                    listing.list_objects,
                    bucket=bucket.name,
                    prefix=prefix,
                    delimiter=delimiter,
                    after=after,
                    items_max=keys_max,
                )
            )
        encode = encoder(params)
        return page, {
            "Name": bucket.name,
            "Prefix": encode(prefix),
            "Delimiter": encode(delimiter) if delimiter else None,
            "MaxKeys": keys_max,
            "EncodingType": params.get("EncodingType"),
            "IsTruncated": page.truncated,
            "CommonPrefixes": [{"Prefix": encode(one)} for one in page.prefixes],
        }

    async def list_object_versions(self, call: Call) -> Answer:
        params = call.params
        bucket = self._state.bucket(call.bucket, params)
        keys_max = page_size(params, "MaxKeys")
        prefix, delimiter = params.get("Prefix") or "", params.get("Delimiter") or ""
        key, version_id = params.get("KeyMarker") or "", params.get("VersionIdMarker")
        if version_id is not None and not key:
            raise invalid_argument(
                "A version-id marker cannot be specified without a key marker.",
                "version-id-marker",
                version_id,
            )
        number = await self._number(bucket.name, key, version_id) if version_id else None
        page = listing.Page()
        if keys_max:
            page = await self._state.database.read(
                partial(
                    listing.list_versions,
                    bucket=bucket.name,
                    prefix=prefix,
                    delimiter=delimiter,
                    after_key=key,
                    after_number=number,
                    items_max=keys_max,
                )
            )
        encode = encoder(params)
        result: dict[str, Any] = {
            "Name": bucket.name,
            "Prefix": encode(prefix),
            "KeyMarker": encode(key),
            "VersionIdMarker": version_id or "",
            "Delimiter": encode(delimiter) if delimiter else None,
            "MaxKeys": keys_max,
            "EncodingType": params.get("EncodingType"),
            "IsTruncated": page.truncated,
            "Versions": [self._describe_version(v, encode) for v in page.versions if not v.marker],
            "DeleteMarkers": [self._describe_marker(v, encode) for v in page.versions if v.marker],
            "CommonPrefixes": [{"Prefix": encode(one)} for one in page.prefixes],
        }
        if page.truncated:
            result["NextKeyMarker"] = encode(page.last_key)
            last = page.last_version
            result["NextVersionIdMarker"] = None if last is None else last.version_id
        return Answer(result=result)

    async def _number(self, bucket: str, key: str, version_id: str) -> int:
        found = await self._state.database.read(
            lambda c: object_rows.find_version(c, bucket, key, version_id)
        )
        if found is None:
            raise invalid_argument("Invalid version id specified", "version-id-marker", version_id)
        return found.number

    def _describe(
        self, version: ObjectVersion, encode: Callable[[str], str], *, owner: bool
    ) -> dict[str, Any]:
        about = version.about
        return {
            "Key": encode(version.key),
            "LastModified": version.modified_s,
            "ETag": f'"{version.etag}"',
            "ChecksumAlgorithm": [about.checksum[0]] if about.checksum else None,
            "ChecksumType": about.checksum_type if about.checksum else None,
            "Size": version.size,
            "Owner": owner_of(self._state.account.account_id) if owner else None,
            "StorageClass": about.storage_class,
        }

    def _describe_version(
        self, version: ObjectVersion, encode: Callable[[str], str]
    ) -> dict[str, Any]:
        return {
            **self._describe(version, encode, owner=True),
            "VersionId": version.version_id,
            "IsLatest": version.latest,
        }

    def _describe_marker(
        self, version: ObjectVersion, encode: Callable[[str], str]
    ) -> dict[str, Any]:
        return {
            "Owner": owner_of(self._state.account.account_id),
            "Key": encode(version.key),
            "VersionId": version.version_id,
            "IsLatest": version.latest,
            "LastModified": version.modified_s,
        }


def page_size(params: Mapping[str, Any], name: str) -> int:
    """At most a thousand, however many are asked for. Raises S3Error."""
    asked = params.get(name)
    if asked is None:
        return KEYS_MAX
    if asked < 0:
        raise invalid_argument(
            "Argument maxKeys must be an integer between 0 and 2147483647", "maxKeys", str(asked)
        )
    return min(int(asked), KEYS_MAX)


def encoder(params: Mapping[str, Any]) -> Callable[[str], str]:
    """What EncodingType=url does to keys, prefixes and delimiters."""
    if params.get("EncodingType") == "url":
        return lambda text: quote(text, safe="/")
    return lambda text: text


def encode_token(key: str) -> str:
    return base64.urlsafe_b64encode(b"1" + key.encode()).decode()


def decode_token(text: str) -> str:
    """Raises S3Error where it is none of ours."""
    try:
        raw = base64.urlsafe_b64decode(text.encode())
        if raw[:1] == b"1":
            return raw[1:].decode()
    except (ValueError, binascii.Error):
        pass
    raise invalid_argument(
        "The continuation token provided is incorrect", "continuation-token", text
    )
