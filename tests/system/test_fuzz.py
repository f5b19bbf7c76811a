"""Whatever comes over HTTP: an answer in order or a closed connection, and a server as before.

Source: the issue of step 1, "Must be shown" 4.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import RunningServer, running
from tests.system.cases import Case, make_case
from tests.system.host import connection, get_json, resident_bytes

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20261"))
REQUESTS = 20_000
CLIENTS = 8
CANARY = "canary-6f1d2c"
GROWTH_BYTES_MAX = 12 * 1024 * 1024
SLOW_HEADS = (
    b"GET /",
    b"POST /2015-03-31/functions/target/invocations HTTP/1.1\r\nhost: x\r\n",
    b"GET / HTTP/1.1\r\nx-half",
    b"GET /" + b"a" * 5_000,
)
HEADER_TIMEOUT_S = 20
LATE_S_MAX = 30
"""Of a server that is busy with all the others."""
LEAKS = re.compile(
    rb"Traceback|File \"/|object at 0x|<class '|lambent\.[a-z_]+\.|site-packages|"
    rb"(Key|Type|Attribute|Index|Unicode\w*|Recursion|Overflow|OS)Error\b|'NoneType'|"
    rb"Value '(None|True|False)'|\{'\w*': |\bb'\\\\x|" + CANARY.encode()
)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a function `target` for the fuzzer and one, `kept`, that it does not know."""
    folder = tmp_path_factory.mktemp("fuzz")
    environment = {"CANARY_NAME": CANARY}
    with running(folder / "data", "--concurrency", "1000", environment=environment) as server:
        for name in ("target", "kept"):
            source = "def handler(event, context):\n    return event\n"
            client = server.create(name, source, Tags={"_custom_id_": name})
            client.create_function_url_config(
                FunctionName=name, AuthType="NONE", Cors={"AllowOrigins": ["http://page.example"]}
            )
        yield server


