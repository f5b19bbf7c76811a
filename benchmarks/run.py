"""Every figure of SPECIFICATION.md: one JSON line each, with the ratio to a floor program.

Usage: python -m benchmarks.run [NAME ...]; without names, all. Absolute times depend on the
machine and on what else runs on it; the ratios are to a floor measured in the same minute.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator

from benchmarks import host, load
from benchmarks.events import events
from benchmarks.languages import languages
from benchmarks.mappings import mappings
from benchmarks.mixed import mixed
from benchmarks.reload import reload
from benchmarks.s3 import s3
from benchmarks.sqs import sqs

WARM_ROUNDS = 3


def warm() -> None:
    """One client's median, and what 16 clients get through, against the floor's."""
    ratios, rates, medians, throughputs = [], [], [], []
    with host.lambent() as server, host.floor(16) as floor_port:
        server.create("echo")
        request = load.signed_invoke(server.port, "echo")
        floor_request = load.signed_invoke(floor_port, "echo")
        for _ in range(WARM_ROUNDS):
            floor_us = load.one_client_p50_us(floor_port, floor_request, count=4000)
            ours_us = load.one_client_p50_us(server.port, request, count=4000)
            floor_rate = load.throughput_per_s(floor_port, floor_request, clients=16, seconds=3)
            ours_rate = load.throughput_per_s(server.port, request, clients=16, seconds=3)
            ratios.append(ours_us / floor_us)
            medians.append(ours_us)
            rates.append(ours_rate / floor_rate)
            throughputs.append(ours_rate)
    ratio, rate = statistics.median(ratios), statistics.median(rates)
    p50 = statistics.median(medians)
    host.report("warm_p50", p50, "us", target="ratio <= 2", met=ratio <= 2, ratio=ratio)
    per_s = statistics.median(throughputs)
    host.report("warm_16", per_s, "1/s", target="ratio >= 0.5", met=rate >= 0.5, ratio=rate)


def url() -> None:
    """A request to a function URL beside an Invoke with the very event that it makes."""
    costs, medians = [], []
    with host.lambent() as server:
        hosts = []
        for name, result in (("event", "event"), ("answer", "{'statusCode': 200}")):
            server.create(name, f"def handler(event, context):\n    return {result}\n")
            config = server.client.create_function_url_config(FunctionName=name, AuthType="NONE")
            hosts.append(config["FunctionUrl"].removeprefix("http://").partition(":")[0])
        with load.connect(server.port) as connection:
            _, event = load.exchange(connection, load.url_request(server.port, hosts[0]))
        request = load.url_request(server.port, hosts[1])
        invoke = load.signed_invoke(server.port, "answer", event)
        for _ in range(WARM_ROUNDS):
            invoke_us = load.one_client_p50_us(server.port, invoke, count=4000)
            url_us = load.one_client_p50_us(server.port, request, count=4000)
            costs.append(url_us / invoke_us)
            medians.append(url_us)
    ratio, p50 = statistics.median(costs), statistics.median(medians)
    host.report("url_p50", p50, "us", target="<= 2 Invokes", met=ratio <= 2, ratio=ratio)


def _first_invoke_ms(server: host.Lambent, name: str) -> float:
    request = load.signed_invoke(server.port, name)
    with load.connect(server.port) as connection:
        started = time.perf_counter()
        head, _ = load.exchange(connection, request)
        elapsed = (time.perf_counter() - started) * 1000
    assert head.startswith(b"HTTP/1.1 200"), head
    assert b"function-error" not in head
    return elapsed


def cold() -> None:
    """The first invoke of a function: nothing parked, a sandbox, a runtime that waits in it."""
    for name, parked, ahead, target_ms in (
        ("cold_unparked", 0, 0, 8.0),
        ("cold_parked", 2, 0, 3.0),
        ("cold_ahead", 2, 8, 3.0),
    ):
        times, floors = [], []
        with host.lambent("--parked", str(parked), "--ahead", str(ahead)) as server:
            server.create("first")
            _first_invoke_ms(server, "first")
            for number in range(40):
                server.create(f"cold{number}")
                floors.append(host.bare_interpreter_ms(count=1))
                time.sleep(0.1)  # a parked one is made again meanwhile
                times.append(_first_invoke_ms(server, f"cold{number}"))
        p50, floor_ms = statistics.median(times), statistics.median(floors)
        target = f"<= {target_ms} ms"
        met = p50 <= target_ms
        host.report(name, p50, "ms", target=target, met=met, ratio=p50 / floor_ms, best=min(times))


def snap_start() -> None:
    """The first invoke of a version with SnapStart whose init takes a second."""
    source = f"import time\ntime.sleep(1)\n{host.ECHO}"
    times, floors = [], []
    with host.lambent() as server:
        for number in range(12):
            name = f"snap{number}"
            server.create(name, source, snap_start=True)
            waiter = server.client.get_waiter("published_version_active")
            waiter.config.delay = 0.2
            waiter.wait(FunctionName=name, Qualifier="1")
            floors.append(host.bare_interpreter_ms(count=1))
            times.append(_first_invoke_ms(server, f"{name}:1"))
    p50, floor_ms = statistics.median(times), statistics.median(floors)
    ratio, met = p50 / floor_ms, p50 <= 15
    host.report("snap_start", p50, "ms", target="<= 15 ms", met=met, ratio=ratio, best=min(times))


def ten_at_once() -> None:
    """Ten different functions, cold, at once: the time until all have answered."""
    floor_ms = host.bare_interpreter_ms()
    times = []
    with host.lambent() as server:
        server.create("first")
        _first_invoke_ms(server, "first")
        for round_number in range(7):
            names = [f"ten{round_number}x{number}" for number in range(10)]
            for name in names:
                server.create(name)
            time.sleep(0.3)
            connections = [load.connect(server.port) for _ in names]
            requests = [load.signed_invoke(server.port, name) for name in names]
            started = time.perf_counter()
            for connection, request in zip(connections, requests, strict=True):
                connection.sendall(request)
            for connection in connections:
                head, _ = load.exchange(connection, b"")
                assert head.startswith(b"HTTP/1.1 200"), head
            times.append((time.perf_counter() - started) * 1000)
            for connection in connections:
                connection.close()
    p50 = statistics.median(times)
    ratio = p50 / floor_ms
    host.report("ten_cold", p50, "ms", target="<= 60 ms", met=p50 <= 60, ratio=ratio)


def create() -> None:
    """CreateFunction, then its first result."""
    floor_ms = host.bare_interpreter_ms()
    times = []
    with host.lambent() as server:
        server.create("first")
        _first_invoke_ms(server, "first")
        for number in range(15):
            client = server.client
            package = host.make_zip(f"# {number}\n{host.ECHO}")
            request = load.signed_invoke(server.port, f"new{number}")
            time.sleep(0.1)
            with load.connect(server.port) as connection:
                started = time.perf_counter()
                client.create_function(
                    FunctionName=f"new{number}",
                    Runtime=host.RUNTIME,
                    Handler="app.handler",
                    Role=host.ROLE,
                    Code={"ZipFile": package},
                )
                head, _ = load.exchange(connection, request)
                times.append((time.perf_counter() - started) * 1000)
            assert head.startswith(b"HTTP/1.1 200"), head
    p50 = statistics.median(times)
    ratio = p50 / floor_ms
    host.report("create_to_result", p50, "ms", target="<= 40 ms", met=p50 <= 40, ratio=ratio)


def idle() -> None:
    """The server by itself: memory, time to ready, size on disk."""
    ready = []
    for _ in range(5):
        with host.lambent() as server:
            ready.append(server.ready_s)
            time.sleep(0.5)
            memory = host.pss_mib(server.process.pid)
    p50 = statistics.median(ready)
    floor_s = host.bare_interpreter_ms() / 1000
    host.report("ready", p50, "s", target="<= 0.5 s", met=p50 <= 0.5, ratio=p50 / floor_s)
    host.report("server_idle", memory, "MiB", target="<= 60 MB", met=memory * 1.048576 <= 60)
    size = _installed_mb()
    host.report("installed", size, "MB", target="<= 80 MB", met=size <= 80)


def _installed_mb() -> float:
    """Bytes of Lambent's dependencies, compiled files included, and of its own sources."""
    names = "boto3 botocore httptools uvloop jmespath python-dateutil s3transfer six urllib3"
    size = 0
    for name in [*names.split(), "lambent"]:
        for file in importlib.metadata.files(name) or []:
            path = file.locate()
            size += path.stat().st_size if path.exists() else 0  # type: ignore[attr-defined]
    return size / 1e6


