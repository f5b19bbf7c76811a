"""Images that lie on this host: OCI layouts, as folders or tars, and what `docker save` writes.

Blocks; one object for one image. Sources: OCI image-spec v1.1, "Image Layout"; Docker's image
specification v1.2, "Combined Image JSON + Filesystem Changeset Format".
"""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import stat
import tarfile
from typing import BinaryIO, Protocol, cast

from lambent.domain import limits
from lambent.images.errors import ImageDenied, ImageInvalid, ImageNotFound
from lambent.images.found import Found, Source, settle
from lambent.images.manifest import Blob, Listed, parse_config, parse_manifest, parse_object
from lambent.images.reference import LocalReference, Place
from lambent.images.registry import check_digest

_ENTRIES_MAX = 10_000
_LINKS_FOLLOWED_MAX = 8
_MAGIC_GZIP = b"\x1f\x8b"
_DOCKER_TAR = "application/vnd.docker.image.rootfs.diff.tar"


class Files(Protocol):
    """Named files, in a folder or a tar."""

    def open(self, name: str) -> BinaryIO:
        """Raises FileNotFoundError."""
        ...

    def close(self) -> None: ...


class FolderFiles:
    """A folder; its files are named by digests, never by what an image says."""

    def __init__(self, path: str) -> None:
        self._path = path

    def open(self, name: str) -> BinaryIO:
        return _open_regular(os.path.join(self._path, name))

    def close(self) -> None:
        """Nothing is held open."""


class TarFiles:
    """A tar, not compressed, read at any place of it."""

    def __init__(self, path: str) -> None:
        self._file = _open_regular(path)
        self._entries: dict[str, tarfile.TarInfo] = {}
        try:
            if self._file.read(2) == _MAGIC_GZIP:
                raise ValueError("it is compressed; gunzip it first")
            self._file.seek(0)
            with tarfile.open(fileobj=cast(BinaryIO, _Guarded(self._file)), mode="r:") as tar:
                while (entry := tar.next()) is not None:
                    self._entries[posixpath.normpath(entry.name)] = entry
                    tar.members.clear()  # type: ignore[attr-defined]  # typeshed leaves it out
                    if len(self._entries) > _ENTRIES_MAX:
                        raise ValueError("it has too many entries")
        except BaseException:
            self._file.close()
            raise

    def open(self, name: str) -> BinaryIO:
        for _ in range(_LINKS_FOLLOWED_MAX):
            entry = self._entries.get(posixpath.normpath(name))
            if entry is None:
                break
            if entry.isreg() and not entry.issparse():
                part = _Part(self._file, entry.offset_data, entry.size)
                return io.BufferedReader(part)
            if not entry.issym() and not entry.islnk():
                break
            folder = posixpath.dirname(name) if entry.issym() else ""
            name = posixpath.join(folder, entry.linkname)
        raise FileNotFoundError(name)

    def close(self) -> None:
        self._file.close()


