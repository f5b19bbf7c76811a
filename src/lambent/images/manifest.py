"""Manifests, indexes and configurations of images: from JSON to typed values; pure.

Sources: OCI image-spec v1.1 (manifest, image index, config), Docker image manifest V2 schema 2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambent.domain import limits
from lambent.images.errors import ImageInvalid, ImageUnsupported

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPTED = (OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_LIST)

_CONFIGS = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
}
_GZIP, _PLAIN = "gzip", ""
_LAYERS = {
    "application/vnd.oci.image.layer.v1.tar": _PLAIN,
    "application/vnd.oci.image.layer.v1.tar+gzip": _GZIP,
    "application/vnd.docker.image.rootfs.diff.tar": _PLAIN,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": _GZIP,
}
_PLATFORMS = {"x86_64": "amd64", "arm64": "arm64"}
"""Lambda's name of an architecture → Go's, which images use."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A descriptor: content by its digest."""

    digest: str
    """`sha256:…`"""
    size: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Blob):
    """A manifest as an index lists it."""

    system: str
    architecture: str
    tag: str
    """Of a layout's index: org.opencontainers.image.ref.name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One image for one architecture."""

    config: Blob
    layers: tuple[Blob, ...]
    """Lowest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What an image's configuration says of running it."""

    architecture: str
    """Go's name."""
    environment: tuple[tuple[str, str], ...]
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    working_directory: str
    diff_ids: tuple[str, ...]
    """Digests of the layers' tars, uncompressed; lowest first."""


def parse_manifest(content: bytes, media_type: str) -> Manifest | tuple[Listed, ...]:
    """A manifest, or the manifests that an index lists, with their platforms (see `choose`).

    `media_type` is what came with it, empty where nothing did. Raises ImageUnsupported,
    ImageInvalid.
    """
    raw = parse_object(content)
    kind = raw.get("mediaType") or media_type.partition(";")[0].strip()
    if kind not in ACCEPTED:  # of OCI's the mediaType member is optional
        kind = OCI_INDEX if "manifests" in raw else OCI_MANIFEST if "config" in raw else kind
    if kind in (OCI_INDEX, DOCKER_LIST):
        return tuple(_listed(one) for one in _items(raw, "manifests"))
    if kind not in ACCEPTED:
        raise ImageUnsupported(f"{kind or 'nothing'} is no manifest that is supported")
    config = _blob(raw.get("config"))
    if config.media_type not in _CONFIGS:
        raise ImageUnsupported(f"{config.media_type} is no configuration that is supported")
    layers = tuple(_blob(one) for one in _items(raw, "layers"))
    if len(layers) > limits.IMAGE_LAYERS_MAX:
        raise ImageInvalid(f"it has more than {limits.IMAGE_LAYERS_MAX} layers")
    for layer in layers:
        compression_of(layer)
    return Manifest(config=config, layers=layers)


def choose(listed: Sequence[Listed], architecture: str) -> Blob:
    """The manifest for Lambda's `architecture`. Raises ImageInvalid naming those there are."""
    wanted = _PLATFORMS[architecture]
    platforms = []
    for one in listed:
        if not one.architecture:
            if len(listed) == 1:
                return one  # it says nothing: its configuration will
            continue
        if (one.system, one.architecture) == ("linux", wanted):
            return one
        if one.system != "unknown":  # attestations
            platforms.append(f"{one.system}/{one.architecture}")
    there = ", ".join(platforms) or "no platform at all"
    raise ImageInvalid(f"it is for {there}, not for linux/{wanted} ({architecture})")


def parse_config(content: bytes, *, architecture: str, layers: int) -> Config:
    """Raises ImageInvalid; also where it is for another than Lambda's `architecture`."""
    raw = parse_object(content)
    wanted = _PLATFORMS[architecture]
    found = raw.get("architecture")
    if raw.get("os") != "linux" or found != wanted:
        raise ImageInvalid(
            f"it is for {raw.get('os')}/{found}, not for linux/{wanted} ({architecture})"
        )
    inner = raw.get("config")
    settings: Mapping[str, Any] = inner if isinstance(inner, dict) else {}
    rootfs = raw.get("rootfs")
    diff_ids = _texts(rootfs if isinstance(rootfs, dict) else {}, "diff_ids")
    if len(diff_ids) != layers or not all(map(_DIGEST.fullmatch, diff_ids)):
        raise ImageInvalid("its configuration and its manifest disagree about its layers")
    directory = settings.get("WorkingDir") or ""
    if not isinstance(directory, str):
        raise ImageInvalid("its WorkingDir is no text")
    pairs = (one.partition("=") for one in _texts(settings, "Env"))
    return Config(
        architecture=wanted,
        environment=tuple((name, value) for name, _, value in pairs if name),
        entry_point=_texts(settings, "Entrypoint"),
        command=_texts(settings, "Cmd"),
        working_directory=directory,
        diff_ids=diff_ids,
    )


def compression_of(layer: Blob) -> str:
    """`gzip` or empty. Raises ImageUnsupported."""
    try:
        return _LAYERS[layer.media_type]
    except KeyError:
        raise ImageUnsupported(f"{layer.media_type} is no layer that is supported") from None


def parse_object(content: bytes) -> Mapping[str, Any]:
    """A JSON object. Raises ImageInvalid."""
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError):
        raw = None
    if not isinstance(raw, dict):
        raise ImageInvalid("a manifest or configuration is no JSON object")
    return raw


def _listed(raw: Any) -> Listed:
    blob = _blob(raw)
    platform = raw.get("platform")
    platform = platform if isinstance(platform, dict) else {}
    notes = raw.get("annotations")
    notes = notes if isinstance(notes, dict) else {}
    return Listed(
        digest=blob.digest,
        size=blob.size,
        media_type=blob.media_type,
        system=str(platform.get("os", "")),
        architecture=str(platform.get("architecture", "")),
        tag=str(notes.get("org.opencontainers.image.ref.name", "")),
    )


def _blob(raw: Any) -> Blob:
    if not isinstance(raw, dict):
        raise ImageInvalid("a descriptor is no JSON object")
    digest, size, media_type = raw.get("digest"), raw.get("size"), raw.get("mediaType")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ImageUnsupported(f"{str(digest)[:80]} is no SHA-256 digest")
    if not isinstance(size, int) or not 0 <= size <= limits.IMAGE_BYTES_MAX:
        raise ImageInvalid(f"the size of {digest} is not sound")
    return Blob(digest=digest, size=size, media_type=str(media_type))


def _items(raw: Mapping[str, Any], member: str) -> Sequence[Any]:
    items = raw.get(member)
    if not isinstance(items, list):
        raise ImageInvalid(f"the manifest has no {member}")
    return items


def _texts(raw: Mapping[str, Any], member: str) -> tuple[str, ...]:
    items = raw.get(member) or []
    if not isinstance(items, list) or not all(
        isinstance(one, str) and "\0" not in one for one in items
    ):
        raise ImageInvalid(f"{member} of its configuration is no list of texts")
    return tuple(items)
