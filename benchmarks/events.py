"""Asynchronous events: how many a second are on disk and answered, and how soon a thousand ran.

The floors are SQLite's commits of such rows, as many to a transaction as there are clients, and
HTTP that is answered at once.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
import urllib.request

import uvloop

from benchmarks import host, load
from benchmarks.sqs import commits_per_s

CLIENTS = 128
SECONDS = 3.0
ROUNDS = 3
THOUSAND = 1_000
SLEEPER = "import time\ndef handler(event, context):\n    time.sleep(60)\n"


def events() -> None:
    rates, http_ratios, commit_ratios = [], [], []
    with host.lambent() as server, host.floor(0) as floor_port:
        # One environment that is busy: what is measured is the acceptance alone.
        server.create("sleeper", SLEEPER)
        server.client.put_function_concurrency(
            FunctionName="sleeper", ReservedConcurrentExecutions=1
        )
        request = load.signed_event(server.port, "sleeper")
        floor_request = load.signed_event(floor_port, "sleeper")
        for _ in range(ROUNDS):
            commits = commits_per_s()
            http = load.throughput_per_s(
                floor_port, floor_request, clients=CLIENTS, seconds=SECONDS
            )
            ours = load.throughput_per_s(server.port, request, clients=CLIENTS, seconds=SECONDS)
            rates.append(ours)
            http_ratios.append(ours / http)
            commit_ratios.append(ours / commits)
    rate = statistics.median(rates)
    host.report(
        "events_accepted",
        rate,
        "1/s",
        target=">= 10000/s",
        met=rate >= 10_000,
        ratio=statistics.median(commit_ratios),
        http_ratio=statistics.median(http_ratios),
    )
    _thousand()


def _thousand() -> None:
    """From the first request to the end of the last run, with warm environments."""
    times = []
    with host.lambent() as server:
        server.create("echo")
        request = load.signed_event(server.port, "echo")
        for _ in range(ROUNDS + 1):
            started = time.perf_counter()
            uvloop.run(_send(server.port, request))
            while _depth(server.port):
                time.sleep(0.002)
            times.append(time.perf_counter() - started)
    seconds = statistics.median(times[1:])
    host.report("events_thousand", seconds, "s", target="<= 0.5 s", met=seconds <= 0.5)


async def _send(port: int, request: bytes) -> None:
    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(THOUSAND // 50):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 202"), head
        writer.close()

    await asyncio.gather(*(client() for _ in range(50)))


def _depth(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_lambent/events") as answer:
        functions = json.load(answer)["functions"]
    return sum(one["Depth"] for one in functions)
