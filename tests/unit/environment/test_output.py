"""What a function prints becomes log events, and nothing of one invocation lands in the next."""

from __future__ import annotations

from lambent.clock import ManualClock
from lambent.domain.limits import LOG_EVENT_BYTES_MAX
from lambent.environment.output import BUDGET_BURST_BYTES, LogBudget, OutputLog


class Kept:
    def __init__(self) -> None:
        self.events: list[str] = []

    def write(self, timestamp_ms: int, message: str) -> None:
        self.events.append(message)


def make() -> tuple[OutputLog, Kept]:
    kept = Kept()
    return OutputLog(kept, ManualClock()), kept


def test_each_line_is_an_event_and_keeps_its_newline() -> None:
    out, kept = make()
    out.printed(b"one\ntwo\nthr")
    out.printed(b"ee\n")
    assert kept.events == ["one\n", "two\n", "three\n"]


def test_a_record_of_the_logger_stays_one_event_even_with_newlines() -> None:
    out, kept = make()
    out.record(b"first\nsecond")
    assert kept.events == ["first\nsecond"]


def test_the_two_channels_never_mix_inside_a_line() -> None:
    out, kept = make()
    out.printed(b"py")
    out.raw(b"raw")
    out.printed(b"thon\n")
    out.raw(b"!\n")
    assert kept.events == ["python\n", "raw!\n"]


def test_unfinished_lines_are_finished_at_the_end_of_an_invocation() -> None:
    out, kept = make()
    out.printed(b"half")
    out.finish_lines()
    out.finish_lines()
    assert kept.events == ["half"]


def test_the_tail_is_the_last_4_kilobytes_of_one_invocation() -> None:
    out, _ = make()
    out.printed(b"before\n")
    out.start_tail()
    for number in range(2000):
        out.printed(b"line %d\n" % number)
    tail = out.take_tail()
    assert tail is not None
    assert len(tail) == 4096
    assert tail.endswith(b"line 1999\n")
    assert b"before" not in tail
    assert out.take_tail() is None


def test_a_line_without_end_is_cut_at_the_size_of_one_event() -> None:
    out, kept = make()
    out.raw(b"x" * (LOG_EVENT_BYTES_MAX + 10))
    assert [len(event) for event in kept.events] == [LOG_EVENT_BYTES_MAX]


def test_broken_utf8_is_replaced_not_fatal() -> None:
    out, kept = make()
    out.raw(b"\xff\xfe\n")
    assert kept.events == ["��\n"]


def test_a_flood_must_wait_and_an_ordinary_log_never_does() -> None:
    clock = ManualClock()
    budget = LogBudget(clock)
    assert budget.spend(BUDGET_BURST_BYTES) == 0.0
    assert budget.spend(16 * 1024 * 1024) > 0.9
    clock.advance(10.0)
    assert budget.spend(1024) == 0.0
