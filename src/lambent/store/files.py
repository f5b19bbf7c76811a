"""Deployment packages on disk, by content: what was uploaded and the folders made from it.

    zips/<digest>.zip   the package as uploaded
    code/<digest>/      its contents: /var/task of a function, /opt of a function with one layer
    opt/<digest>/       several layers merged by hard links; the digest is of their list
    tmp/                being made; emptied at start
    trash/              being removed; emptied at start

A folder appears under its digest by one rename, after its contents are on disk, and before the row
that refers to it is committed; it goes after the last row that refers to it. So whatever a kill
leaves behind is at most garbage, which `start` collects. Folders in use by an operation that has no
row yet are *held*. Everything but `hold`, `release`, `collect` and `reset` may run in any thread;
those four belong to the event loop's, which makes check and rename one step.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from lambent.domain.errors import PlatformFault
from lambent.domain.function import FunctionVersion
from lambent.store.trash import Trash
from lambent.store.trees import link_tree, rename_folder

FLUSH_ONE_BY_ONE_MAX = 64
"""Files up to which each is flushed by itself; beyond it the file system is flushed once."""

_CONTENT = ("code", "zips", "opt")


class CodeStore:
    """The folders under one root, which itself never moves (sandboxes keep it mounted)."""

    def __init__(self, root: Path, *, executor: Executor) -> None:
        self.root = root
        self._trash = Trash(root / "trash", executor=executor)
        self._held: Counter[str] = Counter()

    async def start(self, referenced: Collection[str]) -> None:
        """Make the folders; drop whatever `referenced` (digests of code and opt) does not name."""
        self.root.mkdir(parents=True, exist_ok=True)
        for name in (*_CONTENT, "tmp"):
            (self.root / name).mkdir(exist_ok=True)
        self._trash.start()
        for entry in (self.root / "tmp").iterdir():
            self._trash.take(entry)
        for kind in _CONTENT:
            for entry in (self.root / kind).iterdir():
                if entry.name.removesuffix(".zip") not in referenced:
                    self._trash.take(entry)
        self._trash.empty()

    async def close(self) -> None:
        """Wait for the removals under way."""
        await self._trash.close()

    def code_dir(self, digest: str) -> Path:
        return self.root / "code" / digest

    def zip_path(self, digest: str) -> Path:
        return self.root / "zips" / f"{digest}.zip"

    def task_dir(self, version: FunctionVersion) -> Path:
        """What becomes /var/task."""
        return self.code_dir(version.code.digest)

    def opt_dir(self, version: FunctionVersion) -> Path | None:
        """What becomes /opt; None where there are no layers."""
        digests = [layer.package.digest for layer in version.layers]
        match digests:
            case []:
                return None
            case [only]:
                return self.code_dir(only)
            case _:
                return self.root / "opt" / opt_digest(digests)

    def has(self, digest: str) -> bool:
        return self.code_dir(digest).is_dir() and self.zip_path(digest).is_file()

    def hold(self, digest: str) -> None:
        """Keep the digest's files until `release`, rows or not."""
        self._held[digest] += 1

    def release(self, digest: str) -> None:
        self._held[digest] -= 1
        if not self._held[digest]:
            del self._held[digest]

    @contextmanager
    def holding(self, digests: Collection[str]) -> Iterator[None]:
        for digest in digests:
            self.hold(digest)
        try:
            yield
        finally:
            for digest in digests:
                self.release(digest)

    def make_staging(self) -> Path:
        """An empty folder to build in, on the same file system."""
        folder = self.root / "tmp" / uuid.uuid4().hex
        folder.mkdir()
        folder.chmod(0o755)  # whatever the umask is: functions run as another user
        return folder

    def discard_staging(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    def publish(self, digest: str, package: bytes, staged: Path, paths: Sequence[Path]) -> None:
        """Flush `staged` and the package to disk, then let both appear. Blocks.

        `paths`: every file and folder in `staged`, itself included. Where the digest is there
        already (the same package published twice at once), the copy is dropped. Raises OSError
        (a full disk) and keeps nothing of the package; `staged` is the caller's to discard.
        """
        zipped = self.root / "tmp" / f"{uuid.uuid4().hex}.zip"
        try:
            write_file(zipped, package, mode=0o644)
            flush([*paths, zipped])
            os.replace(zipped, self.zip_path(digest))
        finally:
            zipped.unlink(missing_ok=True)
        if not rename_folder(staged, self.code_dir(digest)):
            self.discard_staging(staged)
        flush([self.root / "zips", self.root / "code"])

    def merge(self, digests: Sequence[str]) -> str | None:
        """Make /opt of several packages, later ones over earlier; its digest. Blocks.

        None where nothing is to be made: no package, or one, which serves as it is.
        """
        if len(digests) < 2:
            return None
        digest = opt_digest(digests)
        target = self.root / "opt" / digest
        if target.is_dir():
            return digest
        staged = self.make_staging()
        try:
            for source in digests:
                link_tree(os.fspath(self.code_dir(source)), os.fspath(staged))
            # The files' contents are on disk already; the links go with the journal.
            flush([staged])
            if not rename_folder(staged, target):
                self.discard_staging(staged)
            flush([self.root / "opt"])
        except BaseException:
            self.discard_staging(staged)
            raise
        return digest

    def collect(self, digests: Collection[str]) -> set[str]:
        """Remove those of `digests` that nobody holds; the rest is handed back for another time.

        The caller knows that no row refers to them and no environment has them mounted.
        """
        kept = {digest for digest in digests if self._held[digest]}
        for digest in set(digests) - kept:
            for path in (self.code_dir(digest), self.root / "opt" / digest, self.zip_path(digest)):
                self._trash.take(path)
        self._trash.empty()
        return kept

    def reset(self) -> None:
        """Empty the store: a few renames now, the removal in a thread."""
        for name in _CONTENT:
            self._trash.take(self.root / name)
            (self.root / name).mkdir()
        self._trash.empty()


def opt_digest(digests: Sequence[str]) -> str:
    """The name of several merged packages: a hash of their digests, in order."""
    return hashlib.sha256("\n".join(["opt", *digests]).encode()).hexdigest()


def write_file(path: Path | str, content: bytes, *, mode: int) -> None:
    """Create `path`, which must not exist, with exactly `mode`; not flushed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        os.fchmod(descriptor, mode)
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def flush(paths: Sequence[Path]) -> None:
    """Put files and folders on disk; symlinks go with their folder."""
    if len(paths) > FLUSH_ONE_BY_ONE_MAX and flush_file_system(paths[0]):
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def flush_file_system(path: Path) -> bool:
    """syncfs(2), which Python does not offer; False where the C library has none."""
    try:
        syncfs = ctypes.CDLL(None, use_errno=True).syncfs
    except AttributeError:
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise PlatformFault(f"flushing the file system of {path} failed: {os.strerror(code)}")
    finally:
        os.close(descriptor)
    return True
