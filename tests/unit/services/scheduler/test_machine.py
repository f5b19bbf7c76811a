"""A schedule under a clock, changes and kills, held to a model: the list of what was served."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lambent.services.delivery.timetable import LATE_S_MAX
from lambent.services.scheduler.firing import age_s_max, arrange, decide, fire_at_s
from lambent.services.scheduler.model import ScheduleRow
from tests.unit.services.scheduling import QUEUE, ROLE, START, seconds

ARN = "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s"
EXPRESSIONS = (
    *("rate(1 minute)", "rate(7 minutes)", "rate(3 hours)", "cron(* * * * ? *)"),
    *("cron(*/10 * * * ? *)", "cron(30 1 * * ? *)", "at(2026-01-01T00:10:00)"),
)


class ScheduleMachine(RuleBasedStateMachine):
    """`row` is what the disk holds; to serve an instant and to store the row is one step."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = seconds(START)
        self.row = self._new("rate(1 minute)")
        self.served: list[float] = []

    def _new(self, expression: str) -> ScheduleRow:
        target = {"Arn": QUEUE, "RoleArn": ROLE}
        row = ScheduleRow(
            name="s",
            expression=expression,
            target=target,
            created_s=self.now_s,
            modified_s=self.now_s,
            anchor_s=self.now_s,
        )
        return arrange(row, self.now_s)

    @rule(expression=st.sampled_from(EXPRESSIONS), window_min=st.sampled_from([0, 0, 5, 60]))
    def change(self, expression: str, window_min: int) -> None:
        changed = replace(
            self.row, expression=expression, window_min=window_min, anchor_s=self.now_s
        )
        self.row = arrange(changed, self.now_s)

    @rule()
    def switch(self) -> None:
        state = "DISABLED" if self.row.state == "ENABLED" else "ENABLED"
        self.row = arrange(replace(self.row, state=state), self.now_s)

    @rule()
    def restart(self) -> None:
        """The row comes back from the disk as it went there."""
        self.row = ScheduleRow(**json.loads(json.dumps(asdict(self.row))))

    @rule()
    def be_killed_before_the_commit(self) -> None:
        """What was decided is forgotten, with its message."""
        decide(self.row, ARN, self.now_s)

    @rule(step_s=st.integers(0, 200))
    def run_for_a_while(self, step_s: int) -> None:
        """Whatever is due is served when it is due."""
        end_s = self.now_s + step_s
        while (at_s := fire_at_s(self.row, ARN)) is not None and at_s <= end_s:
            self.now_s = max(self.now_s, at_s)
            due_s = self.row.due_s
            late = self.now_s - at_s > LATE_S_MAX
            served = self._serve()
            assert late or served == due_s
        self.now_s = end_s

    @rule(hours=st.floats(0.05, 60))
    def be_down(self, hours: float) -> None:
        self.now_s += hours * 3600

    @precondition(lambda self: fire_at_s(self.row, ARN) is not None)
    @rule()
    def come_back(self) -> None:
        """Of what was missed at most one is served, the last of all, unless it is too old."""
        at_s = fire_at_s(self.row, ARN)
        assert at_s is not None
        if self.now_s - at_s <= LATE_S_MAX:
            return
        last_s = self.row.schedule.last_s((self.row.due_s or 0) - 1, self.now_s)
        assert last_s is not None
        expected = last_s if self.now_s - last_s <= age_s_max(self.row) else None
        assert self._serve() == expected
        following = fire_at_s(self.row, ARN)
        assert following is None or following > self.now_s

    def _serve(self) -> float | None:
        firing = decide(self.row, ARN, self.now_s)
        assert firing is not None
        assert firing.following is not None
        self.row = firing.following
        if firing.instant_s is not None:
            self.served.append(firing.instant_s)
        return firing.instant_s

    @invariant()
    def each_instant_was_served_once_and_in_order(self) -> None:
        assert self.served == sorted(set(self.served))

    @invariant()
    def nothing_was_served_before_its_time(self) -> None:
        assert not self.served or self.served[-1] <= self.now_s

    @invariant()
    def a_disabled_schedule_is_not_due(self) -> None:
        assert self.row.state == "ENABLED" or self.row.due_s is None


TestScheduleMachine = ScheduleMachine.TestCase
TestScheduleMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
