"""EventBridge's operations on rules and their targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lambent.domain.event_pattern import PatternError, parse_pattern
from lambent.domain.request import Handler, RequestContext
from lambent.services.events.bus_operations import tags_of
from lambent.services.events.model import (
    DEFAULT_BUS,
    RULES_MAX,
    TARGETS_MAX,
    Rule,
    invalid,
    invalid_pattern,
    limit_exceeded,
    rule_arn,
)
from lambent.services.events.paging import list_page
from lambent.services.events.scheduled import arrange, check_schedule
from lambent.services.events.state import LiveRule, State
from lambent.services.events.targets import check_target

Params = dict[str, Any]
Result = dict[str, Any]


class RuleOperations:
    """Over the rules of all buses."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "PutRule": self.put_rule,
            "DescribeRule": self.describe_rule,
            "DeleteRule": self.delete_rule,
            "EnableRule": self.enable_rule,
            "DisableRule": self.disable_rule,
            "ListRules": self.list_rules,
            "ListRuleNamesByTarget": self.list_rule_names_by_target,
            "PutTargets": self.put_targets,
            "RemoveTargets": self.remove_targets,
            "ListTargetsByRule": self.list_targets_by_rule,
        }

    async def put_rule(self, params: Params, context: RequestContext) -> Result:
        """New, or in place of the one of its name, which keeps its targets and tags."""
        pattern = params.get("EventPattern", "")
        schedule = params.get("ScheduleExpression", "")
        if not pattern and not schedule:
            raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
        if schedule:
            check_schedule(schedule)
        check_pattern(pattern)
        tags = tags_of(params)

        def make() -> Rule:
            bus = self._state.bus(params.get("EventBusName")).name
            if schedule and bus != DEFAULT_BUS:  # [LS]
                raise invalid("ScheduleExpression is supported only on the default event bus.")
            known = self._state.rules.get(bus, {})
            now = known.get(params["Name"])
            kept = now.row if now is not None and now.row.schedule == schedule else None
            if now is None and len(known) >= RULES_MAX:
                raise limit_exceeded()
            rule = Rule(
                bus=bus,
                name=params["Name"],
                pattern=pattern,
                schedule=schedule,
                state=params.get("State", "ENABLED"),
                description=params.get("Description", ""),
                role_arn=params.get("RoleArn", ""),
                targets=now.row.targets if now else (),
                tags=now.row.tags if now else tags,
                anchor_s=kept.anchor_s if kept else None,
                due_s=kept.due_s if kept else None,
            )
            return arrange(rule, self._state.clock.wall_s())

        rule = await self._state.change(make)
        assert isinstance(rule, Rule)
        return {"RuleArn": rule_arn(self._state.account, rule.bus, rule.name)}

    async def describe_rule(self, params: Params, context: RequestContext) -> Result:
        live = self._rule(params, "Name")
        return {**_describe(live), "CreatedBy": self._state.account.account_id}

    async def delete_rule(self, params: Params, context: RequestContext) -> Result:
        """Nothing where there is no such rule."""

        def find() -> Rule | None:
            bus = self._state.bus(params.get("EventBusName")).name
            live = self._state.rules.get(bus, {}).get(params["Name"])
            if live is None:
                return None
            if live.row.targets:  # [LS]
                raise invalid("Rule can't be deleted since it has targets.")
            return live.row

        await self._state.delete(find)
        return {}

    async def enable_rule(self, params: Params, context: RequestContext) -> Result:
        return await self._set_state(params, "ENABLED")

    async def disable_rule(self, params: Params, context: RequestContext) -> Result:
        return await self._set_state(params, "DISABLED")

    async def _set_state(self, params: Params, state: str) -> Result:
        def make() -> Rule:
            rule = replace(self._rule(params, "Name").row, state=state)
            return arrange(rule, self._state.clock.wall_s())

        await self._state.change(make)
        return {}

    async def list_rules(self, params: Params, context: RequestContext) -> Result:
        rules = self._state.rules.get(self._state.bus(params.get("EventBusName")).name, {})
        return list_page(params, "Rules", rules, lambda name: _describe(rules[name]))

    async def list_rule_names_by_target(self, params: Params, context: RequestContext) -> Result:
        bus = self._state.bus(params.get("EventBusName")).name
        names = [
            live.row.name
            for live in self._state.rules_of(bus)
            if any(target.arn == params["TargetArn"] for target in live.targets)
        ]
        return list_page(params, "RuleNames", names, lambda name: name)

    # Targets

    async def put_targets(self, params: Params, context: RequestContext) -> Result:
        """All of them, or a refusal: nothing fails by itself here."""
        for target in params["Targets"]:
            check_target(target, self._state.account)

        def make() -> Rule:
            rule = self._rule(params, "Rule").row
            targets = {target["Id"]: target for target in rule.targets}
            targets.update({target["Id"]: target for target in params["Targets"]})
            if len(targets) > TARGETS_MAX:
                raise limit_exceeded()
            return replace(rule, targets=tuple(targets.values()))

        await self._state.change(make)
        return {"FailedEntryCount": 0, "FailedEntries": []}

    async def remove_targets(self, params: Params, context: RequestContext) -> Result:
        """Ids that the rule does not have fail. Their texts are unverified."""
        failed: list[Result] = []

        def make() -> Rule:
            rule = self._rule(params, "Rule").row
            targets = {target["Id"]: target for target in rule.targets}
            for name in params["Ids"]:
                if targets.pop(name, None) is None:
                    failed.append(
                        {
                            "TargetId": name,
                            "ErrorCode": "ResourceNotFoundException",
                            "ErrorMessage": f"Rule {rule.name} does not have a target with the"
                            f" Id {name}.",
                        }
                    )
            return replace(rule, targets=tuple(targets.values()))

        await self._state.change(make)
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    async def list_targets_by_rule(self, params: Params, context: RequestContext) -> Result:
        targets = {target["Id"]: target for target in self._rule(params, "Rule").row.targets}
        return list_page(params, "Targets", targets, lambda name: dict(targets[name]))

    def _rule(self, params: Params, member: str) -> LiveRule:
        return self._state.rule(self._state.bus(params.get("EventBusName")).name, params[member])


def check_pattern(text: str) -> None:
    """Raises LambdaError InvalidEventPatternException; '' is none to check."""
    if not text:
        return
    try:
        parse_pattern(text)
    except PatternError as error:
        raise invalid_pattern(str(error)) from None


def _describe(live: LiveRule) -> Result:
    row = live.row
    described: Result = {
        "Name": row.name,
        "Arn": live.arn,
        "State": row.state,
        "EventBusName": row.bus,
    }
    for member, value in (
        ("EventPattern", row.pattern),
        ("ScheduleExpression", row.schedule),
        ("Description", row.description),
        ("RoleArn", row.role_arn),
    ):
        if value:
            described[member] = value
    return described
