"""From a change of a file to the answer of the new code, of functions that run in place.

Functions have 1,769 MB, so that a start has a whole processor, as in the other figures.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests import dotnets
from tests.javas import compile_java

from benchmarks import host, load
from benchmarks.mixed import host_server

ROUNDS = 15
JAVA = """public class Reload {
    public static String answer(Object event) { return "100"; }
}
"""
CSHARP = """using System.IO;
using System.Text;
public static class Reload {
    public static Stream Answer(Stream content) {
        return new MemoryStream(Encoding.UTF8.GetBytes("100"));
    }
}
"""

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A function that answers with a number, which is 100 in the files and then counts up."""

    handler: str = "app.handler"
    file: str
    """That changes."""
    files: Callable[[Path], Files]
    """May be compiled in the folder given."""
    encoding: str = "utf-8"
    """Of text in the file."""


def compile_java_reload(folder: Path) -> Files:
    source = folder / "Reload.java"
    source.write_text(JAVA)
    return compile_java([source], folder / "classes")


def compile_csharp_reload(folder: Path) -> Files:
    source, target = folder / "Reload.cs", folder / "Reload.dll"
    source.write_text(CSHARP)
    assembly = dotnets.compile_library([source], target)
    return {target.name: assembly, **dotnets.published("Reload")}


PROGRAMS = {
    "python": Program(
        file="app.py",
        files=lambda _: {"app.py": b"def handler(event, context):\n    return 100\n"},
    ),
    "nodejs": Program(
        file="app.js",
        files=lambda _: {"app.js": b"exports.handler = async () => 100;\n"},
    ),
    "ruby": Program(
        file="app.rb",
        files=lambda _: {"app.rb": b"def handler(event:, context:)\n  100\nend\n"},
    ),
    "java": Program(handler="Reload::answer", file="Reload.class", files=compile_java_reload),
    "dotnet": Program(
        handler="Reload::Reload::Answer",
        file="Reload.dll",
        files=compile_csharp_reload,
        encoding="utf-16-le",
    ),
}


def reload() -> None:
    """One runtime of each language; the write of the file counts too."""
    floor_ms = host.bare_interpreter_ms()
    with host_server() as (server, runtimes):
        for family, program in PROGRAMS.items():
            runtime = next((one for one in runtimes if one.startswith(family)), None)
            if runtime is None:
                continue
            p50 = statistics.median(_changes_ms(server, family, runtime, program))
            met, ratio = p50 < 300, p50 / floor_ms
            host.report(f"reload_{family}", p50, "ms", target="< 300 ms", met=met, ratio=ratio)


def _changes_ms(server: host.Lambent, name: str, runtime: str, program: Program) -> Iterator[float]:
    request = load.signed_invoke(server.port, name)
    with (
        tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder,
        tempfile.TemporaryDirectory(prefix="lambent-bench-") as compiled,
        load.connect(server.port) as connection,
    ):
        os.chmod(folder, 0o755)
        files = program.files(Path(compiled))
        for file, content in files.items():
            (Path(folder) / file).write_bytes(content)
        before = "100".encode(program.encoding)
        assert files[program.file].count(before) == 1
        server.client.create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler=program.handler,
            Role=host.ROLE,
            Timeout=60,
            MemorySize=1769,
            Code={"S3Bucket": "hot-reload", "S3Key": folder},
        )
        server.client.get_waiter("function_active_v2").wait(FunctionName=name)
        load.exchange(connection, request)
        for number in range(101, 101 + ROUNDS):
            changed = files[program.file].replace(before, str(number).encode(program.encoding))
            started = time.perf_counter()
            (Path(folder) / program.file).write_bytes(changed)
            head, body = load.exchange(connection, request)
            yield (time.perf_counter() - started) * 1000
            assert head.startswith(b"HTTP/1.1 200"), head
            assert body.strip(b'"') == str(number).encode(), body
