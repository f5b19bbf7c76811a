"""A zip as uploaded → a validated folder in the code store.

Two stages. `plan_package` reads the directory of the zip and decides, without touching the disk,
what would be made: it refuses whatever a package has no business to hold. `unpack` then makes it,
counting the bytes that really come out, so that a header that lies changes nothing. Both block and
run in the executor; `Packages` is the part that lives on the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NoReturn

from lambent.control.links import LinkEscape, check_links
from lambent.domain import limits
from lambent.domain.errors import LambdaError, invalid_parameter
from lambent.domain.function import CodePackage
from lambent.store.files import CodeStore, write_file

UNZIP_FAILED = (  # [LS] test_lambda_api.snapshot.json, not a zip
    "Could not unzip uploaded file. Please check your file, then try to upload again."
)
ZIP_TOO_LARGE = f"Zipped size must be smaller than {limits.ZIP_BYTES_MAX} bytes"  # [LS]
UNZIPPED_TOO_LARGE = f"Unzipped size must be smaller than {limits.UNZIPPED_BYTES_MAX} bytes"  # [LS]
ZIP_EMPTY = "Uploaded file must be a non-empty zip"  # AWS's text, as quoted in many issue threads

_CENTRAL_SIGNATURE = b"PK\x01\x02"
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800
_MADE_ON_UNIX = 3
_CHUNK_BYTES = 256 * 1024
# What zipfile and zlib raise for bytes that are no sound zip.
_UNSOUND = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
)


class Kind(Enum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(slots=True)
class Plan:
    """What a zip would become: relative path → kind, parents before children."""

    kinds: dict[str, Kind] = field(default_factory=dict)
    files: list[tuple[str, zipfile.ZipInfo, int]] = field(default_factory=list)
    """Path, entry, permission bits."""
    links: dict[str, zipfile.ZipInfo] = field(default_factory=dict)


def refuse(reason: str) -> NoReturn:
    """AWS's text for a file that it cannot unzip, and ours on why."""
    raise invalid_parameter(f"{UNZIP_FAILED} ({reason})")


class Packages:
    """Stores packages; every one that is known lies in the code store, complete."""

    def __init__(self, files: CodeStore, *, executor: Executor) -> None:
        self._files = files
        self._executor = executor
        self._known: dict[str, CodePackage] = {}
        self.garbage: set[str] = set()
        """Digests that may have files and that nothing may refer to: for the next sweep."""

    def learn(self, packages: Iterable[CodePackage]) -> None:
        """Packages that rows refer to, at start."""
        self._known.update((package.digest, package) for package in packages)

    def forget(self, digests: Iterable[str]) -> None:
        """Packages whose files went."""
        for digest in digests:
            self._known.pop(digest, None)

    def reset(self) -> None:
        self._known.clear()
        self.garbage.clear()

    @asynccontextmanager
    async def storing(self, content: bytes) -> AsyncIterator[CodePackage]:
        """The package of a zip's bytes, in the store and held there inside the `async with`.

        Raises LambdaError InvalidParameterValueException for what is wrong with it.
        """
        if len(content) > limits.UNZIPPED_BYTES_MAX:
            raise invalid_parameter(UNZIPPED_TOO_LARGE)
        loop = asyncio.get_running_loop()
        hashed = await loop.run_in_executor(self._executor, hashlib.sha256, content)
        digest = hashed.hexdigest()
        with self._files.holding([digest]):
            package = self._known.get(digest)
            if package is None or not self._files.has(digest):
                package = await self._store(content, hashed.digest())
            try:
                yield package
            except BaseException:
                self.garbage.add(digest)
                raise

    async def _store(self, content: bytes, hashed: bytes) -> CodePackage:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._executor, store_package, self._files, content, hashed)
        try:
            package = await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread goes on by itself; what it makes is nobody's.
            work.add_done_callback(lambda _: self.garbage.add(hashed.hex()))
            raise
        self._known[package.digest] = package
        return package

    async def restore(self, package: CodePackage) -> bool:
        """Unpack again from the stored zip where the folder is missing; False where that fails."""
        if self._files.has(package.digest):
            return True
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, _restore, self._files, package.digest)

    async def merge(self, digests: list[str]) -> None:
        """Make the /opt of these layers, in this order."""
        if len(digests) > 1:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._executor, self._files.merge, digests)


