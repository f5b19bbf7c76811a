"""Queues that feed functions: from a send to the function's first line, and what idleness costs."""

from __future__ import annotations

import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import boto3

from benchmarks import host

MESSAGES = 200
IDLE_MAPPINGS = 100
IDLE_S = 20.0
SOURCE = """
import time

def handler(event, context):
    now = time.time()
    for record in event["Records"]:
        print("came", record["body"], now)
"""


def mappings() -> None:
    _end_to_end()
    _idle()


def _end_to_end() -> None:
    """One message at a time: from before SendMessage to the handler's first line."""
    with host.lambent() as server:
        server.create("f", SOURCE)
        sqs = _client(server, "sqs")
        url = _feed(server, sqs, "q")
        for number in range(MESSAGES):
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps([number, time.time()]))
            time.sleep(0.02)
        time.sleep(1)
        pages = _client(server, "logs").get_paginator("filter_log_events")
        lines = [
            event["message"].split(" ", 1)[1].rpartition(" ")
            for page in pages.paginate(logGroupName="/aws/lambda/f")
            for event in page["events"]
            if event["message"].startswith("came ")
        ]
    times = [(float(came) - json.loads(body)[1]) * 1000 for body, _, came in lines]
    assert len(times) == MESSAGES
    p50 = statistics.median(times)
    p99 = statistics.quantiles(times, n=100)[98]
    host.report("sqs_to_function", p50, "ms", target="<= 30 ms", met=p50 <= 30, p99=p99)


def _idle() -> None:
    """Of one core, by a server with queues and mappings on which nothing happens."""
    with host.lambent() as server:
        server.create("f", SOURCE)
        sqs = _client(server, "sqs")
        for number in range(IDLE_MAPPINGS):
            _feed(server, sqs, f"q{number}")
        time.sleep(2)
        before_s = _cpu_s(server.process.pid)
        time.sleep(IDLE_S)
        share = 100 * (_cpu_s(server.process.pid) - before_s) / IDLE_S
    host.report("idle_mappings", share, "%", target="<= 2 %", met=share <= 2)


def _client(server: host.Lambent, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def _feed(server: host.Lambent, sqs: Any, name: str) -> str:
    """A queue that feeds `f`."""
    url: str = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    server.client.create_event_source_mapping(
        FunctionName="f", EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}"
    )
    return url


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
