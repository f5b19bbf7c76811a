"""Scheduler's operations on schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from lambent.domain.errors import not_supported
from lambent.domain.request import Handler, RequestContext
from lambent.domain.schedule import At
from lambent.policy.principal import ContextValue
from lambent.services.pages import answer_page
from lambent.services.scheduler.firing import arrange
from lambent.services.scheduler.model import (
    DEFAULT_GROUP,
    PRINCIPAL,
    SCHEDULES_MAX,
    ScheduleRow,
    check_times,
    conflict,
    group_arn,
    invalid,
    not_found,
    quota_exceeded,
    schedule_key,
)
from lambent.services.scheduler.plan import Moment, plan
from lambent.services.scheduler.state import State

Params = dict[str, Any]
Result = dict[str, Any]

PAGE_MAX = 100  # [B] MaxResults
_WHEN = ("expression", "zone", "state", "start_s", "end_s")
"""What decides when a schedule is due."""


MayAssume = Callable[[str, str, Mapping[str, ContextValue]], bool]
"""Whether a role (ARN) lets itself be assumed by a service, with what is known of the occasion."""


class ScheduleOperations:
    """Over the schedules of all groups."""

    def __init__(self, state: State, may_assume: MayAssume) -> None:
        self._state = state
        self._may_assume = may_assume

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateSchedule": self.create_schedule,
            "UpdateSchedule": self.update_schedule,
            "GetSchedule": self.get_schedule,
            "DeleteSchedule": self.delete_schedule,
            "ListSchedules": self.list_schedules,
        }

    async def create_schedule(self, params: Params, context: RequestContext) -> Result:
        """Also once more by the same ClientToken."""
        row = self._parse(params)

        def make() -> ScheduleRow | None:
            self._check_group(row.group)
            known = self._state.schedules.get(row.key)
            if known is not None:
                if row.client_token and known.client_token == row.client_token:
                    return None
                raise conflict("Schedule", row.name)
            if len(self._state.schedules) >= SCHEDULES_MAX:
                raise quota_exceeded()
            return arrange(row, self._state.clock.wall_s())

        await self._state.change(make)
        return {"ScheduleArn": self._state.arn(row)}

    async def update_schedule(self, params: Params, context: RequestContext) -> Result:
        """In place of all that was; what is not given gets its default. It keeps its pace where
        nothing changes when it is due."""
        row = self._parse(params)

        def make() -> ScheduleRow:
            known = self._find(params)
            changed = replace(row, created_s=known.created_s, served_s=known.served_s)
            if all(getattr(known, name) == getattr(row, name) for name in _WHEN):
                return replace(changed, anchor_s=known.anchor_s, due_s=known.due_s)
            return arrange(changed, self._state.clock.wall_s())

        await self._state.change(make)
        return {"ScheduleArn": self._state.arn(row)}

    async def get_schedule(self, params: Params, context: RequestContext) -> Result:
        return self._describe(self._find(params))

    async def delete_schedule(self, params: Params, context: RequestContext) -> Result:
        await self._state.delete(lambda: [self._find(params)])
        return {}

    async def list_schedules(self, params: Params, context: RequestContext) -> Result:
        if "GroupName" in params:
            self._check_group(params["GroupName"])
        chosen = {row.key: row for row in self._chosen(params)}
        return answer_page(
            "Schedules",
            sorted(chosen),
            lambda key: self._summary(chosen[key]),
            token=params.get("NextToken"),
            items_max=params.get("MaxResults") or PAGE_MAX,
            wrong_token=invalid("Invalid NextToken."),
        )

    def _chosen(self, params: Params) -> Iterator[ScheduleRow]:
        for row in self._state.schedules.values():
            if (
                params.get("GroupName", row.group) == row.group
                and params.get("State", row.state) == row.state
                and row.name.startswith(params.get("NamePrefix", ""))
            ):
                yield row

    def _parse(self, params: Params) -> ScheduleRow:
        """A schedule as asked for. Raises LambdaError."""
        if params.get("KmsKeyArn"):
            raise not_supported("encryption of schedules")
        now_s = self._state.clock.wall_s()
        zone = params.get("ScheduleExpressionTimezone", "UTC")
        check_times(params["ScheduleExpression"], zone)
        start_s, end_s = _seconds(params, "StartDate"), _seconds(params, "EndDate")
        if start_s is not None and end_s is not None and start_s >= end_s:
            raise invalid("The StartDate must be before the EndDate.")
        row = ScheduleRow(
            name=params["Name"],
            group=params.get("GroupName", DEFAULT_GROUP),
            expression=params["ScheduleExpression"],
            zone=zone,
            description=params.get("Description", ""),
            state=params.get("State", "ENABLED"),
            start_s=start_s,
            end_s=end_s,
            window_min=_window(params["FlexibleTimeWindow"]),
            target=params["Target"],
            action=params.get("ActionAfterCompletion", "NONE"),
            client_token=params.get("ClientToken", ""),
            created_s=now_s,
            modified_s=now_s,
            anchor_s=now_s if start_s is None else start_s,
        )
        if isinstance(row.schedule.expression, At):  # [B] both dates are ignored
            row = replace(row, start_s=None, end_s=None)
        plan(row.target, Moment(account=self._state.account, arn="", instant_s=now_s, event_id=""))
        self._check_role(row)
        return row

    def _check_role(self, row: ScheduleRow) -> None:
        """The text is as many quote it; that the group is the source, too."""
        account = self._state.account
        context = {
            "aws:sourcearn": group_arn(account, row.group),
            "aws:sourceaccount": account.account_id,
        }
        if not self._may_assume(row.target["RoleArn"], PRINCIPAL, context):
            raise invalid(
                "The execution role you provide must allow AWS EventBridge Scheduler to assume"
                " the role."
            )

    def _check_group(self, name: str) -> None:
        if name not in self._state.groups:
            raise not_found("Schedule group", name)

    def _find(self, params: Params) -> ScheduleRow:
        group = params.get("GroupName", DEFAULT_GROUP)
        self._check_group(group)
        found = self._state.schedules.get(schedule_key(group, params["Name"]))
        if found is None:
            raise not_found("Schedule", params["Name"])
        return found

    def _describe(self, row: ScheduleRow) -> Result:
        window: Result = {"Mode": "FLEXIBLE" if row.window_min else "OFF"}
        if row.window_min:
            window["MaximumWindowInMinutes"] = row.window_min
        described: Result = {
            **self._summary(row),
            "Target": _with_defaults(row.target),
            "ScheduleExpression": row.expression,
            "ScheduleExpressionTimezone": row.zone,
            "FlexibleTimeWindow": window,
            "ActionAfterCompletion": row.action,
        }
        for member, value in (
            ("Description", row.description or None),
            ("StartDate", row.start_s),
            ("EndDate", row.end_s),
        ):
            if value is not None:
                described[member] = value
        return described

    def _summary(self, row: ScheduleRow) -> Result:
        return {
            "Arn": self._state.arn(row),
            "Name": row.name,
            "GroupName": row.group,
            "State": row.state,
            "CreationDate": row.created_s,
            "LastModificationDate": row.modified_s,
            "Target": {"Arn": row.target["Arn"]},
        }


def _with_defaults(target: Mapping[str, Any]) -> Result:
    """AWS shows the retry policy that holds, also where none was given."""
    retry = target.get("RetryPolicy") or {}
    holds = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185, **retry}
    return {**target, "RetryPolicy": holds}


def _window(given: Mapping[str, Any]) -> int:
    minutes = given.get("MaximumWindowInMinutes")
    if given["Mode"] == "OFF":
        if minutes is not None:
            raise invalid("MaximumWindowInMinutes must not be given where the Mode is OFF.")
        return 0
    if minutes is None:
        raise invalid("MaximumWindowInMinutes must be given where the Mode is FLEXIBLE.")
    return int(minutes)


def _seconds(params: Params, member: str) -> float | None:
    moment = params.get(member)
    return None if moment is None else moment.timestamp()