def check_zip_size(size_bytes: int) -> None:
    """Of a package that is sent along; one from S3 has the limit of what it unzips to."""
    if size_bytes > limits.ZIP_BYTES_MAX:
        raise LambdaError("RequestEntityTooLargeException", ZIP_TOO_LARGE)


def store_package(files: CodeStore, content: bytes, hashed: bytes) -> CodePackage:
    """Validate, unpack, flush and publish. Blocks; leaves nothing behind where it raises."""
    plan, archive = plan_package(content)
    staged = files.make_staging()
    try:
        unzipped_bytes = unpack(plan, archive, staged)
        folders = (staged / path for path, kind in plan.kinds.items() if kind is Kind.FOLDER)
        paths = [*(staged / path for path, _, _ in plan.files), *folders, staged]
        files.publish(hashed.hex(), content, staged, paths)
    except BaseException:
        files.discard_staging(staged)
        raise
    return CodePackage(
        digest=hashed.hex(),
        sha256_b64=base64.b64encode(hashed).decode(),
        size_bytes=len(content),
        unzipped_bytes=unzipped_bytes,
    )


def _restore(files: CodeStore, digest: str) -> bool:
    try:
        content = files.zip_path(digest).read_bytes()
        store_package(files, content, hashlib.sha256(content).digest())
    except (OSError, LambdaError):
        return False
    return files.has(digest)


def plan_package(content: bytes) -> tuple[Plan, zipfile.ZipFile]:
    """What the zip would become. Raises InvalidParameterValueException; touches no disk."""
    archive = _open(content)
    plan = Plan()
    for entry in archive.infolist():
        _plan_entry(plan, entry)
    if not plan.files and not plan.links:
        raise invalid_parameter(ZIP_EMPTY)
    if sum(entry.file_size for _, entry, _ in plan.files) > limits.UNZIPPED_BYTES_MAX:
        raise invalid_parameter(UNZIPPED_TOO_LARGE)
    return plan, archive


def _open(content: bytes) -> zipfile.ZipFile:
    # Counted before zipfile makes an object of each: a million entries would take a gigabyte.
    # Nested archives can only raise the count, and not near the limit.
    if (
        len(content) > limits.ZIP_ENTRIES_MAX * len(_CENTRAL_SIGNATURE)
        and content.count(_CENTRAL_SIGNATURE) > limits.ZIP_ENTRIES_MAX
    ):
        refuse(f"more than {limits.ZIP_ENTRIES_MAX} entries")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _UNSOUND:
        raise invalid_parameter(UNZIP_FAILED) from None
    if len(archive.infolist()) > limits.ZIP_ENTRIES_MAX:
        refuse(f"more than {limits.ZIP_ENTRIES_MAX} entries")
    return archive


