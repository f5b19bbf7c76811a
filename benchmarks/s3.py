"""S3: puts of 1 KB a second over HTTP, and how soon a put runs a function; the floor beneath.

The floor is what SQLite commits of the same rows, as many to a transaction as there are clients,
with the MD5 of each body.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from benchmarks import host, load

CLIENTS = 64
SECONDS = 3.0
BODY = os.urandom(1_024)
EVENTS = 200
CLOCK = "import time\ndef handler(event, context):\n    return time.time_ns()\n"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:told"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:clock"


def s3() -> None:
    """Puts by 64 clients, each of another key; then puts in a row that each run a function."""
    floor = _commits_per_s()
    with host.lambent() as server:
        clients = {name: _client(server.port, name) for name in ("s3", "sqs")}
        clients["s3"].create_bucket(Bucket="puts")
        rate = load.throughput_per_s(
            server.port, _puts(server.port), clients=CLIENTS, seconds=SECONDS
        )
        server.create("clock", CLOCK)
        p50_ms = _put_to_function_ms(server, clients["s3"], clients["sqs"])
    host.report("s3_put", rate, "1/s", target=">= 1500/s", met=rate >= 1_500, ratio=rate / floor)
    host.report("s3_to_function_p50", p50_ms, "ms", target="<= 30 ms", met=p50_ms <= 30)


def _client(port: int, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _puts(port: int) -> Callable[[], bytes]:
    """Makes whole puts with an SDK's headers."""
    numbers = itertools.count()
    digest = hashlib.sha256(BODY).hexdigest()

    def make() -> bytes:
        return (
            f"PUT /puts/key-{next(numbers)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "User-Agent: Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux lang/python#3.11.7\r\n"
            f"X-Amz-Date: 20261121T000000Z\r\nX-Amz-Content-SHA256: {digest}\r\n"
            "Authorization: AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/s3/aws4_request,"
            f" SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={'0' * 64}\r\n"
            f"Content-Length: {len(BODY)}\r\n\r\n"
        ).encode() + BODY

    return make


def _put_to_function_ms(server: host.Lambent, s3_client: Any, sqs: Any) -> float:
    """Median from before a put is sent until its function runs, by the function's own clock."""
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    client = server.client
    client.get_waiter("function_active_v2").wait(FunctionName="clock")
    client.add_permission(
        FunctionName="clock",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )
    client.put_function_event_invoke_config(
        FunctionName="clock", DestinationConfig={"OnSuccess": {"Destination": QUEUE}}
    )
    s3_client.create_bucket(Bucket="events")
    rule = {"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}
    s3_client.put_bucket_notification_configuration(
        Bucket="events", NotificationConfiguration={"LambdaFunctionConfigurations": [rule]}
    )
    times = []
    for number in range(EVENTS + 1):
        started_ns = time.time_ns()
        s3_client.put_object(Bucket="events", Key=str(number), Body=BODY)
        messages: list[Any] = []
        while not messages:
            answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
            messages = answer.get("Messages", [])
        ran_ns = json.loads(messages[0]["Body"])["responsePayload"]
        times.append((ran_ns - started_ns) / 1e6)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
    return statistics.median(times[1:])  # the first was cold


def _commits_per_s() -> float:
    """Rows a second, CLIENTS to a transaction that is on disk."""
    with tempfile.TemporaryDirectory(prefix="lambent-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE rows (key TEXT PRIMARY KEY, etag TEXT, body BLOB)")
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS:
            connection.execute("BEGIN IMMEDIATE")
            for number in range(CLIENTS):
                etag = hashlib.md5(BODY, usedforsecurity=False).hexdigest()
                row = (f"key-{done + number}", etag, BODY)
                connection.execute("INSERT INTO rows VALUES (?, ?, ?)", row)
            connection.execute("COMMIT")
            done += CLIENTS
        rate = done / (time.perf_counter() - started)
        connection.close()
    return rate