def environments() -> None:
    """A thousand environments alive at once, and what one that idles costs, all in."""
    source = "import time\ndef handler(event, context):\n    time.sleep(event.get('s', 0))\n"
    with host.lambent("--concurrency", "1000") as server:
        server.create("sleeper", source, memory_mib=128)
        _first_invoke_ms(server, "sleeper")
        before = host.memory_available_mib()
        request = load.signed_invoke(server.port, "sleeper", b'{"s": 25}')
        started = time.perf_counter()
        connections = [load.connect(server.port) for _ in range(1000)]
        for connection in connections:
            connection.sendall(request)
        heads = [load.exchange(connection, b"")[0] for connection in connections]
        elapsed = time.perf_counter() - started
        assert all(head.startswith(b"HTTP/1.1 200") for head in heads)
        time.sleep(1.0)
        alive = _health(server)["environments"]["alive"]
        each = (before - host.memory_available_mib()) / 1000
        for connection in connections:
            connection.close()
    start_ms = (elapsed - 25) * 1000 / 1000
    floor = _bare_process_mib()
    host.report("alive_at_once", alive, "environments", target=">= 1000", met=alive >= 1000)
    met = each * 1.048576 <= 3
    host.report("idle_memory", each, "MiB", target="<= 3 MB", met=met, ratio=each / floor)
    host.report("start_each_of_1000", start_ms, "ms", target="", met=True)


