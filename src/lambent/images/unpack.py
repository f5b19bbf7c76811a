"""One layer's tar → a folder with what it adds, and a list of what it takes away.

The tar is a stranger's. Where each entry goes is decided on a picture of the layer in memory, in
which links are followed within the layer's own root alone; on disk nothing is ever made through a
link, and nothing outside of the (private, initially empty) target folder is touched. Special bits
of modes, owners, file capabilities and devices do not come along: a sandbox's user owns nothing,
and its /dev is its own.
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO

from lambent.domain import limits
from lambent.images.errors import ImageInvalid
from lambent.images.streams import CHUNK_BYTES, TarStream, decompress

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."
"""Other files of the union file system that the convention comes from."""
_LINKS_FOLLOWED_MAX = 40
_NAME_BYTES_MAX = 255
_DEPTH_MAX = 256
_XATTR = "SCHILY.xattr.user."
_XATTR_BYTES_MAX = 64 * 1024
_MTIME_MAX = 1 << 40
_TAR_ERRORS = (tarfile.TarError, ValueError, LookupError, OverflowError, RecursionError)


class _Kind(Enum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(slots=True)
class Budget:
    """What an image may still hold."""

    bytes_left: int = limits.IMAGE_BYTES_MAX
    entries_left: int = limits.IMAGE_ENTRIES_MAX

    def take(self, *, size: int, entries: int) -> None:
        """Raises ImageInvalid once there is nothing left."""
        self.bytes_left -= size
        self.entries_left -= entries
        if self.bytes_left < 0:
            raise ImageInvalid(f"it is larger than {limits.IMAGE_BYTES_MAX} bytes uncompressed")
        if self.entries_left < 0:
            raise ImageInvalid(f"it has more than {limits.IMAGE_ENTRIES_MAX} files")


@dataclass(slots=True, kw_only=True)
class Unpacked:
    """What a layer turned out to hold."""

    diff_id: str = ""
    """`sha256:…` of its tar, uncompressed."""
    size: int = 0
    """Bytes of its files."""
    entries: int = 0
    opaque: list[str] = field(default_factory=list)
    """Folders of which nothing of the layers below remains."""
    removed: list[str] = field(default_factory=list)
    """Paths that are taken away from the layers below."""


def unpack_layer(
    raw: BinaryIO, compression: str, target: str, *, budget: Budget, stop: threading.Event
) -> Unpacked:
    """Make the layer in the empty folder `target`. Blocks; nothing is flushed.

    Raises ImageInvalid (what was made is the caller's to remove), Cancelled, OSError.
    """
    stream = TarStream(
        decompress(raw, compression),
        # Headers and padding come on top of what the files hold.
        bytes_max=2 * limits.IMAGE_BYTES_MAX,
        stop=stop,
    )
    layer = _Layer(target, budget)
    try:
        with tarfile.open(fileobj=stream, mode="r:", errorlevel=0) as tar:  # type: ignore[call-overload]  # reads in order only
            while (entry := tar.next()) is not None:
                layer.add(tar, entry)
                tar.members.clear()  # else every header would be kept
    except _TAR_ERRORS as error:
        if not _is_empty(error, stream):
            raise ImageInvalid(f"a layer is no sound tar: {error}") from None
    layer.unpacked.diff_id = stream.finish()
    return layer.unpacked


def _is_empty(error: Exception, stream: TarStream) -> bool:
    """Of a tar that holds nothing some writers leave out even the two blocks of zeros."""
    return isinstance(error, tarfile.ReadError) and stream.tell() == 0


class _Layer:
    """A layer being made."""

    def __init__(self, root: str, budget: Budget) -> None:
        self._root = root
        self._budget = budget
        self._kinds: dict[str, _Kind] = {"": _Kind.FOLDER}
        self._links: dict[str, str] = {}
        self.unpacked = Unpacked()

    def add(self, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        self._budget.take(size=0, entries=1)
        self.unpacked.entries += 1
        parts = _parts(entry.name)
        if not parts:
            return  # the root itself
        parent = self._folder(parts[:-1])
        name = parts[-1]
        path = f"{parent}/{name}" if parent else name
        if name.startswith(_WHITEOUT):
            self._take_away(parent, name)
        elif entry.isdir():
            self._add_folder(path, entry.mode)
        elif entry.isreg():
            self._add_file(tar, entry, path)
        elif entry.issym():
            self._add_link(path, entry.linkname)
        elif entry.islnk():
            self._add_hard_link(path, entry.linkname)
        elif parts[0] != "dev":  # a sandbox has a /dev of its own
            raise ImageInvalid(f"/{path} of a layer is a device or the like")

    def _take_away(self, parent: str, name: str) -> None:
        if name == _OPAQUE:
            self.unpacked.opaque.append(parent)
            return
        if name.startswith(_AUFS):
            return
        gone = name[len(_WHITEOUT) :]
        if gone in ("", ".", ".."):
            raise ImageInvalid(f"a layer takes away {name!r}, which is no name")
        self.unpacked.removed.append(f"{parent}/{gone}" if parent else gone)

    def _add_folder(self, path: str, mode: int) -> None:
        if self._kinds.get(path) is not _Kind.FOLDER:
            self._clear(path)
            os.mkdir(f"{self._root}/{path}")
            self._kinds[path] = _Kind.FOLDER
        os.chmod(f"{self._root}/{path}", _folder_mode(mode))

    def _add_file(self, tar: tarfile.TarFile, entry: tarfile.TarInfo, path: str) -> None:
        if entry.issparse():
            raise ImageInvalid(f"/{path} of a layer is a sparse file")
        if entry.size < 0:
            raise ImageInvalid(f"/{path} of a layer has no size")
        self._budget.take(size=entry.size, entries=0)
        self.unpacked.size += entry.size
        self._clear(path)
        source = tar.extractfile(entry)
        assert source is not None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(f"{self._root}/{path}", flags, 0o600)
        try:
            left = entry.size
            while left:
                chunk = source.read(min(left, CHUNK_BYTES))
                if not chunk:
                    raise ImageInvalid("a layer ends in the middle of a file")
                left -= len(chunk)
                while chunk:
                    chunk = chunk[os.write(descriptor, chunk) :]
            _set_xattrs(descriptor, entry)
            os.fchmod(descriptor, _file_mode(entry.mode))
            seconds = min(max(int(entry.mtime), 0), _MTIME_MAX)
            os.utime(descriptor, (seconds, seconds))  # Python compares it with a .pyc's
        finally:
            os.close(descriptor)
        self._kinds[path] = _Kind.FILE

    def _add_link(self, path: str, target: str) -> None:
        """The text may say anything: it is followed inside of sandboxes only."""
        if not target or "\0" in target or len(os.fsencode(target)) >= limits.IMAGE_PATH_BYTES_MAX:
            raise ImageInvalid(f"/{path} of a layer is a link to nowhere")
        self._clear(path)
        os.symlink(target, f"{self._root}/{path}")
        self._kinds[path] = _Kind.LINK
        self._links[path] = target

    def _add_hard_link(self, path: str, target: str) -> None:
        parts = _parts(target)
        origin = self._resolve(parts[:-1])
        origin = f"{origin}/{parts[-1]}" if origin and parts else "".join(parts[-1:])
        if self._kinds.get(origin) not in (_Kind.FILE, _Kind.LINK):
            raise ImageInvalid(f"/{path} of a layer is a hard link to what is not in the layer")
        if origin == path:
            return
        self._clear(path)
        os.link(f"{self._root}/{origin}", f"{self._root}/{path}", follow_symlinks=False)
        self._kinds[path] = self._kinds[origin]
        if origin in self._links:
            self._links[path] = self._links[origin]

    def _clear(self, path: str) -> None:
        """A later entry takes the place of an earlier one; never that of a folder."""
        kind = self._kinds.get(path)
        if kind is None:
            return
        if kind is _Kind.FOLDER:
            raise ImageInvalid(f"/{path} of a layer is both a folder and something else")
        os.unlink(f"{self._root}/{path}")
        del self._kinds[path]
        self._links.pop(path, None)

    def _folder(self, parts: list[str]) -> str:
        """The real path of a folder of the layer, made where it is missing."""
        path = self._resolve(parts)
        if path in self._kinds:
            if self._kinds[path] is not _Kind.FOLDER:
                raise ImageInvalid(f"/{path} of a layer is both a file and a folder")
            return path
        made = ""
        for part in path.split("/"):
            made = f"{made}/{part}" if made else part
            kind = self._kinds.get(made)
            if kind is None:
                self._budget.take(size=0, entries=1)
                self._add_folder(made, 0o755)
            elif kind is not _Kind.FOLDER:
                raise ImageInvalid(f"/{made} of a layer is both a file and a folder")
        return path

    def _resolve(self, parts: list[str]) -> str:
        """The path with the layer's own links followed, as if its root were the root."""
        done: list[str] = []
        todo = list(reversed(parts))
        followed = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if done:
                    done.pop()
                continue
            done.append(part)
            target = self._links.get("/".join(done))
            if target is None:
                continue
            followed += 1
            if followed > _LINKS_FOLLOWED_MAX:
                raise ImageInvalid("links of a layer lead round in circles")
            done = [] if target.startswith("/") else done[:-1]
            todo.extend(reversed(target.split("/")))
            if len(todo) + len(done) > _DEPTH_MAX:
                raise ImageInvalid("a path of a layer is too deep")
        return "/".join(done)


def _parts(name: str) -> list[str]:
    """A name's parts, relative to the root. Raises ImageInvalid where it leads out of it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ImageInvalid(f"{name[:200]!r} of a layer leads out of the image")
    if "\0" in name:
        raise ImageInvalid("a name of a layer holds a NUL")
    sizes = [len(os.fsencode(part)) for part in parts]
    if (
        len(parts) > _DEPTH_MAX
        or sum(sizes) + len(sizes) >= limits.IMAGE_PATH_BYTES_MAX
        or max(sizes, default=0) > _NAME_BYTES_MAX
    ):
        raise ImageInvalid("a name of a layer is too long")
    return parts


def _folder_mode(mode: int) -> int:
    """Without special bits; the server itself must be able to remove what is inside."""
    return stat.S_IMODE(mode) & 0o777 | 0o700


def _file_mode(mode: int) -> int:
    return stat.S_IMODE(mode) & 0o777 | 0o400


def _set_xattrs(descriptor: int, entry: tarfile.TarInfo) -> None:
    """Those of users; all others mean something to the kernel and do not come along."""
    for name, value in entry.pax_headers.items():
        if not name.startswith(_XATTR) or name.startswith(f"{_XATTR}overlay."):
            continue
        content = value.encode("utf-8", "surrogateescape")
        if len(content) > _XATTR_BYTES_MAX:
            raise ImageInvalid("an extended attribute of a layer is too large")
        try:
            os.setxattr(descriptor, name.removeprefix("SCHILY.xattr."), content)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.ENOSPC, errno.E2BIG, errno.EINVAL):
                raise
