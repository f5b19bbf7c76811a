"""`kill -9` while objects are put into a bucket that tells a queue and a function.

Every acknowledged object is read again as it was put; its event reaches the queue, or the function
and from there its destination, at least once.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.conftest import RunningServer
from tests.system.kills import work_until_killed

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20263"))
ROUNDS = 10
PUTTERS = 3
RUN_S_MAX = 0.4
BUCKET, QUEUE, FUNCTION = "crash-bucket", "crash-told", "crash-forward"
ARN = f"arn:aws:sqs:us-east-1:000000000000:{QUEUE}"
SOURCE = "def handler(event, context): return None"


def content_of(number: int) -> bytes:
    """Every other one is large enough for a file of its own."""
    return b"%d " % number * (1 if number % 2 else 20_000)


def key_of(number: int) -> str:
    return f"{'queue' if number % 3 else 'function'}/{number}"


def put_object(client: Any, numbers: Iterator[int], acknowledged: set[int]) -> None:
    number = next(numbers)
    client.put_object(Bucket=BUCKET, Key=key_of(number), Body=content_of(number))
    acknowledged.add(number)


def _prepare(server: RunningServer) -> None:
    sqs, s3 = server.client("sqs"), server.client("s3")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": ARN,
            }
        ],
    }
    sqs.create_queue(QueueName=QUEUE, Attributes={"Policy": json.dumps(policy)})
    client = server.create(FUNCTION, SOURCE)
    client.put_function_event_invoke_config(
        FunctionName=FUNCTION, DestinationConfig={"OnSuccess": {"Destination": ARN}}
    )
    client.add_permission(
        FunctionName=FUNCTION,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
    )
    s3.create_bucket(Bucket=BUCKET)

    def rule(prefix: str, **target: str) -> dict[str, Any]:
        key_filter = {"FilterRules": [{"Name": "prefix", "Value": prefix}]}
        return {**target, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": key_filter}}

    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}"
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration={
            "QueueConfigurations": [rule("queue/", QueueArn=ARN)],
            "LambdaFunctionConfigurations": [rule("function/", LambdaFunctionArn=arn)],
        },
    )


def _take_told(sqs: Any, url: str, told: Counter[int], wanted: set[int], patience_s: float) -> None:
    """Until every wanted number was told, or nothing comes for a while."""
    quiet_since = time.monotonic()
    while not wanted <= set(told) and time.monotonic() - quiet_since < patience_s:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            quiet_since = time.monotonic()
            body = json.loads(message["Body"])
            body = body.get("requestPayload", body)
            for record in body.get("Records", []):
                told[int(record["s3"]["object"]["key"].rpartition("/")[2])] += 1
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_s3_loses_no_acknowledged_object_and_none_of_its_events_across_10_kills(
    tmp_path: Path,
) -> None:
    chance, numbers = random.Random(SEED), itertools.count()
    put: set[int] = set()
    server = RunningServer(tmp_path / "data", ("--parked", "1"))
    try:
        server.start()
        _prepare(server)
        for _ in range(ROUNDS):
            putters = [partial(put_object, server.client("s3"), numbers, put)] * PUTTERS
            work_until_killed(server, putters, chance.uniform(0.05, RUN_S_MAX), SEED)
        s3, sqs = server.client("s3"), server.client("sqs")
        for number in put:
            body = s3.get_object(Bucket=BUCKET, Key=key_of(number))["Body"].read()
            assert body == content_of(number), f"seed {SEED}: {number} is not as it was put"
        url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
        told: Counter[int] = Counter()
        _take_told(sqs, url, told, put, patience_s=60)
        lost = put - set(told)
        assert not lost, f"seed {SEED}: {len(lost)} of {len(put)} were never told"
        twice = sum(count - 1 for count in told.values())
        print(f"{len(put)} objects, {sum(told.values())} events, {twice} of them again")
    finally:
        server.kill()
