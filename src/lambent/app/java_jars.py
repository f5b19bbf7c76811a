"""The jars of AWS's client for Java: fetched by https, and taken only with the pinned digests."""

from __future__ import annotations

import hashlib
import http.client
import platform
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lambent.runtime.families import java_client

FETCH_TIMEOUT_S = 60.0
JAR_BYTES_MAX = 16 * 1024 * 1024
TRIES = 3
PAUSE_S = 1.0


def fetch_client(repository: str, folder: Path) -> Iterator[str]:
    """Make `folder` hold the client alone, in the release that is pinned; a line for each file.

    And our launcher, which is fetched from nowhere. Raises OSError; ValueError where a file is not
    what was pinned.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    for jar in java_client.JARS:
        fetched = fetch(jar, repository, folder)
        yield f"{jar.file_name}: {'fetched' if fetched else 'is there'}"
    for old in superseded(folder):
        old.unlink()
        yield f"{old.name}: removed"
    (main,) = (jar for jar in java_client.JARS if jar.name == java_client.MAIN_JAR)
    unpack_native(folder / main.file_name, folder / java_client.NATIVE)
    _write(folder / java_client.LAUNCHER_FILE.name, java_client.LAUNCHER_FILE.read_bytes(), 0o644)


def unpack_native(jar: Path, target: Path) -> None:
    """The client's native code for this host. Without it the client unpacks it at each start."""
    target.unlink(missing_ok=True)
    name = native_name(platform.machine(), platform.libc_ver()[0])
    with zipfile.ZipFile(jar) as content:
        if name in content.namelist():
            _write(target, content.read(name), 0o755)


def native_name(machine: str, libc: str) -> str:
    """In the client's jar. `machine`, `libc`: as Python's platform tells them; musl it cannot."""
    system = "linux" if libc == "glibc" else "linux_musl"
    return f"jni/libaws-lambda-jni.{system}-{machine.replace('aarch64', 'aarch_64')}.so"


def fetch(jar: java_client.Jar, repository: str, folder: Path) -> bool:
    """Whether it had to be fetched. Raises as `fetch_client`."""
    path = folder / jar.file_name
    if path.exists() and _sha256(path.read_bytes()) == jar.sha256:
        return False
    url = jar.url(repository)
    data = _read(url)
    digest = _sha256(data)
    if digest != jar.sha256:
        raise ValueError(f"{url} has the SHA-256 {digest} and not {jar.sha256}: not taken")
    _write(path, data, 0o644)
    return True


def superseded(folder: Path) -> list[Path]:
    """Other releases of the client's own jars: on one class path they would hide each other."""
    kept = {jar.file_name for jar in java_client.JARS}
    return sorted(
        path
        for jar in java_client.JARS
        for path in folder.glob(f"{jar.name}-[0-9]*.jar")
        if path.name not in kept
    )


def _read(url: str) -> bytes:
    """What the repository answers; asked again where the connection failed, or the server did."""
    for left in reversed(range(TRIES)):
        try:
            with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_S) as answer:
                data: bytes = answer.read(JAR_BYTES_MAX)
                return data
        except (OSError, http.client.HTTPException) as error:
            if not left or not _may_pass(error):
                raise OSError(f"{url} could not be fetched: {error}") from None
        time.sleep(PAUSE_S)
    raise AssertionError("unreachable")


def _may_pass(error: Exception) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= http.client.INTERNAL_SERVER_ERROR
    local = isinstance(error, urllib.error.URLError) and isinstance(
        error.reason, FileNotFoundError | str
    )
    return not local


def _write(path: Path, data: bytes, mode: int) -> None:
    """As a whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    partial.chmod(mode)
    partial.rename(path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