class Client:
    """One connection after another, each kept for as long as the server keeps it."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._socket: socket.socket | None = None
        self._buffer = b""

    def send(self, case: Case) -> list[tuple[int, bytes]]:
        """(status, head and body) of every answer; for whole requests all must come."""
        for attempt in (1, 2):
            fresh = self._socket is None
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self._server.port), 60)
                self._buffer = b""
            answers = self._exchange(case)
            if answers or fresh or attempt == 2 or not case.whole:
                break  # else the server had closed the kept connection before: once more
        return answers

    def _exchange(self, case: Case) -> list[tuple[int, bytes]]:
        assert self._socket is not None
        answers: list[tuple[int, bytes]] = []
        try:
            self._socket.sendall(case.data)
            if not case.whole:
                self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused while we still sent: what was answered can be read
        while len(answers) < case.answers or not case.whole:
            answer = self._read_answer(case.head_only)
            if answer is None:
                break
            answers.append(answer)
        if not case.whole or (answers and b"connection: close" in answers[-1][1]):
            self.close()
        return answers

    def _read_answer(self, head_only: bool) -> tuple[int, bytes] | None:
        while True:
            head = self._read_until(lambda data: data.find(b"\r\n\r\n") + 1)
            if head is None:
                return None
            end = head.index(b"\r\n\r\n") + 4
            status = int(head[9:12])
            if status != 100:
                break
            self._buffer = self._buffer[end:]
        if b"transfer-encoding: chunked" in head[:end].lower():
            whole = self._read_until(lambda data: data.find(b"\r\n0\r\n\r\n", end) + 1)
            if whole is None:
                return None
            size = whole.index(b"\r\n0\r\n\r\n", end) + 7
            self._buffer = whole[size:]
            return status, whole[:size]
        declared = re.search(rb"content-length: (\d+)", head[:end].lower())
        size = end + (int(declared[1]) if declared and not head_only else 0)
        data = self._read_until(lambda data: len(data) >= size)
        if data is None:
            return None
        self._buffer = data[size:]
        return status, data[:size]

    def _read_until(self, enough) -> bytes | None:  # type: ignore[no-untyped-def]
        assert self._socket is not None
        while not enough(self._buffer):
            try:
                part = self._socket.recv(65536)
            except ConnectionError:
                part = b""
            if not part:
                self.close()
                return None
            self._buffer += part
        return self._buffer

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def fuzz(server: RunningServer, seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """Send `count` requests; how many answers of each status there were, and what was wrong."""
    chance = random.Random(seed)
    client = Client(server)
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    sent = 0
    while sent < count and len(wrong) < 5:
        case = make_case(chance)
        sent += case.answers
        try:
            answers = client.send(case)
        except TimeoutError:
            wrong.append(f"seed {seed}: no answer to {case.kind} {case.data[:600]!r}")
            client.close()
            continue
        counts[case.kind] += case.answers
        for status, answer in answers:
            counts[str(status)] += 1
            if status >= 500 or LEAKS.search(answer):
                wrong.append(f"{answer[:600]!r} to {case.kind} {case.data[:600]!r}")
        closed = any(b"connection: close" in answer for _, answer in answers)
        if case.whole and len(answers) != case.answers and not closed:
            wrong.append(
                f"{len(answers)} answers to {case.answers} {case.kind} {case.data[:600]!r}"
            )
    client.close()
    return counts, wrong


def test_20000_malformed_requests_do_no_harm(target: RunningServer) -> None:
    print(f"seed {SEED}")
    slow = threading.Thread(target=assert_slow_heads_end, args=(target, failures := []))
    slow.start()
    sizes = []
    totals: Counter[str] = Counter()
    for part in range(4):
        with ThreadPoolExecutor(CLIENTS) as pool:
            results = pool.map(
                lambda number, part=part: fuzz(
                    target, SEED + 100 * part + number, REQUESTS // 4 // CLIENTS
                ),
                range(CLIENTS),
            )
            for counts, wrong in results:
                assert not wrong, "\n".join(wrong)
                totals += counts
        sizes.append(resident_bytes(target.pid))
    print(dict(totals), [size // 1024 // 1024 for size in sizes])
    slow.join()
    assert not failures, failures
    assert sizes[3] - sizes[1] < GROWTH_BYTES_MAX, sizes
    answer = target.client("lambda").invoke(FunctionName="kept", Payload=b'{"still": "here"}')
    assert json.loads(answer["Payload"].read()) == {"still": "here"}
    assert get_json(target, "/_lambent/health")["status"] == "ready"
    log = target.log()
    assert "fault" not in log, log[-5_000:]
    assert "Traceback" not in log, log[-5_000:]
    assert CANARY not in log


def assert_slow_heads_end(server: RunningServer, failures: list[str]) -> None:
    """Requests that never become whole are answered 408 and closed, dribbling or not."""
    try:
        with ThreadPoolExecutor(2 * len(SLOW_HEADS)) as pool:
            results = [
                pool.submit(slow_head, server, head, dribbles)
                for head in SLOW_HEADS
                for dribbles in (False, True)
            ]
            for result in results:
                answer, seconds = result.result()
                if (
                    not answer.startswith(b"HTTP/1.1 408 ")
                    or seconds > HEADER_TIMEOUT_S + LATE_S_MAX
                ):
                    failures.append(f"{answer[:200]!r} after {seconds} s")
    except Exception as error:  # told by the test that waits for this thread
        failures.append(repr(error))


def slow_head(server: RunningServer, head: bytes, dribbles: bool) -> tuple[bytes, float]:
    """The answer to a head that does not end, and after how many seconds the connection did."""
    began = time.monotonic()
    received = b""
    with connection(server, timeout_s=1.0) as raw:
        raw.sendall(head)
        while time.monotonic() - began < HEADER_TIMEOUT_S + LATE_S_MAX:
            try:
                part = raw.recv(65536)
            except TimeoutError:
                if dribbles:
                    with contextlib.suppress(ConnectionError):  # ended just now: read what it said
                        raw.sendall(b"a")
                continue
            except ConnectionError:
                break
            if not part:
                break
            received += part
    return received, time.monotonic() - began


def test_a_database_under_the_fuzzer_is_still_whole(target: RunningServer, tmp_path: Path) -> None:
    """What the fuzzer created can be listed, read and removed by an ordinary client."""
    client = target.client("lambda")
    for page in client.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            assert client.get_function(FunctionName=name)["Configuration"]["FunctionName"] == name
            if name not in ("target", "kept"):
                client.delete_function(FunctionName=name)
    for page in target.client("logs").get_paginator("describe_log_groups").paginate():
        assert all(group["logGroupName"] for group in page["logGroups"])
    for page in target.client("iam").get_paginator("list_roles").paginate():
        assert all(role["RoleName"] for role in page["Roles"])