class _Guarded:
    """Bounds what tarfile reads at once: a header of a stranger's may claim any size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= limits.IMAGE_DOCUMENT_BYTES_MAX:
            raise ValueError("a header of it claims to be of an absurd size")
        return self._file.read(size)


class _Part(io.RawIOBase):
    """Some bytes of a file, as a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._descriptor = file.fileno()
        self._position = start
        self._end = start + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # of bytes, as here
        wanted = min(len(buffer), self._end - self._position)
        data = os.pread(self._descriptor, wanted, self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


class LayoutSource:
    """An OCI image layout."""

    def __init__(self, files: Files, reference: LocalReference) -> None:
        self._files = files
        self._reference = reference

    def find(self, architecture: str) -> Found:
        return settle(self._listed(), b"", self, architecture)

    def _listed(self) -> tuple[Listed, ...]:
        """Its images: those of the reference's tag, where it has one."""
        index = parse_manifest(_read_file(self._files, "index.json"), "")
        if not isinstance(index, tuple):
            raise ImageInvalid(f"{self._reference.path}/index.json is no index")
        tag = self._reference.tag
        found = tuple(one for one in index if not tag or one.tag == tag)
        if not found:
            raise ImageNotFound(f"{self._reference.path} has no image {tag}")
        if len(tags := {one.tag for one in found}) > 1:
            raise ImageNotFound(
                f"{self._reference.path} has several images; name one of: {', '.join(sorted(tags))}"
            )
        return found

    def manifest(self, version: str) -> tuple[bytes, str]:
        """By digest."""
        return self._document(version), ""

    def document(self, blob: Blob) -> bytes:
        return self._document(blob.digest)

    def open_layer(self, blob: Blob) -> BinaryIO:
        return _open(self._files, _blob_path(blob.digest))

    def close(self) -> None:
        self._files.close()

    def _document(self, digest: str) -> bytes:
        content = _read_file(self._files, _blob_path(digest))
        check_digest(content, digest)
        return content


class DockerSource:
    """What `docker save` writes; its image is known by the digest of its configuration."""

    def __init__(self, files: Files, reference: LocalReference) -> None:
        self._files = files
        self._reference = reference
        self._paths: dict[str, str] = {}

    def find(self, architecture: str) -> Found:
        """Its layers are named by their diff ids."""
        raw, paths = self._load()
        config = parse_config(raw, architecture=architecture, layers=len(paths))
        self._paths = dict(zip(config.diff_ids, paths, strict=True))
        layers = tuple(self._layer(one, self._paths[one]) for one in config.diff_ids)
        digest = hashlib.sha256(raw).hexdigest()
        return Found(digest=digest, config=config, layers=layers)

    def _load(self) -> tuple[bytes, list[str]]:
        """The configuration, and where the layers are."""
        content = b'{"images":' + _read_file(self._files, "manifest.json") + b"}"
        images = parse_object(content)["images"]
        found = [one for one in images if self._is_meant(one)] if isinstance(images, list) else []
        if len(found) != 1:
            raise ImageNotFound(
                f"{self._reference.path} has {len(found) or 'no'} images"
                + (
                    f" named {self._reference.tag}"
                    if self._reference.tag
                    else "; name one by its tag"
                )
            )
        config = _read_file(self._files, str(found[0].get("Config")))
        paths = found[0].get("Layers")
        if not isinstance(paths, list) or len(paths) > limits.IMAGE_LAYERS_MAX:
            raise ImageInvalid("its manifest.json lists no layers, or too many")
        return config, [str(path) for path in paths]

    def _layer(self, diff_id: str, path: str) -> Blob:
        with _open(self._files, path) as file:
            kind = f"{_DOCKER_TAR}.gzip" if file.read(2) == _MAGIC_GZIP else _DOCKER_TAR
        return Blob(digest=diff_id, size=0, media_type=kind)

    def open_layer(self, blob: Blob) -> BinaryIO:
        return _open(self._files, self._paths[blob.digest])

    def close(self) -> None:
        self._files.close()

    def _is_meant(self, raw: object) -> bool:
        if not isinstance(raw, dict):
            return False
        return not self._reference.tag or self._reference.tag in (raw.get("RepoTags") or [])


def open_local(reference: LocalReference) -> Source:
    """Raises ImageNotFound, ImageDenied, ImageInvalid."""
    files = _open_files(reference)
    if reference.place is Place.DOCKER_ARCHIVE:
        return DockerSource(files, reference)
    return LayoutSource(files, reference)


def _open_files(reference: LocalReference) -> Files:
    try:
        if reference.place is Place.OCI_FOLDER:
            if not os.path.isdir(reference.path):
                raise FileNotFoundError
            return FolderFiles(reference.path)
        return TarFiles(reference.path)
    except FileNotFoundError:
        raise ImageNotFound(f"{reference.path} is not there") from None
    except PermissionError:
        raise ImageDenied(f"{reference.path} may not be read by this server.") from None
    except (tarfile.TarError, OSError, ValueError, LookupError) as error:
        raise ImageInvalid(f"{reference.path} is no tar that can be read: {error}") from None


def _open_regular(path: str) -> BinaryIO:
    """Raises FileNotFoundError for what is no file; never waits for the other end of a pipe."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(path)
    return os.fdopen(descriptor, "rb")


def _blob_path(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _open(files: Files, name: str) -> BinaryIO:
    try:
        return files.open(name)
    except (OSError, ValueError):
        raise ImageInvalid(f"its file {name[:200]} is missing") from None


def _read_file(files: Files, name: str) -> bytes:
    with _open(files, name) as file:
        content = file.read(limits.IMAGE_DOCUMENT_BYTES_MAX + 1)
    if len(content) > limits.IMAGE_DOCUMENT_BYTES_MAX:
        raise ImageInvalid(f"its file {name[:200]} is larger than a document may be")
    return content
