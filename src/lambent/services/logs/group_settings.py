"""Retention and tags of log groups: CloudWatch Logs' operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.domain.request import Handler, RequestContext
from lambent.services.logs import model
from lambent.store.log_rows import LogGroupNotFound
from lambent.store.logs import LogStore

Params = dict[str, Any]
Result = dict[str, Any]
Change = Callable[[dict[str, str]], dict[str, str]]

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)  # [B] Days
TAGS_MAX = 50  # [B] TagResource


class GroupSettings:
    """Of one account."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "PutRetentionPolicy": self.put_retention_policy,
            "DeleteRetentionPolicy": self.delete_retention_policy,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
            "ListTagsForResource": self.list_tags_for_resource,
            "TagLogGroup": self.tag_log_group,
            "UntagLogGroup": self.untag_log_group,
            "ListTagsLogGroup": self.list_tags_log_group,
        }

    async def put_retention_policy(self, params: Params, context: RequestContext) -> Result:
        """What is older goes now, and from now on within the hour."""
        days = params["retentionInDays"]
        if days not in RETENTION_DAYS:  # UNVERIFIED text
            raise model.invalid_parameter(
                f"Invalid retentionInDays {days}. Choose one of"
                f" {', '.join(map(str, RETENTION_DAYS))}."
            )
        await self._retain(params["logGroupName"], days)
        await self._store.expire()
        return {}

    async def delete_retention_policy(self, params: Params, context: RequestContext) -> Result:
        await self._retain(params["logGroupName"], None)
        return {}

    async def tag_resource(self, params: Params, context: RequestContext) -> Result:
        return await self._change(_named(params, context), _adding(params["tags"]))

    async def untag_resource(self, params: Params, context: RequestContext) -> Result:
        return await self._change(_named(params, context), _removing(params["tagKeys"]))

    async def list_tags_for_resource(self, params: Params, context: RequestContext) -> Result:
        return await self._list(_named(params, context))

    async def tag_log_group(self, params: Params, context: RequestContext) -> Result:
        return await self._change(params["logGroupName"], _adding(params["tags"]))

    async def untag_log_group(self, params: Params, context: RequestContext) -> Result:
        return await self._change(params["logGroupName"], _removing(params["tags"]))

    async def list_tags_log_group(self, params: Params, context: RequestContext) -> Result:
        return await self._list(params["logGroupName"])

    async def _retain(self, group: str, days: int | None) -> None:
        try:
            await self._store.set_retention(group, days)
        except LogGroupNotFound:
            raise model.group_not_found() from None

    async def _change(self, group: str, change: Change) -> Result:
        try:
            await self._store.change_tags(group, change)
        except LogGroupNotFound:
            raise model.group_not_found() from None
        return {}

    async def _list(self, group: str) -> Result:
        try:
            return {"tags": await self._store.find_tags(group)}
        except LogGroupNotFound:
            raise model.group_not_found() from None


def _named(params: Params, context: RequestContext) -> str:
    arn = params["resourceArn"]
    if not arn.startswith("arn:"):
        raise model.invalid_parameter("Invalid log group ARN.")
    return model.parse_group_identifier(arn, context.account)


def _adding(tags: dict[str, str]) -> Change:
    def change(held: dict[str, str]) -> dict[str, str]:
        merged = {**held, **tags}
        if len(merged) > TAGS_MAX:
            raise LambdaError(
                "TooManyTagsException", f"A resource can have no more than {TAGS_MAX} tags."
            )
        return merged

    return change


def _removing(keys: list[str]) -> Change:
    return lambda held: {key: value for key, value in held.items() if key not in keys}
