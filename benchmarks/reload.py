"""From a change of a file to the answer of the new code, of functions that run in place."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import host, load
from lambent.app.backend import runtime_settings
from lambent.runtime.catalogue import find_runtimes
from lambent.settings import load_settings

ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Source:
    """The file of `app.handler`, and its text with a place for a number that it answers."""

    file: str
    text: str


SOURCES = {
    "python": Source("app.py", "def handler(event, context):\n    return {}\n"),
    "nodejs": Source("app.js", "exports.handler = async () => {};\n"),
    "ruby": Source("app.rb", "def handler(event:, context:)\n  {}\nend\n"),
}


def reload() -> None:
    """One runtime of each language; the write of the file counts too."""
    found = find_runtimes(runtime_settings(load_settings(os.environ, {})), os.environ)
    floor_ms = host.bare_interpreter_ms()
    with host.lambent() as server:
        for family, source in SOURCES.items():
            runtime = next((one for one in sorted(found) if one.startswith(family)), None)
            if runtime is None:
                continue
            p50 = statistics.median(_changes_ms(server, family, runtime, source))
            met, ratio = p50 < 300, p50 / floor_ms
            host.report(f"reload_{family}", p50, "ms", target="< 300 ms", met=met, ratio=ratio)


def _changes_ms(server: host.Lambent, name: str, runtime: str, source: Source) -> Iterator[float]:
    request = load.signed_invoke(server.port, name)
    with (
        tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder,
        load.connect(server.port) as connection,
    ):
        os.chmod(folder, 0o755)
        file = Path(folder) / source.file
        file.write_text(source.text.format(0))
        server.client.create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler="app.handler",
            Role=host.ROLE,
            Timeout=60,
            Code={"S3Bucket": "hot-reload", "S3Key": folder},
        )
        server.client.get_waiter("function_active_v2").wait(FunctionName=name)
        load.exchange(connection, request)
        for number in range(1, ROUNDS + 1):
            started = time.perf_counter()
            file.write_text(source.text.format(number))
            head, body = load.exchange(connection, request)
            yield (time.perf_counter() - started) * 1000
            assert head.startswith(b"HTTP/1.1 200"), head
            assert body == str(number).encode(), body
