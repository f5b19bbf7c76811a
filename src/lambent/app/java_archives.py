"""Archives of class data: what a Java has loaded once AWS's client has answered an invocation.

A Java started with one needs less than half of the time to its first invocation. It is made of the
classes of Java and of the client, which is code of AWS's with a known digest; nothing of any
function's is in it. One archive holds both (a "static" one): two, of which the second is laid over
Java's own, take a tenth longer to start from.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from lambent.app import java_training
from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import java_client

DUMP_TIMEOUT_S = 120.0
_OF_OTHER_LOADERS = " source: "
"""In a list of classes: those that were not loaded from the class path, as a function's own are."""


def make_archive(interpreter: Interpreter, client: Path) -> str:
    """Make the archive of one Java, anew where there is one; what became of it, for a person."""
    if java_client.major(interpreter.version) < java_client.ARCHIVES_FROM:
        return "starts without an archive of class data, which this release cannot make"
    archives = client / "lib" / java_client.ARCHIVES
    archive = archives / java_client.archive_name(interpreter.version)
    archives.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lambent-java-") as folder:
        # As in a sandbox, the client is at ../runtime of the folder where Java starts.
        work = Path(folder) / "task"
        work.mkdir()
        (Path(folder) / "runtime").symlink_to(client)
        listed, made = Path(folder) / "classes", Path(folder) / "archive.jsa"
        problem = _list_classes(interpreter, client / "lib", work, listed)
        if listed.exists():
            problem = _dump(interpreter, client / "lib", work, listed, made)
        if not made.exists():
            return f"no archive of class data could be made ({problem}); it starts more slowly"
        partial = archive.with_suffix(".partial")
        partial.write_bytes(made.read_bytes())
        partial.chmod(0o644)
        partial.rename(archive)
    return f"{archive} made"


def _list_classes(interpreter: Interpreter, jars: Path, work: Path, listed: Path) -> str:
    """Write down the classes that are loaded by the first invocations; what Java complained of."""
    command = (
        *(str(interpreter.executable), *java_client.common_options(interpreter.version)),
        *java_client.native_library(jars, jars),
        *("-Xshare:auto", f"-XX:DumpLoadedClassList={listed}"),
        *("-cp", java_client.class_path(jars), java_client.LAUNCHER),
    )
    problem = java_training.train(command, work, interpreter.runtime)
    if listed.exists():
        lines = listed.read_text().splitlines(keepends=True)
        listed.write_text("".join(line for line in lines if _OF_OTHER_LOADERS not in line))
    return problem


def _dump(interpreter: Interpreter, jars: Path, work: Path, listed: Path, archive: Path) -> str:
    """Make the archive of listed classes; what Java complained of."""
    command = (
        *(str(interpreter.executable), *java_client.common_options(interpreter.version)),
        *("-Xshare:dump", f"-XX:SharedClassListFile={listed}", f"-XX:SharedArchiveFile={archive}"),
        *("-cp", java_client.class_path(jars)),
    )
    try:
        done = subprocess.run(
            command,
            cwd=work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DUMP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it did not end"
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"it ended with {done.returncode}"