def _health(server: host.Lambent) -> dict[str, dict[str, int]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/_lambent/health") as answer:
        health: dict[str, dict[str, int]] = json.load(answer)
        return health


def _bare_process_mib() -> float:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE)
    time.sleep(0.3)
    memory = host.pss_mib(process.pid)
    process.communicate(b"\n")
    return memory


def large() -> None:
    """A payload of 1 MB there and back."""
    body = b'"' + b"x" * 1_000_000 + b'"'
    with host.lambent() as server, host.floor(1) as floor_port:
        server.create("echo")
        request = load.signed_invoke(server.port, "echo", body)
        load.one_client_p50_us(server.port, request, count=3)
        p50 = load.one_client_p50_us(server.port, request, count=60) / 1000
        floor_request = load.signed_invoke(floor_port, "echo", body)
        floor = load.one_client_p50_us(floor_port, floor_request, count=60) / 1000
    host.report("echo_1mb", p50, "ms", target="<= 12 ms", met=p50 <= 12, ratio=p50 / floor)


def burst() -> None:
    """200 invokes of 50 ms sleep, 100 at a time, from cold."""
    source = "import time\ndef handler(event, context):\n    time.sleep(0.05)\n"
    times = []
    with host.lambent() as server:
        server.create("first")
        _first_invoke_ms(server, "first")
        for number in range(5):
            name = f"burst{number}"
            server.create(name, source, memory_mib=128)
            time.sleep(0.3)
            request = load.signed_invoke(server.port, name, b"{}")
            connections = [load.connect(server.port) for _ in range(100)]
            started = time.perf_counter()
            for connection in connections:
                connection.sendall(request)
            for connection in connections:
                load.exchange(connection, b"")
                connection.sendall(request)
            for connection in connections:
                head, _ = load.exchange(connection, b"")
                assert head.startswith(b"HTTP/1.1 200"), head
            times.append(time.perf_counter() - started)
            for connection in connections:
                connection.close()
            server.client.delete_function(FunctionName=name)
            time.sleep(1.0)
    p50 = statistics.median(times)
    host.report("burst_200", p50, "s", target="<= 0.6 s", met=p50 <= 0.6, ratio=p50 / 0.1)


