"""Six functions in six languages, cold, invoked at once, against the slowest of them alone."""

from __future__ import annotations

import contextlib
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests import dotnets
from tests.javas import find_jdks

from benchmarks import host, load

ROUNDS = 7
MEMORY_MIB = 1769
GET_TIMEOUT_S = 300

SCRIPT = b"""#!/usr/bin/python3 -IS
import http.client, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
path = "/2018-06-01/runtime/invocation/"
while True:
    api.request("GET", path + "next")
    event = api.getresponse()
    body, name = event.read(), event.getheader("Lambda-Runtime-Aws-Request-Id")
    api.request("POST", path + name + "/response", body)
    api.getresponse().read()
"""
CSHARP = """using System.IO;
public static class Echo { public static Stream Handle(Stream content) { return content; } }
"""

Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A function that answers with its event."""

    runtime: str
    """How its runtimes begin; the newest one that the host has is taken."""
    handler: str
    files: Callable[[Path], Files]


def compile_csharp(folder: Path) -> Files:
    source, target = folder / "Echo.cs", folder / "Echo.dll"
    source.write_text(CSHARP)
    return {
        target.name: dotnets.compile_library([source], target),
        **dotnets.published("Echo"),
    }


SETTLED_S = {"8": 1.5, "0": 0.3}
"""By `--ahead`: how long after a change what is made ahead of need is there."""

LANGUAGES = (
    Language(
        runtime="python",
        handler="app.handler",
        files=lambda _: {"app.py": b"def handler(event, context):\n    return event\n"},
    ),
    Language(
        runtime="nodejs",
        handler="app.handler",
        files=lambda _: {"app.js": b"exports.handler = async (event) => event;\n"},
    ),
    Language(
        runtime="ruby",
        handler="app.handler",
        files=lambda _: {"app.rb": b"def handler(event:, context:)\n  event\nend\n"},
    ),
    Language(
        runtime="java",
        handler="java.util.Map::copyOf",  # of Java's own: nothing to compile
        files=lambda _: {"README": b"\n"},
    ),
    Language(runtime="dotnet", handler="Echo::Echo::Handle", files=compile_csharp),
    Language(runtime="provided.al2023", handler="unused", files=lambda _: {"bootstrap": SCRIPT}),
)


def mixed() -> None:
    """With processes started ahead, as it comes, and without."""
    _measure("mixed_cold", "8")
    _measure("mixed_cold_nothing_ahead", "0")


def _measure(figure: str, ahead: str) -> None:
    """Each alone, then all at once; each round on functions of its own."""
    settled_s = SETTLED_S[ahead]
    with (
        host_server("--ahead", ahead) as (server, runtimes),
        tempfile.TemporaryDirectory() as folder,
    ):
        packages = {}
        for language in LANGUAGES:
            found = [one for one in runtimes if one.startswith(language.runtime)]
            if found:
                packages[found[-1]] = (language.handler, language.files(Path(folder)))
        alone = {}
        for runtime, (handler, files) in packages.items():
            times = []
            for number in range(ROUNDS + 1):
                name = _create(server, f"alone{number}", runtime, handler, files)
                time.sleep(settled_s)
                times.append(_invoke_ms(server, name))
            alone[runtime] = statistics.median(times[1:])
        together = [_at_once_ms(server, number, packages, settled_s) for number in range(ROUNDS)]
    p50, bound = statistics.median(together), max(alone.values()) * 1.5 + 50
    target = f"{len(packages)} languages in <= {bound:.0f} ms"
    host.report(figure, p50, "ms", target=target, met=p50 <= bound, **alone)


@contextlib.contextmanager
def host_server(*more: str) -> Iterator[tuple[host.Lambent, list[str]]]:
    """A server with all that this host can be given, and its runtimes, oldest first."""
    with tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder:
        data = Path(folder) / "data"
        arguments = ["--data-dir", str(data)]
        if find_jdks():
            command = [sys.executable, "-m", "lambent", "runtimes", "get", "java", *arguments]
            subprocess.run(command, check=True, capture_output=True, timeout=GET_TIMEOUT_S)
        if dotnets.AVAILABLE:
            dotnets.get_bootstraps(data)
            arguments += ["--dotnet", f"{dotnets.RUNTIME}={dotnets.dotnet_root()}"]
        with host.lambent(*arguments, *more) as server:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{server.port}/_lambent/health"
            ) as answer:
                health = json.load(answer)
            yield server, [*health["runtimes"]]


def _create(server: host.Lambent, name: str, runtime: str, handler: str, files: Files) -> str:
    name = f"{name}-{runtime.replace('.', '-')}"
    server.client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=handler,
        Role=host.ROLE,
        Timeout=60,
        MemorySize=MEMORY_MIB,
        Code={"ZipFile": _make_zip({**files, "name.txt": name.encode()})},
    )
    server.client.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def _make_zip(files: Files) -> bytes:
    """Every file may be run: a bootstrap is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            package.writestr(entry, content)
    return buffer.getvalue()


def _invoke_ms(server: host.Lambent, name: str) -> float:
    request = load.signed_invoke(server.port, name)
    with load.connect(server.port) as connection:
        started = time.perf_counter()
        head, body = load.exchange(connection, request)
        elapsed = (time.perf_counter() - started) * 1000
    assert head.startswith(b"HTTP/1.1 200"), (name, head, body)
    assert b"function-error" not in head.lower(), (name, head, body)
    return elapsed


def _at_once_ms(
    server: host.Lambent,
    number: int,
    packages: Mapping[str, tuple[str, Files]],
    settled_s: float,
) -> float:
    """Until the last has answered."""
    names = [
        _create(server, f"once{number}", runtime, handler, files)
        for runtime, (handler, files) in packages.items()
    ]
    time.sleep(settled_s * len(names))  # one is started after another
    with ThreadPoolExecutor(len(names)) as pool:
        started = time.perf_counter()
        list(pool.map(lambda name: _invoke_ms(server, name), names))
        return (time.perf_counter() - started) * 1000
