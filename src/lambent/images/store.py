"""Images on disk: their layers by digest, and the roots that are made of these.

    layers/<diff id>/tree/        what a layer adds; about.json beside it says what it takes away
    roots/image-<digest>/         an image's whole root: hard links to the files of its layers
    lists/image-<digest>.json     which layers a root is made of
    tmp/, trash/                  being made, being removed; emptied at start

A folder appears by one rename, after its contents are on disk, and before the row that refers to
it; it goes after the last row. Images share the files of layers that they have in common, on disk
and in the page cache, and a root needs no more than one read-only bind (docs/decisions). Methods
that are said to block run in any thread; all others belong to the event loop's.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from lambent.domain.function import CodePackage
from lambent.domain.image import Image
from lambent.images.unpack import Unpacked
from lambent.store.files import flush, flush_file_system, write_file
from lambent.store.trash import Trash
from lambent.store.trees import is_folder, link_tree, remove, rename_folder

KEY_PREFIX = "image-"
_FOLDERS = ("layers", "roots", "lists")
# What a sandbox mounts over, see sandbox/guest/image_root.py: never through an image's own links.
_MOUNT_FOLDERS = ("dev", "etc", "mnt", "proc", "tmp")
_MOUNT_FILES = ("etc/hosts", "etc/resolv.conf")


def key_of(digest: str) -> str:
    """The name of an image among the packages that rows refer to; `digest`: hex."""
    return f"{KEY_PREFIX}{digest}"


def package_of(image: Image) -> CodePackage:
    """An image in the place of a package. CodeSize is 0, CodeSha256 in hex, as on AWS [LS]."""
    return CodePackage(
        digest=key_of(image.digest), sha256_b64=image.digest, size_bytes=0, unzipped_bytes=0
    )


class ImageStore:
    """The folders under one root, which never moves."""

    def __init__(self, root: Path, *, executor: Executor) -> None:
        self.root = root
        self._trash = Trash(root / "trash", executor=executor)
        self._lists: dict[str, list[str]] = {}
        """Key of an image that is there → hex of its layers."""
        self._wanted: Counter[str] = Counter()

    async def start(self, referenced: Collection[str]) -> None:
        """Make the folders; drop whatever no row refers to, and what was half made."""
        for name in (*_FOLDERS, "tmp"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self._trash.start()
        for entry in (self.root / "tmp").iterdir():
            self._trash.take(entry)
        for entry in (self.root / "lists").iterdir():
            key = entry.name.removesuffix(".json")
            if key in referenced and self.root_of(key).is_dir():
                self._lists[key] = json.loads(entry.read_text())
        for name in ("roots", "lists"):
            for entry in (self.root / name).iterdir():
                if entry.name.removesuffix(".json") not in self._lists:
                    self._trash.take(entry)
        self._drop_layers()

    async def close(self) -> None:
        """Wait for the removals under way."""
        await self._trash.close()

    def root_of(self, key: str) -> Path:
        """What becomes / in a sandbox."""
        return self.root / "roots" / key

    def has(self, key: str) -> bool:
        return key in self._lists and self.root_of(key).is_dir()

    @contextmanager
    def wanting(self, layers: Collection[str]) -> Iterator[None]:
        """Keep these layers (hex), which no image has yet."""
        self._wanted.update(layers)
        try:
            yield
        finally:
            self._wanted.subtract(layers)
            self._wanted += Counter()  # drops what is back at zero

    def find_layer(self, layer: str) -> Unpacked | None:
        """What is known of a layer (hex) that is there. Blocks."""
        try:
            return Unpacked(**json.loads((self.root / "layers" / layer / "about.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def make_staging(self) -> Path:
        """An empty private folder on the same file system. Blocks."""
        folder = self.root / "tmp" / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        return folder

    def discard_staging(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    def publish_layer(self, layer: str, staged: Path, unpacked: Unpacked) -> None:
        """Let `staged`, which holds `tree`, appear as that layer. Blocks."""
        write_file(staged / "about.json", json.dumps(asdict(unpacked)).encode(), mode=0o644)
        os.chmod(staged, 0o755)
        _flush_all(staged)
        self._appear(staged, self.root / "layers" / layer)

    def compose(self, key: str, layers: Sequence[str]) -> None:
        """Make the root of an image of its layers (hex, lowest first). Blocks."""
        staged = self.make_staging()
        try:
            root = os.fspath(staged / "root")
            os.mkdir(root)
            for layer in layers:
                unpacked = self.find_layer(layer)
                if unpacked is None:
                    raise FileNotFoundError(errno.ENOENT, "a layer is gone", layer)
                _take_away(root, unpacked)
                link_tree(os.fspath(self.root / "layers" / layer / "tree"), root)
            _make_mount_points(root)
            os.chmod(root, 0o755)
            _flush_all(staged)
            listed = staged / "list.json"
            write_file(listed, json.dumps(list(layers)).encode(), mode=0o644)
            flush([listed])
            os.replace(listed, self.root / "lists" / f"{key}.json")
            self._appear(Path(root), self.root_of(key))
            flush([self.root / "lists"])
        finally:
            self.discard_staging(staged)

    def learn(self, key: str, layers: Sequence[str]) -> None:
        """What `compose` made is there from now on."""
        self._lists[key] = list(layers)

    def collect(self, keys: Collection[str]) -> None:
        """Remove these images, which nobody needs, and the layers that no other one has."""
        mine = [key for key in keys if key.startswith(KEY_PREFIX)]
        for key in mine:
            self._lists.pop(key, None)
            self._trash.take(self.root / "lists" / f"{key}.json")
            self._trash.take(self.root_of(key))
        if mine:
            self._drop_layers()

    def reset(self) -> None:
        """Empty the store: a few renames now, the removal in a thread."""
        self._lists.clear()
        for name in _FOLDERS:
            self._trash.take(self.root / name)
            (self.root / name).mkdir()
        self._trash.empty()

    def _drop_layers(self) -> None:
        used = {layer for layers in self._lists.values() for layer in layers}
        for entry in (self.root / "layers").iterdir():
            if entry.name not in used and entry.name not in self._wanted:
                self._trash.take(entry)
        self._trash.empty()

    def _appear(self, staged: Path, target: Path) -> None:
        """By one rename, unless it is there already (two made the same at once)."""
        if not rename_folder(staged, target):
            self.discard_staging(staged)
        flush([target.parent])


def _flush_all(folder: Path) -> None:
    if not flush_file_system(folder):
        os.sync()


def _take_away(root: str, unpacked: Unpacked) -> None:
    """What a layer hides of those below it."""
    for path in unpacked.opaque:
        folder = f"{root}/{path}" if path else root
        if _is_real(root, path) and is_folder(folder):
            for name in os.listdir(folder):
                remove(f"{folder}/{name}")
    for path in unpacked.removed:
        if _is_real(root, path.rpartition("/")[0]):
            remove(f"{root}/{path}")


def _is_real(root: str, path: str) -> bool:
    """Whether every part of the path is a folder, and none a link."""
    return all(
        is_folder(f"{root}/{path[:end]}")
        for end in range(1, len(path) + 1)
        if end == len(path) or path[end] == "/"
    )


def _make_mount_points(root: str) -> None:
    """Real folders and files of the root's own, whatever the image had there."""
    for name in _MOUNT_FOLDERS:
        path = f"{root}/{name}"
        if not is_folder(path):
            remove(path)
            os.mkdir(path)
            os.chmod(path, 0o755)
    for name in _MOUNT_FILES:
        path = f"{root}/{name}"
        remove(path)
        write_file(path, b"", mode=0o644)
