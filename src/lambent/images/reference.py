"""What an ImageUri names: an image in a registry, or one in a folder or archive of this host; pure.

    [host[:port]/]repository[:tag][@sha256:…]     a registry; without a host Docker's own
    oci:/folder[:tag]                             an OCI image layout
    oci-archive:/file.tar[:tag]                   the same as a tar
    docker-archive:/file.tar[:repository:tag]     what `docker save` writes

Grammar of the first form: github.com/distribution/reference; of the others:
containers-transports(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lambent.images.errors import ImageInvalid

DOCKER_HUB = "docker.io"
URI_LENGTH_MAX = 1_024

_HOST = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
    r"|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
)
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Place(StrEnum):
    """Where a local image lies."""

    OCI_FOLDER = "oci"
    OCI_ARCHIVE = "oci-archive"
    DOCKER_ARCHIVE = "docker-archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryReference:
    """An image in a registry."""

    host: str
    """With its port where one was named."""
    repository: str
    tag: str
    digest: str
    """`sha256:…`, or empty; wins over the tag."""
    named: str
    """Host and repository as the caller wrote them."""

    @property
    def version(self) -> str:
        """What is asked of the registry."""
        return self.digest or self.tag


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalReference:
    """An image on this host."""

    place: Place
    path: str
    """Absolute."""
    tag: str
    """Empty where the only image is meant."""

    @property
    def named(self) -> str:
        """Without the tag."""
        return f"{self.place}:{self.path}"


Reference = RegistryReference | LocalReference


def parse_reference(uri: str) -> Reference:
    """Raises ImageInvalid for what names no image."""
    if len(uri) > URI_LENGTH_MAX or not uri.isprintable():
        raise ImageInvalid(f"The ImageUri {uri[:100]!r} is not valid.")
    for place in Place:
        if uri.startswith(f"{place.value}:"):
            return _parse_local(place, uri.removeprefix(f"{place.value}:"))
    return _parse_registry(uri)


def _parse_local(place: Place, rest: str) -> LocalReference:
    path, _, tag = rest.partition(":")
    if not path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise ImageInvalid(f"The ImageUri {place.value}:{rest} names no absolute path.")
    return LocalReference(place=place, path=path, tag=tag)


def _parse_registry(uri: str) -> RegistryReference:
    bare, at, digest = uri.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ImageInvalid(f"The digest of the ImageUri {uri} is not sha256:<64 hex digits>.")
    slash = bare.rfind("/")
    colon = bare.find(":", slash + 1)
    named, tag = (bare, "") if colon < 0 else (bare[:colon], bare[colon + 1 :])
    if colon >= 0 and not _TAG.fullmatch(tag):
        raise ImageInvalid(f"The tag of the ImageUri {uri} is not valid.")
    first, _, rest = named.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        host, repository = first, rest
    else:
        host = DOCKER_HUB
        repository = named if rest else f"library/{named}"
    if not _HOST.fullmatch(host) or not _REPOSITORY.fullmatch(repository):
        raise ImageInvalid(f"The ImageUri {uri} is not valid.")
    return RegistryReference(
        host=host,
        repository=repository,
        tag=tag or ("" if digest else "latest"),
        digest=digest,
        named=named,
    )
