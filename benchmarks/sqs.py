"""SQS: sends and receives a second over HTTP, at two depths of the queue; the floor beneath.

The floor is what SQLite commits of the same rows, as many to a transaction as there are clients.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from pathlib import Path

import boto3

from benchmarks import host, load

CLIENTS = 64
SECONDS = 3.0
DEEP = 100_000
BODY = "x" * 100


def sqs() -> None:
    """Sends and receives by 64 clients, into 10 messages and into 100,000."""
    floor = commits_per_s()
    rates: dict[tuple[str, int], float] = {}
    with host.lambent() as server:
        client = boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{server.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        for depth in (10, DEEP):
            attributes = {"VisibilityTimeout": "43200"}
            url = client.create_queue(QueueName=f"depth-{depth}", Attributes=attributes)["QueueUrl"]
            send = _request(server.port, "SendMessage", {"QueueUrl": url, "MessageBody": BODY})
            receive = _request(server.port, "ReceiveMessage", {"QueueUrl": url})
            _fill(client, url, depth)
            rates["send", depth] = _rate(server.port, send)
            # Enough that no receive finds the queue empty.
            _fill(client, url, int(rates["send", depth] * (SECONDS + 2)))
            rates["receive", depth] = _rate(server.port, receive)
    for kind in ("send", "receive"):
        shallow, deep = rates[kind, 10], rates[kind, DEEP]
        host.report(
            f"sqs_{kind}",
            shallow,
            "1/s",
            target=">= 3000/s",
            met=min(shallow, deep) >= 3_000,
            ratio=shallow / floor,
            deep=deep,
            flat=deep / shallow,
        )


def _rate(port: int, request: bytes) -> float:
    return load.throughput_per_s(port, request, clients=CLIENTS, seconds=SECONDS)


def _request(port: int, operation: str, params: dict[str, str]) -> bytes:
    """One whole call by JSON, with an SDK's headers."""
    body = json.dumps(params).encode()
    return (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Amz-Target: AmazonSQS.{operation}\r\n"
        "Content-Type: application/x-amz-json-1.0\r\nx-amzn-query-mode: true\r\n"
        "User-Agent: Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11.7\r\n"
        "X-Amz-Date: 20261121T000000Z\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs/aws4_request,"
        f" SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _fill(client: object, url: str, count: int) -> None:
    entries = [{"Id": str(number), "MessageBody": BODY} for number in range(10)]
    for _ in range(count // 10):
        client.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[attr-defined]


def commits_per_s() -> float:
    """Rows a second, CLIENTS to a transaction that is on disk."""
    with tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, id TEXT, body TEXT)")
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS:
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(CLIENTS):
                connection.execute("INSERT INTO rows (id, body) VALUES (?, ?)", ("i" * 36, BODY))
            connection.execute("COMMIT")
            done += CLIENTS
        rate = done / (time.perf_counter() - started)
        connection.close()
    return rate
