"""Where the bytes of a package come from: sent along, an object in S3, or a folder of the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from lambent.control.options import HOT_RELOAD_BUCKET, check_hot_reload, hot_reload_package
from lambent.control.packages import UNZIPPED_TOO_LARGE, check_zip_size
from lambent.domain import limits
from lambent.domain.errors import LambdaError, invalid_parameter, not_supported

_OBJECT = ("S3Bucket", "S3Key", "S3ObjectVersion")


class Objects(Protocol):
    """Objects of S3, read whole."""

    async def load(
        self, bucket: str, key: str, version_id: str | None, *, bytes_max: int
    ) -> bytes | None:
        """None for more than `bytes_max`. Raises LambdaError in S3's codes and words."""
        ...


class Taken(NamedTuple):
    """A package, and its hot-reload folder where that is the code."""

    content: bytes | None
    """None where no source was named."""
    folder: str = ""


class CodeSources:
    """Takes packages of functions and layers."""

    def __init__(self, objects: Objects | None = None) -> None:
        self._objects = objects

    async def take_code(self, source: Mapping[str, Any], *, where: str) -> Taken:
        """The package of a function's code. Text: [LS], of UpdateFunctionCode."""
        if source.get("ImageUri"):
            raise invalid_parameter(
                "Please don't provide ImageUri when updating a function with packageType Zip."
            )
        if source.get("S3Bucket") == HOT_RELOAD_BUCKET:
            _refuse_two(source)
            folder = source.get("S3Key") or ""
            check_hot_reload(folder)
            return Taken(hot_reload_package(), folder)
        return Taken(await self.take_zip(source, where=where))

    async def take_zip(self, source: Mapping[str, Any], *, where: str) -> bytes | None:
        """The bytes of a zip; None where there is no source at all.

        `where` begins the name of a refused option, e.g. `Code.`.
        """
        if source.get("SourceKMSKeyArn"):
            raise not_supported(f"the option {where}SourceKMSKeyArn")
        if source.get("S3ObjectStorageMode") == "REFERENCE":  # the object would have to outlive it
            raise not_supported(f"the option {where}S3ObjectStorageMode REFERENCE")
        if any(source.get(option) for option in _OBJECT):
            _refuse_two(source)
            return await self._load(source, where)
        content = bytes(source.get("ZipFile") or b"")
        check_zip_size(len(content))
        return content or None

    async def _load(self, source: Mapping[str, Any], where: str) -> bytes | None:
        if self._objects is None:
            raise not_supported(f"the option {where}S3Bucket (send the zip itself as ZipFile)")
        bucket, key = source.get("S3Bucket"), source.get("S3Key")
        if not bucket or not key:
            return None
        bytes_max = limits.UNZIPPED_BYTES_MAX
        try:
            content = await self._objects.load(
                bucket, key, source.get("S3ObjectVersion"), bytes_max=bytes_max
            )
        except LambdaError as error:  # AWS's text, as quoted in many issue threads
            raise invalid_parameter(
                f"Error occurred while GetObject. S3 Error Code: {error.code}."
                f" S3 Error Message: {error.message}"
            ) from None
        if content is None:
            raise invalid_parameter(UNZIPPED_TOO_LARGE)
        return content


def _refuse_two(source: Mapping[str, Any]) -> None:
    if source.get("ZipFile"):  # AWS's text for two sources, as quoted in issue threads
        raise invalid_parameter(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