def reset() -> None:
    """Back to empty, with 20 functions and 10 environments alive."""
    times = []
    with host.lambent("--allow-reset") as server:
        for _ in range(7):
            for number in range(20):
                server.create(f"f{number}")
            for number in range(10):
                _first_invoke_ms(server, f"f{number}")
            url = f"http://127.0.0.1:{server.port}/_lambent/reset"
            started = time.perf_counter()
            urllib.request.urlopen(urllib.request.Request(url, method="POST")).read()
            times.append((time.perf_counter() - started) * 1000)
    p50 = statistics.median(times)
    host.report("reset", p50, "ms", target="<= 100 ms", met=p50 <= 100)


def stream() -> None:
    """From a function's first write to its client's first byte, while the function still runs.

    The floor is one hop: a process writes the time into a connection, another reads it.
    """
    source = (
        "import time\n"
        "def handler(event, context):\n"
        "    yield b'%019d' % time.time_ns()\n"
        "    time.sleep(0.02)\n"
        "    yield b'end'\n"
    )
    times, floors = [], []
    with host.lambent() as server, _clock_process() as clock:
        server.create("stream", source)
        request = load.signed_stream(server.port, "stream")
        with load.connect(server.port) as connection:
            for number in range(220):
                clock.sendall(b"?")
                stamp = clock.recv(19)
                floor_us = (time.time_ns() - int(stamp)) / 1000
                first_us = load.first_chunk_us(connection, request)
                if number >= 20:
                    floors.append(floor_us)
                    times.append(first_us)
    p50, floor = statistics.median(times), statistics.median(floors)
    p99 = sorted(times)[len(times) * 99 // 100]
    met = p99 <= 20_000
    host.report(
        "stream_first_byte", p50, "us", target="<= 20 ms", met=met, ratio=p50 / floor, p99=p99
    )
    with host.lambent("--stream-bytes-per-s", str(64 * 1024 * 1024)) as server:
        server.create("large", _LARGE_STREAM)
        before = host.resident_mib(server.process.pid)
        seconds, largest = load.drain_stream(
            server.port, "large", lambda: host.resident_mib(server.process.pid)
        )
    grown = largest - before
    host.report("stream_200mb_memory", grown, "MiB", target="<= 24 MiB", met=grown <= 24)
    floor_s = (200 - 6) / 64  # what the bucket allows
    host.report("stream_200mb", seconds, "s", target="", met=True, ratio=seconds / floor_s)


_LARGE_STREAM = (
    "def handler(event, context):\n"
    "    block = bytes(1048576)\n"
    "    for _ in range(200):\n"
    "        yield block\n"
)
_CLOCK = (
    "import socket, sys, time\n"
    "one = socket.socket(fileno=int(sys.argv[1]))\n"
    "while one.recv(1):\n"
    "    one.sendall(b'%019d' % time.time_ns())\n"
)


@contextlib.contextmanager
def _clock_process() -> Iterator[socket.socket]:
    """A process that answers each byte with the time."""
    ours, theirs = socket.socketpair()
    arguments = [sys.executable, "-I", "-S", "-c", _CLOCK, str(theirs.fileno())]
    process = subprocess.Popen(arguments, pass_fds=(theirs.fileno(),))
    theirs.close()
    try:
        with ours:
            yield ours
    finally:
        process.wait(30)


ALL: dict[str, Callable[[], None]] = {
    "warm": warm,
    "url": url,
    "cold": cold,
    "snap_start": snap_start,
    "ten": ten_at_once,
    "create": create,
    "idle": idle,
    "large": large,
    "burst": burst,
    "reset": reset,
    "environments": environments,
    "stream": stream,
    "languages": languages,
    "reload": reload,
    "s3": s3,
    "mixed": mixed,
    "sqs": sqs,
    "mappings": mappings,
    "events": events,
}


def main() -> None:
    for name in sys.argv[1:] or ALL:
        ALL[name]()


if __name__ == "__main__":
    main()
