"""Cold first invokes of other languages than Python, against the bare program in the same sandbox.

The floor starts a language's own program in a parked sandbox, with the same limits, has it load the
same handler and exit; an invoke does the same, and besides talks and answers over HTTP. For Java
that is `java` with Lambda's collector and first tier, Java's own archive of class data, the package
and AWS's jars on the class path, which makes the handler, a RequestHandler of objects, and ends:
the least that any client could do, without AWS's client, its JSON library and its native code.

Each is measured as it comes, with a process started ahead for the version, and (`_nothing_ahead`)
with `--ahead 0`, as the first invocation within a moment of a change finds it.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.javas import compile_java, core_jar, find_jdks, get_client

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
SETTLED_S = {"8": 1.5, "0": 0.2}
"""By `--ahead`: how long after a change what is made ahead of need is there."""
MEMORY_MIB = 1769


@dataclass(frozen=True, slots=True)
class Language:
    """A handler, and how the language's program loads it and ends."""

    handler: str
    files: Callable[[Path], Mapping[str, bytes]]
    """What the package holds; may be built with AWS's client for Java, in the folder given."""
    load: tuple[str, ...]
    """After the program's own path."""


def java_handler(client: Path) -> Mapping[str, bytes]:
    """Compiled by the oldest JDK of this host, for all that are newer."""
    with tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder:
        source = Path(folder) / "App.java"
        source.write_text(JAVA)
        return compile_java([source], Path(folder) / "classes", [core_jar(client)])


JAVA = """
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;

public class App implements RequestHandler<Object, Object> {
    public Object handleRequest(Object event, Context context) {
        return event;
    }

    public static void main(String[] arguments) {
        new App();
    }
}
"""


LANGUAGES = {
    "nodejs": Language(
        "app.handler",
        lambda _: {"app.js": b"exports.handler = async (event) => event;\n"},
        ("-e", "require('/var/task/app.js'); process.exit(0)"),
    ),
    "ruby": Language(
        "app.handler",
        lambda _: {"app.rb": b"def handler(event:, context:)\n  event\nend\n"},
        ("-e", "require 'json'; require '/var/task/app.rb'"),
    ),
    "java": Language(
        "App::handleRequest",
        java_handler,
        (
            *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"),
            *("-cp", "/var/task:/var/runtime/lib/*", "App"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One runtime of this host, and the package that it runs."""

    interpreter: Interpreter
    language: Language
    files: Mapping[str, bytes]


def languages() -> None:
    """Each language alone, then all of them at once."""
    with tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder:
        client = Path(folder) / "client"
        if find_jdks():
            get_client(client)
        _measure(_subjects(client), ("--java-client", str(client)))


def _subjects(client: Path) -> dict[str, Subject]:
    """By runtime; one alone of those that are the same under two names."""
    settings = load_settings(os.environ, {"java_client": str(client)})
    found = find_runtimes(runtime_settings(settings), os.environ)
    return {
        runtime: Subject(interpreter, language, language.files(client))
        for runtime, interpreter in found.items()
        for family, language in LANGUAGES.items()
        if runtime.startswith(family) and not runtime.endswith(".al2023")
    }


def _measure(subjects: dict[str, Subject], arguments: tuple[str, ...]) -> None:
    for ahead, suffix in (("8", ""), ("0", "_nothing_ahead")):
        options = (*arguments, "--ahead", ahead)
        alone = {}
        for runtime, subject in subjects.items():
            floor_ms = statistics.median(_floors_ms(subject))
            with host.lambent(*options) as server:
                times = list(_first_invokes_ms(server, runtime, subject, SETTLED_S[ahead]))
            alone[runtime] = p50 = statistics.median(times)
            ratio = p50 / floor_ms
            name = f"cold_{runtime}{suffix}"
            host.report(name, p50, "ms", target="ratio <= 1.5", met=ratio <= 1.5, ratio=ratio)
        _measure_at_once(subjects, options, max(alone.values()), suffix, SETTLED_S[ahead])


def _measure_at_once(
    subjects: dict[str, Subject],
    options: tuple[str, ...],
    slowest_ms: float,
    suffix: str,
    settled_s: float,
) -> None:
    with host.lambent(*options) as server:
        for runtime, subject in subjects.items():
            _create(server, f"warmup-{runtime.replace('.', '-')}", runtime, subject)
            _invoke_ms(server, f"warmup-{runtime.replace('.', '-')}")
        times = [_at_once_ms(server, number, subjects, settled_s) for number in range(5)]
    bound = slowest_ms * 1.5 + 50
    p50 = statistics.median(times)
    name, target = f"languages_cold{suffix}", f"<= {bound:.0f} ms"
    host.report(name, p50, "ms", target=target, met=p50 <= bound, ratio=p50 / bound)


def _create(server: host.Lambent, name: str, runtime: str, subject: Subject) -> None:
    code = host.make_package(subject.files, name)
    server.client.create_function(
        FunctionName=name,
        Runtime=runtime,
        Handler=subject.language.handler,
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


def _first_invokes_ms(
    server: host.Lambent, runtime: str, subject: Subject, settled_s: float
) -> Iterator[float]:
    _create(server, "first", runtime, subject)
    _invoke_ms(server, "first")
    for number in range(ROUNDS):
        _create(server, f"cold{number}", runtime, subject)
        time.sleep(settled_s)
        yield _invoke_ms(server, f"cold{number}")


def _at_once_ms(
    server: host.Lambent, number: int, subjects: dict[str, Subject], settled_s: float
) -> float:
    """One cold function of each language, all invoked at once, until the last has answered."""
    names = []
    for runtime, subject in subjects.items():
        name = f"once{number}-{runtime.replace('.', '-')}"
        _create(server, name, runtime, subject)
        names.append(name)
    time.sleep(settled_s * len(names))  # one is started after another
    with ThreadPoolExecutor(len(names)) as pool:
        started = time.perf_counter()
        list(pool.map(lambda name: _invoke_ms(server, name), names))
        return (time.perf_counter() - started) * 1000


def _floors_ms(subject: Subject) -> list[float]:
    return asyncio.run(_bare_starts_ms(subject))


@contextmanager
def _code(files: Mapping[str, bytes]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder:
        os.chmod(folder, 0o755)
        task = Path(folder) / "code" / "task"
        task.mkdir(parents=True)
        for name, content in files.items():
            (task / name).write_bytes(content)
        yield task


async def _bare_starts_ms(subject: Subject) -> list[float]:
    interpreter = subject.interpreter
    start = family_of(interpreter.runtime).start(
        interpreter, handler="", memory_mib=MEMORY_MIB, variables={}
    )
    program = {
        "commands": [[start.commands[0][0], *subject.language.load]],
        "environment": {"PATH": "/usr/bin:/bin"},
        "link": "http",
    }
    times = []
    with _code(subject.files) as task:
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
