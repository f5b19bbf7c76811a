"""Batches of streams: order, retries, bisection, ages, windows. Against a model, and by example."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lambent.sources import tumbling
from lambent.sources.shards import Shard
from lambent.sources.stream_retry import (
    RETRY_S,
    Condition,
    GivenUp,
    Next,
    StreamConfig,
    StreamRecord,
    Work,
    decide,
    expire,
    failure_record,
    parse_config,
    pause_s,
)
from lambent.sources.tumbling import STATE_BYTES_MAX, Window, split, window_of

STREAM = "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"


def record(number: int, *, key: str = "k", arrived_s: float = 0.0, size: int = 10) -> StreamRecord:
    return StreamRecord(
        number=str(number), key=key, arrived_s=arrived_s, text=json.dumps("x" * (size - 2))
    )


def records(count: int) -> tuple[StreamRecord, ...]:
    return tuple(record(number) for number in range(count))


def numbers(work: Work) -> list[str]:
    return [one.number for one in work.records]


def report(*names: str) -> bytes:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": name} for name in names]}).encode()


def test_a_batch_that_succeeds_is_done() -> None:
    assert decide(Work(records(3)), StreamConfig(), b'"anything"') == Next()


def test_a_batch_that_fails_is_tried_until_its_retries_are_exhausted() -> None:
    config = StreamConfig(retries_max=2)
    work = Work(records(3))
    for failures in (1, 2):
        [work] = decide(work, config, None).again
        assert (len(work.records), work.failures) == (3, failures)
    after = decide(work, config, None)
    assert after.again == ()
    [given_up] = after.given_up
    assert given_up.condition is Condition.RETRIES_EXHAUSTED
    assert given_up.work.failures == 3


def test_without_a_limit_a_batch_is_tried_for_ever() -> None:
    work = Work(records(1))
    for _ in range(100):
        [work] = decide(work, StreamConfig(), None).again
    assert work.failures == 100
    assert pause_s(1) == RETRY_S[0]
    assert pause_s(1_000) == RETRY_S[1]


def test_a_batch_that_fails_is_halved_until_the_bad_record_is_alone() -> None:
    """[B] BisectBatchOnFunctionError."""
    config = StreamConfig(bisects=True, retries_max=0)
    todo, succeeded, given_up = [Work(records(10))], [], []
    while todo:
        work = todo.pop(0)
        bad = "7" in numbers(work)
        after = decide(work, config, None if bad else b"")
        succeeded += [] if bad else numbers(work)
        given_up += [numbers(one.work) for one in after.given_up]
        todo[:0] = after.again
    assert given_up == [["7"]]
    assert succeeded == [str(number) for number in range(10) if number != 7]


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (report(), []),
        (b"null", []),
        (report("2"), ["2", "3"]),
        (report("3", "1"), ["1", "2", "3"]),
        (report("9"), ["0", "1", "2", "3"]),
        (b"{", ["0", "1", "2", "3"]),
        (report(""), ["0", "1", "2", "3"]),
    ],
)
def test_a_partial_response_moves_on_to_its_lowest_number(answer: bytes, left: list[str]) -> None:
    after = decide(Work(records(4)), StreamConfig(partial=True), answer)
    assert [name for work in after.again for name in numbers(work)] == left


def test_a_partial_response_splits_where_both_are_on() -> None:
    """[DG]: "the batch is bisected at the returned sequence number"."""
    config = StreamConfig(partial=True, bisects=True, retries_max=3)
    [work] = decide(Work(records(4)), config, report("2")).again
    assert numbers(work) == ["2", "3"]


def test_records_beyond_the_age_are_given_up_before_a_try() -> None:
    old = [record(number, arrived_s=float(number)) for number in range(4)]
    after = expire(Work(tuple(old), 2), StreamConfig(age_s_max=60), 61.5)
    assert [numbers(work) for work in after.again] == [["2", "3"]]
    [given_up] = after.given_up
    assert (numbers(given_up.work), given_up.condition) == (["0", "1"], Condition.AGE_EXCEEDED)
    assert expire(Work(tuple(old)), StreamConfig(), 1e9).given_up == ()


def test_the_record_of_a_failure_tells_where_the_records_are() -> None:
    """Golden: [DG], example of an invocation record for a Kinesis stream."""
    work = Work((record(1), record(2)), 1)
    told = failure_record(
        GivenUp(work, Condition.RETRIES_EXHAUSTED),
        request_id="c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
        function_arn="arn:aws:lambda:us-east-2:123456789012:function:myfunction",
        executed_version="$LATEST",
        shard_id="shardId-000000000001",
        stream_arn=STREAM,
        now="2019-11-14T00:38:06.021Z",
        times=("2019-11-14T00:38:04.835Z", "2019-11-14T00:38:05.580Z"),
    )
    assert told == {
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-xmpl-af9c-0c604cde93a5",
            "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:myfunction",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2019-11-14T00:38:06.021Z",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:38:05.580Z",
            "batchSize": 2,
            "streamArn": STREAM,
        },
    }


def test_options_of_streams_are_read_with_their_defaults() -> None:
    assert parse_config({}) == StreamConfig()
    given = {"MaximumRetryAttempts": 0, "MaximumRecordAgeInSeconds": 60, "BatchSize": 5}
    assert parse_config(given) == StreamConfig(retries_max=0, age_s_max=60, batch_size=5)


def test_a_window_hands_its_state_on_and_ends_without_records() -> None:
    """[DG] "Implementing stateful processing", the example event."""
    window = window_of(119.0, 30)
    assert (window.start_s, window.end_s, window.is_over(119.9)) == (90, 120, False)
    assert split([record(1, arrived_s=119), record(2, arrived_s=120)], window) == 1
    window = tumbling.after(window, b'{"state": {"k": 2}}')
    event = json.loads(tumbling.make_event(window, [], final=True, shard_id="s", stream_arn=STREAM))
    assert event == {
        "Records": [],
        "window": {"start": "1970-01-01T00:01:30Z", "end": "1970-01-01T00:02:00Z"},
        "state": {"k": 2},
        "shardId": "s",
        "eventSourceARN": STREAM,
        "isFinalInvokeForWindow": True,
        "isWindowTerminatedEarly": False,
    }
    large = json.dumps({"state": {"k": "x" * STATE_BYTES_MAX}}).encode()
    assert tumbling.after(window, large).early


@pytest.mark.parametrize("answer", [b"", b"{}", b"null", b'{"state": 1}', b"{"])
def test_a_response_without_state_fails_in_a_window(answer: bytes) -> None:
    work = Work(records(2))
    assert len(decide(work, StreamConfig(tumbling_s=30), answer).again[0].records) == 2
    assert decide(work, StreamConfig(tumbling_s=30), b'{"state": {}}') == Next()


@given(times=st.lists(st.floats(0, 1_000), min_size=1, max_size=30), length_s=st.integers(1, 900))
def test_every_record_is_in_one_window(times: list[float], length_s: int) -> None:
    left = [record(number, arrived_s=one) for number, one in enumerate(sorted(times))]
    last_end_s = 0
    while left:
        window: Window = window_of(left[0].arrived_s, length_s)
        assert window.start_s >= last_end_s
        count = split(left, window)
        assert count >= 1
        assert all(window.start_s <= one.arrived_s < window.end_s for one in left[:count])
        left, last_end_s = left[count:], window.end_s


class ShardMachine(RuleBasedStateMachine):
    """Each record ends once; one key's never out of order; the checkpoint passes nothing open."""

    @initialize(
        lanes=st.integers(1, 4),
        batch_size=st.integers(1, 6),
        retries_max=st.one_of(st.none(), st.integers(0, 3)),
        age_s_max=st.one_of(st.none(), st.integers(60, 300)),
        bisects=st.booleans(),
        partial=st.booleans(),
        window_s=st.integers(0, 20),
    )
    def begin(self, **options: object) -> None:
        self.config = StreamConfig(**options)  # type: ignore[arg-type]  # drawn by name
        self.shard = Shard(self.config, bytes_max=120)
        self.now_s = 0.0
        self.added: list[StreamRecord] = []
        self.ended: list[str] = []
        self.running: dict[int, Work] = {}

    @rule(keys=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=8), size=st.integers(5, 40))
    def read(self, keys: list[str], size: int) -> None:
        fresh = [
            record(len(self.added) + number, key=key, arrived_s=self.now_s, size=size)
            for number, key in enumerate(keys)
        ]
        self.added += fresh
        self.shard.add(fresh, self.now_s)

    @rule(seconds=st.integers(0, 100))
    def wait(self, seconds: int) -> None:
        self.now_s += seconds

    @rule()
    def take(self) -> None:
        taken, given_up = self.shard.take(self.now_s)
        self._end(given_up)
        for lane, work in taken:
            assert lane not in self.running
            assert 0 < len(work.records) <= self.config.batch_size
            self.running[lane] = work
        due_s = self.shard.next_due_s()
        assert due_s is None or due_s > self.now_s

    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        if not self.running:
            return
        lane = data.draw(st.sampled_from(sorted(self.running)))
        work = self.running.pop(lane)
        kind = data.draw(st.sampled_from(["done", "failed", "partial", "throttled"]))
        if kind == "throttled":
            self.shard.not_run(lane, self.now_s)
            return
        failed = len(work.records) if kind == "done" else 0
        answer = None if kind == "failed" else b"null"
        if kind == "partial":
            failed = data.draw(st.integers(0, len(work.records) - 1))
            answer = report(work.records[failed].number)
            failed = failed if self.config.partial else len(work.records)
        self.ended += [one.number for one in work.records[:failed]]
        self._end(self.shard.finished(lane, answer, self.now_s))

    def _end(self, given_up: Sequence[GivenUp]) -> None:
        self.ended += [one.number for each in given_up for one in each.work.records]

    @invariant()
    def nothing_ends_twice(self) -> None:
        if hasattr(self, "ended"):
            assert len(self.ended) == len(set(self.ended))

    @invariant()
    def keys_are_in_order(self) -> None:
        if hasattr(self, "ended"):
            keys = {one.number: one.key for one in self.added}
            for key in set(keys.values()):
                order = [int(number) for number in self.ended if keys[number] == key]
                assert order == sorted(order)

    @invariant()
    def the_checkpoint_is_before_what_is_open(self) -> None:
        if hasattr(self, "ended"):
            ended, prefix = set(self.ended), 0
            while prefix < len(self.added) and self.added[prefix].number in ended:
                prefix += 1
            assert self.shard.checkpoint == (self.added[prefix - 1].number if prefix else None)
            assert len(self.shard) == len(self.added) - prefix


TestShardMachine = ShardMachine.TestCase
TestShardMachine.settings = settings(max_examples=80, stateful_step_count=40)
