"""Subscription filters and metric filters: CloudWatch Logs' operations on both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from lambent.clock import Clock
from lambent.domain.arns import parse_function_ref
from lambent.domain.errors import LambdaError, not_supported
from lambent.domain.request import Handler, RequestContext
from lambent.services.logs import model
from lambent.services.logs.filter_rows import Filter, Kind
from lambent.services.logs.filters import Filters
from lambent.services.logs.patterns import parse_filter_pattern
from lambent.services.logs.subscriptions import Subscriptions
from lambent.store.log_rows import LogGroupNotFound
from lambent.store.logs import LogStore

log = logging.getLogger("lambent")

Params = dict[str, Any]
Result = dict[str, Any]

SUBSCRIPTIONS_MAX = 2  # [B] PutSubscriptionFilter
METRIC_FILTERS_MAX = 100  # [B] PutMetricFilter
REGEX_FILTERS_MAX = 5  # [B] both: filters with a regular expression in one group
PAGE_MAX = 50  # [B] DescribeLimit
_NOT_THERE = ("applyOnTransformedLogs", "fieldSelectionCriteria", "emitSystemFields")
_NO_PERMISSION = (
    "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to"
    " execute your function."
)


class FilterOperations:
    """Of one account."""

    def __init__(
        self, store: LogStore, filters: Filters, subscriptions: Subscriptions, clock: Clock
    ) -> None:
        self._store = store
        self._filters = filters
        self._subscriptions = subscriptions
        self._clock = clock

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "PutSubscriptionFilter": self.put_subscription_filter,
            "DescribeSubscriptionFilters": self.describe_subscription_filters,
            "DeleteSubscriptionFilter": self.delete_subscription_filter,
            "PutMetricFilter": self.put_metric_filter,
            "DescribeMetricFilters": self.describe_metric_filters,
            "DeleteMetricFilter": self.delete_metric_filter,
            "TestMetricFilter": self.test_metric_filter,
        }

    async def put_subscription_filter(self, params: Params, context: RequestContext) -> Result:
        """From now on what matches goes to the function; what was there before does not."""
        group, destination = params["logGroupName"], params["destinationArn"]
        await self._check(Kind.SUBSCRIPTION, params, SUBSCRIPTIONS_MAX)
        vendor = destination.split(":")[2] if destination.startswith("arn:") else ""
        if vendor != "lambda":
            raise not_supported(f"the destination {destination} of a subscription filter")
        if "roleArn" in params:
            raise model.invalid_parameter(
                "destinationArn for vendor lambda cannot be used with roleArn"
            )
        if self._subscriptions.fault(group, destination) is not None:
            raise model.invalid_parameter(_NO_PERMISSION)
        self._warn_of_loop(group, destination, context)
        before = self._filters.find(Kind.SUBSCRIPTION, group, params["filterName"])
        cursor = await self._store.last_number() if before is None else before.cursor
        await self._put(Kind.SUBSCRIPTION, params, ("destinationArn", "distribution"), cursor)
        return {}

    async def describe_subscription_filters(
        self, params: Params, context: RequestContext
    ) -> Result:
        await self._check_group(params["logGroupName"])
        found = self._filters.of(Kind.SUBSCRIPTION, params["logGroupName"])
        return _page(found, params, "subscriptionFilters", _describe_subscription)

    async def delete_subscription_filter(self, params: Params, context: RequestContext) -> Result:
        return await self._delete(Kind.SUBSCRIPTION, params)

    async def put_metric_filter(self, params: Params, context: RequestContext) -> Result:
        """Kept and shown: there are no metrics yet."""
        await self._check(Kind.METRIC, params, METRIC_FILTERS_MAX)
        if len(params["metricTransformations"]) != 1:
            raise model.invalid_parameter("Exactly one metric transformation is required.")
        await self._put(Kind.METRIC, params, ("metricTransformations",), 0)
        return {}

    async def describe_metric_filters(self, params: Params, context: RequestContext) -> Result:
        name, space = params.get("metricName"), params.get("metricNamespace")
        if (name is None) != (space is None):
            raise model.invalid_parameter(
                "metricName and metricNamespace are given together or not at all."
            )
        if "logGroupName" in params:
            await self._check_group(params["logGroupName"])
            found = self._filters.of(Kind.METRIC, params["logGroupName"])
        else:
            found = self._filters.every(Kind.METRIC)
        if name is not None:
            found = [one for one in found if _makes(one, name, space)]
        return _page(found, params, "metricFilters", _describe_metric)

    async def delete_metric_filter(self, params: Params, context: RequestContext) -> Result:
        return await self._delete(Kind.METRIC, params)

    async def test_metric_filter(self, params: Params, context: RequestContext) -> Result:
        pattern = parse_filter_pattern(params["filterPattern"])
        return {
            "matches": [
                {
                    "eventNumber": number,
                    "eventMessage": message,
                    "extractedValues": {} if pattern is None else pattern.extract(message),
                }
                for number, message in enumerate(params["logEventMessages"], start=1)
                if pattern is None or pattern.matches(message)
            ]
        }

    # What both kinds share

    async def _check(self, kind: Kind, params: Params, most: int) -> None:
        """The group, the pattern, how many there are. Raises LambdaError."""
        for option in _NOT_THERE:
            if params.get(option):
                raise not_supported(f"{option} of filters")
        parse_filter_pattern(params["filterPattern"])
        group, name = params["logGroupName"], params["filterName"]
        await self._check_group(group)
        others = [one for one in self._filters.of(kind, group) if one.name != name]
        both = [
            one
            for each in Kind
            for one in self._filters.of(each, group)
            if (each, one.name) != (kind, name) and "%" in one.pattern
        ]
        if len(others) >= most or (
            "%" in params["filterPattern"] and len(both) >= REGEX_FILTERS_MAX
        ):
            raise LambdaError("LimitExceededException", "Resource limit exceeded.")

    async def _check_group(self, group: str) -> None:
        try:
            await self._store.find_tags(group)
        except LogGroupNotFound:
            raise model.group_not_found() from None

    async def _put(self, kind: Kind, params: Params, options: tuple[str, ...], cursor: int) -> None:
        await self._filters.put(
            Filter(
                kind=kind,
                group=params["logGroupName"],
                name=params["filterName"],
                pattern=params["filterPattern"],
                options={name: params[name] for name in options if name in params},
                created_ms=int(self._clock.wall_s() * 1000),
                cursor=cursor,
            )
        )

    async def _delete(self, kind: Kind, params: Params) -> Result:
        await self._check_group(params["logGroupName"])
        found = self._filters.find(kind, params["logGroupName"], params["filterName"])
        if found is None:
            raise LambdaError(
                "ResourceNotFoundException", f"The specified {kind} filter does not exist."
            )
        await self._filters.remove(found)
        return {}

    def _warn_of_loop(self, group: str, destination: str, context: RequestContext) -> None:
        name = parse_function_ref(destination, context.account).name
        if group == f"/aws/lambda/{name}":
            log.warning(
                "function %s subscribes to its own log: each invocation that writes what its filter"
                " matches causes the next, without end",
                name,
            )


def _page(
    found: list[Filter], params: Params, member: str, describe: Callable[[Filter], Result]
) -> Result:
    """One page in the order of names; the token names the last one of the page before."""
    prefix, most = params.get("filterNamePrefix", ""), params.get("limit", PAGE_MAX)
    after = model.decode_token(params["nextToken"]) if "nextToken" in params else ""
    matching = sorted(
        (one for one in found if one.name.startswith(prefix)), key=lambda one: _place(one)
    )
    rest = [one for one in matching if _place(one) > after]
    result: Result = {member: [describe(one) for one in rest[:most]]}
    if len(rest) > most:
        result["nextToken"] = model.encode_token(_place(rest[most - 1]))
    return result


def _place(one: Filter) -> str:
    return f"{one.name}\n{one.group}"


def _makes(one: Filter, name: str, space: str | None) -> bool:
    return any(
        (made["metricName"], made["metricNamespace"]) == (name, space)
        for made in one.options["metricTransformations"]
    )


def _describe(one: Filter) -> Result:
    return {
        "filterName": one.name,
        "logGroupName": one.group,
        "filterPattern": one.pattern,
        "creationTime": one.created_ms,
        "applyOnTransformedLogs": False,
        **one.options,
    }


def _describe_subscription(one: Filter) -> Result:
    return {"distribution": "ByLogStream", **_describe(one)}


def _describe_metric(one: Filter) -> Result:
    return _describe(one)
