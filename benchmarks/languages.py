"""Cold first invokes of other languages than Python, against the bare program in the same sandbox.

The floor starts a language's own program in a parked sandbox, with the same limits, has it load the
same handler and exit; an invoke does the same, and besides talks and answers over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import host, load
from lambent.app.backend import program_of, runtime_settings
from lambent.domain.interpreter import Interpreter
from lambent.runtime.catalogue import family_of, find_runtimes
from lambent.sandbox.cgroups import detect_cgroups
from lambent.sandbox.interface import SandboxSpec
from lambent.sandbox.namespaces import NamespaceBackend
from lambent.sandbox.network import make_network
from lambent.settings import load_settings

ROUNDS = 15
MEMORY_MIB = 1769


@dataclass(frozen=True, slots=True)
class Language:
    """A handler, and how the language's program loads it and ends."""

    handler: str
    file: str
    source: str
    load: tuple[str, ...]
    """After the program's own path."""


LANGUAGES = {
    "nodejs": Language(
        "app.handler",
        "app.js",
        "exports.handler = async (event) => event;\n",
        ("-e", "require('/var/task/app.js'); process.exit(0)"),
    ),
    "ruby": Language(
        "app.handler",
        "app.rb",
        "def handler(event:, context:)\n  event\nend\n",
        ("-e", "require 'json'; require '/var/task/app.rb'"),
    ),
}


def languages() -> None:
    """Each language alone, then all of them at once."""
    found = find_runtimes(runtime_settings(load_settings(os.environ, {})), os.environ)
    runtimes = {}
    for runtime in found:
        for family, language in LANGUAGES.items():
            if runtime.startswith(family):
                runtimes[runtime] = language
    alone = {}
    for runtime, language in runtimes.items():
        floor_ms = statistics.median(_floors_ms(found[runtime], language))
        with host.lambent() as server:
            times = list(_first_invokes_ms(server, runtime, language))
        alone[runtime] = p50 = statistics.median(times)
        ratio = p50 / floor_ms
        name = f"cold_{runtime}"
        host.report(name, p50, "ms", target="ratio <= 1.5", met=ratio <= 1.5, ratio=ratio)
    with host.lambent() as server:
        for runtime, language in runtimes.items():
            _create(server, f"warmup-{runtime.replace('.', '-')}", runtime, language)
            _invoke_ms(server, f"warmup-{runtime.replace('.', '-')}")
        times = [_at_once_ms(server, number, runtimes) for number in range(5)]
    bound = max(alone.values()) * 1.5 + 50
    p50 = statistics.median(times)
    target = f"<= {bound:.0f} ms"
    host.report("languages_cold", p50, "ms", target=target, met=p50 <= bound, ratio=p50 / bound)


def _create(server: host.Lambent, name: str, runtime: str, language: Language) -> None:
    code = host.make_package({language.file: f"{language.source}"}, name)
    server.client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=language.handler,
        Role=host.ROLE,
        Timeout=60,
        MemorySize=MEMORY_MIB,
        Code={"ZipFile": code},
    )
    server.client.get_waiter("function_active_v2").wait(FunctionName=name)


def _invoke_ms(server: host.Lambent, name: str) -> float:
    request = load.signed_invoke(server.port, name)
    with load.connect(server.port) as connection:
        started = time.perf_counter()
        head, _ = load.exchange(connection, request)
        elapsed = (time.perf_counter() - started) * 1000
    assert head.startswith(b"HTTP/1.1 200"), head
    assert b"function-error" not in head
    return elapsed


def _first_invokes_ms(server: host.Lambent, runtime: str, language: Language) -> Iterator[float]:
    _create(server, "first", runtime, language)
    _invoke_ms(server, "first")
    for number in range(ROUNDS):
        _create(server, f"cold{number}", runtime, language)
        time.sleep(0.2)  # a parked one is made again meanwhile
        yield _invoke_ms(server, f"cold{number}")


def _at_once_ms(server: host.Lambent, number: int, runtimes: dict[str, Language]) -> float:
    """One cold function of each language, all invoked at once, until the last has answered."""
    names = []
    for runtime, language in runtimes.items():
        name = f"once{number}-{runtime.replace('.', '-')}"
        _create(server, name, runtime, language)
        names.append(name)
    time.sleep(0.3)
    with ThreadPoolExecutor(len(names)) as pool:
        started = time.perf_counter()
        list(pool.map(lambda name: _invoke_ms(server, name), names))
        return (time.perf_counter() - started) * 1000


def _floors_ms(interpreter: Interpreter, language: Language) -> list[float]:
    return asyncio.run(_bare_starts_ms(interpreter, language))


@contextmanager
def _code(language: Language) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder:
        os.chmod(folder, 0o755)
        task = Path(folder) / "code" / "task"
        task.mkdir(parents=True)
        (task / language.file).write_text(language.source)
        yield task


async def _bare_starts_ms(interpreter: Interpreter, language: Language) -> list[float]:
    start = family_of(interpreter.runtime).start(
        interpreter, handler="", memory_mib=MEMORY_MIB, variables={}
    )
    program = {
        "commands": [[start.commands[0][0], *language.load]],
        "environment": {"PATH": "/usr/bin:/bin"},
        "link": "http",
    }
    times = []
    with _code(language) as task:
        backend = NamespaceBackend(
            code_root=task.parent,
            programs=program_of,
            inside_ports=(),
            on_listener=lambda *_: None,
            cgroups=detect_cgroups(),
            network=make_network("none", as_root=os.geteuid() == 0),
        )
        await backend.start()
        try:
            for _ in range(ROUNDS + 1):
                sandbox = await backend.launch(interpreter, park=True)
                await sandbox.warmed
                started = time.perf_counter()
                await sandbox.bind(
                    SandboxSpec(
                        task_dir=task,
                        opt_dir=None,
                        tmp_mib=64,
                        memory_mib=MEMORY_MIB,
                        vcpus=1.0,
                        processes_max=64,
                        hostname="lambda",
                        program=json.dumps(program).encode(),
                    )
                )
                end = await asyncio.shield(sandbox.exited)
                times.append((time.perf_counter() - started) * 1000)
                assert end.code == 0, (end, os.read(sandbox.output, 4096))
                await sandbox.close()
        finally:
            await backend.stop()
    return times[1:]
