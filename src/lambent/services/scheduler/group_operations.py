"""Scheduler's operations on schedule groups and their tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from lambent.domain.request import Handler, RequestContext
from lambent.services.pages import answer_page
from lambent.services.scheduler.model import (
    DEFAULT_GROUP,
    GROUPS_MAX,
    TAGS_MAX,
    Group,
    conflict,
    group_arn,
    invalid,
    not_found,
    quota_exceeded,
)
from lambent.services.scheduler.rows import Resource
from lambent.services.scheduler.schedule_operations import PAGE_MAX
from lambent.services.scheduler.state import State

Params = dict[str, Any]
Result = dict[str, Any]


class GroupOperations:
    """Over the schedule groups of the account."""

    def __init__(self, state: State) -> None:
        self._state = state

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "CreateScheduleGroup": self.create_schedule_group,
            "GetScheduleGroup": self.get_schedule_group,
            "DeleteScheduleGroup": self.delete_schedule_group,
            "ListScheduleGroups": self.list_schedule_groups,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags_for_resource,
        }

    async def create_schedule_group(self, params: Params, context: RequestContext) -> Result:
        now_s = self._state.clock.wall_s()
        name = params["Name"]
        group = Group(name=name, created_s=now_s, modified_s=now_s, tags=_tags_of(params))

        def make() -> Group:
            if name in self._state.groups:
                raise conflict("Schedule group", name)
            if len(self._state.groups) >= GROUPS_MAX:
                raise quota_exceeded()
            return group

        await self._state.change(make)
        return {"ScheduleGroupArn": group_arn(self._state.account, name)}

    async def get_schedule_group(self, params: Params, context: RequestContext) -> Result:
        return self._describe(self._find(params["Name"]))

    async def delete_schedule_group(self, params: Params, context: RequestContext) -> Result:
        """With all its schedules, at once."""
        name = params["Name"]
        if name == DEFAULT_GROUP:
            raise invalid("The default schedule group cannot be deleted.")

        def find() -> Iterator[Resource]:
            yield self._find(name)
            yield from [row for row in self._state.schedules.values() if row.group == name]

        await self._state.delete(find)
        return {}

    async def list_schedule_groups(self, params: Params, context: RequestContext) -> Result:
        prefix = params.get("NamePrefix", "")
        groups = self._state.groups
        return answer_page(
            "ScheduleGroups",
            sorted(name for name in groups if name.startswith(prefix)),
            lambda name: self._describe(groups[name]),
            token=params.get("NextToken"),
            items_max=params.get("MaxResults") or PAGE_MAX,
            wrong_token=invalid("Invalid NextToken."),
        )

    # Tags

    async def tag_resource(self, params: Params, context: RequestContext) -> Result:
        given = _tags_of(params)
        await self._change_tags(params, lambda now: {**now, **given})
        return {}

    async def untag_resource(self, params: Params, context: RequestContext) -> Result:
        gone = set(params["TagKeys"])

        def take(now: Mapping[str, str]) -> dict[str, str]:
            return {key: value for key, value in now.items() if key not in gone}

        await self._change_tags(params, take)
        return {}

    async def list_tags_for_resource(self, params: Params, context: RequestContext) -> Result:
        tags = self._tagged(params).tags
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    async def _change_tags(
        self, params: Params, change: Callable[[Mapping[str, str]], dict[str, str]]
    ) -> None:
        def make() -> Group:
            group = self._tagged(params)
            tags = change(group.tags)
            if len(tags) > TAGS_MAX:
                raise quota_exceeded()
            return replace(group, tags=tags)

        await self._state.change(make)

    def _tagged(self, params: Params) -> Group:
        arn = params["ResourceArn"]
        name = arn.rpartition("/")[2]
        if arn != group_arn(self._state.account, name):
            raise not_found("Schedule group", name)
        return self._find(name)

    def _find(self, name: str) -> Group:
        found = self._state.groups.get(name)
        if found is None:
            raise not_found("Schedule group", name)
        return found

    def _describe(self, group: Group) -> Result:
        return {
            "Arn": group_arn(self._state.account, group.name),
            "Name": group.name,
            "State": "ACTIVE",
            "CreationDate": group.created_s,
            "LastModificationDate": group.modified_s,
        }


def _tags_of(params: Params) -> dict[str, str]:
    tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}
    if len(tags) > TAGS_MAX:
        raise quota_exceeded()
    return tags
