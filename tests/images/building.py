"""Images that tests build themselves: layers as tars, manifests, layouts and archives."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OCI = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.config.v1+json")
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.container.image.v1+json",
)
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

Entry = tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]


def file(name: str, content: bytes | str = b"", mode: int = 0o644) -> Entry:
    entry = tarfile.TarInfo(name)
    raw = content.encode() if isinstance(content, str) else content
    entry.size, entry.mode, entry.mtime = len(raw), mode, 1_700_000_000
    return entry, raw


def folder(name: str, mode: int = 0o755) -> Entry:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    return entry


def link(name: str, target: str, *, hard: bool = False) -> Entry:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
    entry.linkname = target
    return entry


def special(name: str, kind: bytes) -> Entry:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    return entry


def tar(*entries: Entry) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            if isinstance(entry, tuple):
                archive.addfile(entry[0], io.BytesIO(entry[1]))
            else:
                archive.addfile(entry)
    return buffer.getvalue()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(slots=True)
class BuiltImage:
    """One image with everything that a place needs to have of it."""

    manifest: bytes
    media_type: str
    config: bytes
    tars: list[bytes]
    blobs: dict[str, bytes] = field(default_factory=dict)
    """By digest: the configuration and the compressed layers."""

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def build(
    layers: Sequence[bytes],
    *,
    settings: Mapping[str, Any] | None = None,
    architecture: str = "amd64",
    docker: bool = False,
) -> BuiltImage:
    """`layers` are tars; `settings` is the configuration's `config`."""
    manifest_type, config_type = DOCKER if docker else OCI
    layer_type = DOCKER_LAYER if docker else OCI_LAYER
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": dict(settings or {}),
            "rootfs": {"type": "layers", "diff_ids": [digest_of(one) for one in layers]},
        }
    ).encode()
    packed = [gzip.compress(one, 1, mtime=0) for one in layers]
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": _descriptor(config, config_type),
            "layers": [_descriptor(one, layer_type) for one in packed],
        }
    ).encode()
    image = BuiltImage(manifest, manifest_type, config, list(layers))
    image.blobs = {digest_of(one): one for one in (config, *packed)}
    return image


def build_index(images: Mapping[str, BuiltImage]) -> bytes:
    """`images` by Go's name of their architecture; with an attestation, as buildx adds one."""
    listed = []
    for architecture, image in images.items():
        one = _descriptor(image.manifest, image.media_type)
        one["platform"] = {"os": "linux", "architecture": architecture}
        listed.append(one)
    unknown = {"os": "unknown", "architecture": "unknown"}
    listed.append({**_descriptor(b"{}", OCI[0]), "platform": unknown})
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}).encode()


def write_layout(path: Path, images: Mapping[str, BuiltImage]) -> Path:
    """An OCI layout with these images by their tags."""
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    listed = []
    for tag, image in images.items():
        for content in (image.manifest, *image.blobs.values()):
            (blobs / digest_of(content).removeprefix("sha256:")).write_bytes(content)
        one = _descriptor(image.manifest, image.media_type)
        one["annotations"] = {"org.opencontainers.image.ref.name": tag}
        listed.append(one)
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": listed}))
    return path


def write_docker_archive(path: Path, image: BuiltImage, tag: str) -> Path:
    """What `docker save` writes."""
    entries = [file("config.json", image.config)]
    names = []
    for number, content in enumerate(image.tars):
        names.append(f"{number}/layer.tar")
        entries.append(file(names[-1], content))
    listed = [{"Config": "config.json", "RepoTags": [tag], "Layers": names}]
    path.write_bytes(tar(*entries, file("manifest.json", json.dumps(listed))))
    return path


def _descriptor(content: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}