def _plan_entry(plan: Plan, entry: zipfile.ZipInfo) -> None:
    path = _clean_path(entry)
    mode = entry.external_attr >> 16 if entry.create_system == _MADE_ON_UNIX else 0
    if entry.flag_bits & _ENCRYPTED:
        refuse(f"{path!r} is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refuse(f"{path!r} is compressed by a method that is not supported")
    kind = _kind(entry, mode, path)
    if kind is not Kind.FOLDER and not path:
        refuse("an entry has no name")
    _plan_parents(plan, path)
    if kind is Kind.FOLDER:
        _plan_folder(plan, path)
        return
    if path in plan.kinds:
        refuse(f"{path!r} is there twice")
    plan.kinds[path] = kind
    if kind is Kind.LINK:
        if entry.file_size > limits.ZIP_PATH_BYTES_MAX:
            refuse(f"the target of the link {path!r} is too long")
        plan.links[path] = entry
    else:
        plan.files.append((path, entry, 0o755 if mode & 0o111 else 0o644))


def _kind(entry: zipfile.ZipInfo, mode: int, path: str) -> Kind:
    """By the type bits where there are some, else by the slash at the name's end."""
    match stat.S_IFMT(mode):
        case stat.S_IFLNK:
            return Kind.LINK
        case stat.S_IFDIR:
            return Kind.FOLDER
        case 0 | stat.S_IFREG:
            return Kind.FOLDER if entry.filename.endswith("/") else Kind.FILE
        case _:
            refuse(f"{path!r} is neither file, folder nor link")


def _clean_path(entry: zipfile.ZipInfo) -> str:
    """The entry's path, relative, without `.` and empty parts; refused where it leads elsewhere."""
    name = entry.orig_filename
    if not entry.flag_bits & _UTF8_NAME:
        name = _as_utf8(name)
    if "\0" in name or "\\" in name:
        refuse(f"the name {name!r} holds a backslash or a NUL")
    if name.startswith("/"):
        refuse(f"the name {name!r} is absolute")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        refuse(f"the name {name!r} leads out of the package")
    try:
        sizes = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        refuse(f"the name {name!r} is not valid text")
    if (
        len(parts) > limits.ZIP_PATH_DEPTH_MAX
        or sum(sizes) + len(sizes) > limits.ZIP_PATH_BYTES_MAX
        or max(sizes, default=0) > limits.ZIP_NAME_BYTES_MAX
    ):
        refuse("a name is too long")
    return "/".join(parts)


def _as_utf8(name: str) -> str:
    """zipfile reads unmarked names as cp437; where their bytes are UTF-8, that is what is meant."""
    if name.isascii():
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def _plan_parents(plan: Plan, path: str) -> None:
    end = path.find("/")
    while end >= 0:
        _plan_folder(plan, path[:end])
        end = path.find("/", end + 1)


def _plan_folder(plan: Plan, path: str) -> None:
    if path and plan.kinds.setdefault(path, Kind.FOLDER) is not Kind.FOLDER:
        refuse(f"{path!r} is both a folder and a {plan.kinds[path].value}")


def unpack(plan: Plan, archive: zipfile.ZipFile, target: Path) -> int:
    """Make the plan in the empty folder `target`; bytes of all files. Not flushed; blocks."""
    root = os.fspath(target)
    for path, kind in plan.kinds.items():
        if kind is Kind.FOLDER:
            _make_folder(f"{root}/{path}")
    total = 0
    try:
        for path, entry, mode in plan.files:
            total += _unpack_file(archive, entry, f"{root}/{path}", mode, spent=total)
        targets = {path: _read_link(archive, entry) for path, entry in plan.links.items()}
    except _UNSOUND as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the zip's
        raise invalid_parameter(UNZIP_FAILED) from None
    try:
        check_links(targets)
    except LinkEscape as escape:
        refuse(str(escape))
    for path, to in targets.items():
        os.symlink(to, f"{root}/{path}")
    return total


def _make_folder(path: str) -> None:
    os.mkdir(path, 0o755)
    os.chmod(path, 0o755)  # whatever the umask is: the function runs as another user


def _unpack_file(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str, mode: int, *, spent: int
) -> int:
    """Write one file; its true size. Refuses once all together pass the limit."""
    left = limits.UNZIPPED_BYTES_MAX - spent
    with archive.open(entry) as source:
        head = source.read(_CHUNK_BYTES)
        write_file(path, head, mode=mode)
        size = len(head)
        if size < _CHUNK_BYTES:
            if size > left:
                raise invalid_parameter(UNZIPPED_TOO_LARGE)
            return size
        with open(path, "ab", buffering=0) as sink:
            while size <= left and (chunk := source.read(_CHUNK_BYTES)):
                sink.write(chunk)
                size += len(chunk)
    if size > left:
        raise invalid_parameter(UNZIPPED_TOO_LARGE)
    return size


def _read_link(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    with archive.open(entry) as source:
        return source.read(limits.ZIP_PATH_BYTES_MAX + 1).decode()
