"""Builds the launcher of Java (src/lambent/runtime/java) into the jar that is kept beside it.

The jar is in the repository, for hosts that run Java need no compiler. It is the same each time
with the same JDK: entries have one date, and the manifest tells the source by its digest.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from lambent.app.java_jars import fetch
from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import java, java_client

SOURCE = java_client.LAUNCHER_FILE.with_name("Ahead.java")
RELEASE = "8"
"""Of the class files: the oldest Java that Lambda has."""
_DATE = (2026, 1, 1, 0, 0, 0)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="lambent-java-") as folder:
        repository = os.environ.get("LAMBENT_MAVEN_REPOSITORY", java_client.MAVEN_CENTRAL)
        for jar in java_client.JARS:
            fetch(jar, repository, Path(folder))
        jdk = find_jdk()
        if jdk is None:
            sys.exit("no JDK from 9 on was found on this host")
        classes = compile_launcher(jdk, Path(folder), Path(folder) / "classes")
    java_client.LAUNCHER_FILE.write_bytes(pack(classes, jdk))
    sys.stdout.write(f"{java_client.LAUNCHER_FILE} made by Java {jdk.version}\n")


def find_jdk() -> Interpreter | None:
    """The oldest that can compile for one older than itself."""
    for one in java.find_javas("", os.environ).values():
        if java_client.major(one.version) > int(RELEASE) and _javac(one).exists():
            return one
    return None


def compile_launcher(jdk: Interpreter, client: Path, folder: Path) -> dict[str, bytes]:
    """Name → bytes of each class; `client`: the folder of the client's jars."""
    command = [
        _javac(jdk),
        "--release",
        RELEASE,
        "-g:none",
        "-proc:none",
        "-Xlint:-options",
        "-Werror",
    ]
    jars = os.pathsep.join(str(client / jar.file_name) for jar in java_client.JARS)
    subprocess.run([*command, "-cp", jars, "-d", folder, SOURCE], check=True)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.class"))
    }


def pack(classes: Mapping[str, bytes], jdk: Interpreter) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as jar:
        for name, content in {"META-INF/MANIFEST.MF": manifest(jdk), **classes}.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = 0o644 << 16
            jar.writestr(entry, content)
    return buffer.getvalue()


def manifest(jdk: Interpreter) -> bytes:
    """In base64 the digest fits into a line, which has 72 bytes."""
    digest = base64.b64encode(hashlib.sha256(SOURCE.read_bytes()).digest()).decode()
    lines = (
        "Manifest-Version: 1.0",
        f"Build-Jdk-Spec: {java_client.major(jdk.version)}",
        f"Source-SHA-256: {digest}",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def _javac(jdk: Interpreter) -> Path:
    return jdk.executable.with_name("javac")


if __name__ == "__main__":
    main()
