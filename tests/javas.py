"""What tests of Java share: the Javas of this host, AWS's client, and functions compiled for it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import java
from tests.registries import run_command

TIMEOUT_S = 180
NO_JAVA = "no JDK from 11 on here (apt install openjdk-17-jdk-headless)"


def find_jdks() -> dict[str, Interpreter]:
    """Runtime → a JDK of this host, which can compile as well."""
    javas = java.find_javas("", os.environ)
    return {
        runtime: one
        for runtime, one in javas.items()
        if (one.executable.parent / "javac").exists() and not runtime.startswith("java8")
    }


def find_jres() -> dict[str, Interpreter]:
    """Runtime → a Java from 11 on, where a JDK is there to compile; LAMBENT_JAVAS names more."""
    jdks = find_jdks()
    every = {**jdks, **java.find_javas(os.environ.get("LAMBENT_JAVAS", ""), os.environ)}
    return {name: one for name, one in every.items() if jdks and not name.startswith("java8")}


def get_client(folder: Path) -> Path:
    """Fetch AWS's client as an operator does."""
    command = [sys.executable, "-m", "lambent", "runtimes", "get", "java"]
    run_command([*command, "--java-client", str(folder)], folder.parent)
    return folder


def compile_java(
    sources: Sequence[Path], folder: Path, class_path: Sequence[Path] = (), release: str = ""
) -> dict[str, bytes]:
    """Name → bytes of each class, for Java `release` and all that are newer.

    By default for the oldest JDK of this host, which compiles.
    """
    javac = next(iter(find_jdks().values())).executable.parent / "javac"
    command = [str(javac), "-proc:none", "-d", str(folder), "-J-XX:TieredStopAtLevel=1"]
    command += ["--release", release] if release else []
    command += ["-cp", os.pathsep.join(str(path) for path in class_path)]
    done = subprocess.run(
        [*command, *map(str, sources)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.class")}


def core_jar(client: Path) -> Path:
    """The interfaces that a function implements."""
    return next((client / "lib").glob("aws-lambda-java-core-*.jar"))


def make_jar(classes: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as jar:
        for name, content in classes.items():
            jar.writestr(name, content)
    return buffer.getvalue()
