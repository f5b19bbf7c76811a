"""From what a place has under a name to the image for one architecture."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from lambent.images.errors import ImageInvalid
from lambent.images.manifest import (
    Blob,
    Config,
    Listed,
    Manifest,
    choose,
    parse_config,
    parse_manifest,
)

_INDEXES_MAX = 4
"""An index may list another one: buildx's layouts do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An image for one architecture, in the place that it was found in."""

    digest: str
    """Hex; see domain.image.Image."""
    config: Config
    layers: tuple[Blob, ...]
    """Lowest first, in the order of the configuration's diff ids."""


class Source(Protocol):
    """A place with an image; used by one thread."""

    def find(self, architecture: str) -> Found:
        """For Lambda's `architecture`. Raises ImageError."""
        ...

    def open_layer(self, blob: Blob) -> BinaryIO:
        """Its bytes, perhaps compressed; the caller closes it. Raises ImageError, OSError."""
        ...

    def close(self) -> None: ...


class Documents(Protocol):
    """Small contents by their digests, verified."""

    def manifest(self, version: str) -> tuple[bytes, str]:
        """Content and media type, where one is told."""
        ...

    def document(self, blob: Blob) -> bytes: ...


def settle(
    parsed: Manifest | tuple[Listed, ...], content: bytes, documents: Documents, architecture: str
) -> Found:
    """The image that `parsed`, read from `content`, leads to. Raises ImageError."""
    for _ in range(_INDEXES_MAX):
        if isinstance(parsed, Manifest):
            config = parse_config(
                documents.document(parsed.config),
                architecture=architecture,
                layers=len(parsed.layers),
            )
            digest = hashlib.sha256(content).hexdigest()
            return Found(digest=digest, config=config, layers=parsed.layers)
        content, media_type = documents.manifest(choose(parsed, architecture).digest)
        parsed = parse_manifest(content, media_type)
    raise ImageInvalid("its indexes lead to no end")
