"""What becomes of a batch of a stream after each try. Pure.

A stream is read in order, so a batch that fails is in the way of what follows until it succeeds or
is given up: when a limit of tries or of age is reached, its description goes to the on-failure
destination and the stream goes on.
Source: [DG] "Configuring error handling controls" of Kinesis and DynamoDB Streams; [B]
MaximumRetryAttempts, MaximumRecordAgeInSeconds (-1: without end), BisectBatchOnFunctionError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lambent.sources.responses import parse_failures

RETRY_S = (0.2, 60.0)
"""[own] The first and the longest pause before a batch is tried again."""


class Condition(StrEnum):
    """`requestContext.condition` of a failure's record."""

    RETRIES_EXHAUSTED = "RetryAttemptsExhausted"  # [DG], the example of a record
    AGE_EXCEEDED = "RecordAgeExceeded"  # UNVERIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """One record of a shard."""

    number: str
    """Its sequence number, which partial batch responses name."""
    key: str
    """Records of one key keep their order: the partition key, or a table's primary key."""
    arrived_s: float
    """Since the epoch."""
    text: str
    """Its JSON, ASCII, as the function gets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConfig:
    """A mapping's options."""

    batch_size: int = 100
    window_s: float = 0.0
    retries_max: int | None = None
    age_s_max: float | None = None
    bisects: bool = False
    partial: bool = False
    lanes: int = 1
    """ParallelizationFactor."""
    tumbling_s: int = 0


def parse_config(options: Mapping[str, Any]) -> StreamConfig:
    """From the members of EventSourceMappingConfiguration."""
    retries, age_s = (
        options.get("MaximumRetryAttempts", -1),
        options.get("MaximumRecordAgeInSeconds", -1),
    )
    return StreamConfig(
        batch_size=options.get("BatchSize", 100),
        window_s=options.get("MaximumBatchingWindowInSeconds", 0),
        retries_max=None if retries < 0 else retries,
        age_s_max=None if age_s < 0 else age_s,
        bisects=options.get("BisectBatchOnFunctionError", False),
        partial="ReportBatchItemFailures" in (options.get("FunctionResponseTypes") or ()),
        lanes=options.get("ParallelizationFactor", 1),
        tumbling_s=options.get("TumblingWindowInSeconds", 0),
    )


@dataclass(frozen=True, slots=True)
class Work:
    """Records that are tried together."""

    records: tuple[StreamRecord, ...]
    failures: int = 0
    """Times that the function failed with the first of them."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Records that are not tried any more."""

    work: Work
    condition: Condition


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a try: `again` in this order, before anything else of its lane."""

    again: tuple[Work, ...] = ()
    given_up: tuple[GivenUp, ...] = ()


def expire(work: Work, config: StreamConfig, now_s: float) -> Next:
    """Before a try: the oldest records that are beyond the age are given up."""
    if config.age_s_max is None:
        return Next((work,))
    count = 0
    while count < len(work.records) and now_s - work.records[count].arrived_s > config.age_s_max:
        count += 1
    if not count:
        return Next((work,))
    old = GivenUp(Work(work.records[:count], work.failures), Condition.AGE_EXCEEDED)
    rest = work.records[count:]
    return Next((Work(rest),) if rest else (), (old,))


def decide(work: Work, config: StreamConfig, answer: bytes | None) -> Next:
    """After a try that reached the function; `answer` is None where the function failed.

    A throttle or a fault of ours is no try: the same work goes on. Of a partial response the lowest
    number counts, and what lies before it is done. That splitting a batch takes none of its
    retries, and that progress begins their count anew, is UNVERIFIED.
    """
    first_failed = 0 if answer is None else _first_failed(work, config, answer)
    if first_failed == len(work.records):
        return Next()
    left = work.records[first_failed:]
    failures = 1 if first_failed else work.failures + 1
    if config.bisects and len(left) > 1:
        if first_failed:
            return Next((Work(left),))  # split at the number that was returned
        middle = len(left) // 2
        halves = left[:middle], left[middle:]
        return Next(tuple(Work(half, work.failures) for half in halves))
    if config.retries_max is not None and failures > config.retries_max:
        return Next((), (GivenUp(Work(left, failures), Condition.RETRIES_EXHAUSTED),))
    return Next((Work(left, failures),))


def pause_s(tries: int) -> float:
    """How long to wait before a batch that failed `tries` times in a row is tried again."""
    return min(RETRY_S[0] * 2.0 ** min(max(tries - 1, 0), 20), RETRY_S[1])


def _first_failed(work: Work, config: StreamConfig, answer: bytes) -> int:
    """The position of the first record that failed; as many as there are where none did."""
    if config.tumbling_s and not _has_state(answer):
        return 0
    if not config.partial:
        return len(work.records)
    numbers = [record.number for record in work.records]
    failed = parse_failures(answer, numbers)
    if failed is None:
        return 0
    return min((numbers.index(one) for one in failed), default=len(numbers))


def _has_state(answer: bytes) -> bool:
    """[DG] "If the response does not contain a `state` property, … a failed invocation"."""
    try:
        response = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(response, dict) and isinstance(response.get("state"), dict)


def failure_record(
    given_up: GivenUp,
    *,
    request_id: str,
    function_arn: str,
    executed_version: str | None,
    shard_id: str,
    stream_arn: str,
    now: str,
    times: Sequence[str],
) -> dict[str, Any]:
    """What the on-failure destination gets: where the records are, not the records.

    `now` and `times` (of the first and the last record) as `2019-11-14T00:38:06.021Z`;
    `executed_version` None where the function was never reached.
    Source: facts/events.md, "Stream on-failure"; [DG], the example of an invocation record.
    """
    records = given_up.work.records
    member = "DDBStreamBatchInfo" if ":dynamodb:" in stream_arn else "KinesisBatchInfo"
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn,
            "condition": given_up.condition.value,
            "approximateInvokeCount": given_up.work.failures,
        }
    }
    if executed_version is not None:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": executed_version,
            "functionError": "Unhandled",
        }
    return record | {
        "version": "1.0",
        "timestamp": now,
        member: {
            "shardId": shard_id,
            "startSequenceNumber": records[0].number,
            "endSequenceNumber": records[-1].number,
            "approximateArrivalOfFirstRecord": times[0],
            "approximateArrivalOfLastRecord": times[-1],
            "batchSize": len(records),
            "streamArn": stream_arn,
        },
    }
