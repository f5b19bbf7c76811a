"""A bucket's notification configuration."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from lambent.services.s3.calls import Answer, Call, S3Handler
from lambent.services.s3.errors import S3Error, invalid_argument, not_implemented
from lambent.services.s3.filters import EVENTS, LISTS, Rule, find_overlap, rules_of
from lambent.services.s3.model import Bucket
from lambent.services.s3.notify import sender_of
from lambent.services.s3.records import build_test
from lambent.services.s3.state import State
from lambent.store.outbox import OutboxMessage

_SERVICES = {
    "LambdaFunctionConfigurations": ("lambda", "Lambda function"),
    "QueueConfigurations": ("sqs", "SQS queue"),
    "TopicConfigurations": ("sns", "SNS topic"),
}


class Notifications:
    """One method an operation."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Mapping[str, S3Handler]:
        return {
            "GetBucketNotificationConfiguration": self.get_configuration,
            "PutBucketNotificationConfiguration": self.put_configuration,
        }

    async def get_configuration(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        return Answer(result=dict(bucket.configuration.get("notification", {})))

    async def put_configuration(self, call: Call) -> Answer:
        """In place of all that was. Raises S3Error where a target does not let the bucket in."""
        state, params = self._state, call.params
        bucket = state.bucket(call.bucket, params)
        given = params["NotificationConfiguration"]
        configuration: dict[str, Any] = {
            name: [_with_id(entry) for entry in given.get(name) or ()]
            for name in LISTS
            if given.get(name)
        }
        if given.get("EventBridgeConfiguration") is not None:
            configuration["EventBridgeConfiguration"] = {}
        for name in LISTS:
            for entry in configuration.get(name, ()):
                _check_entry(name, entry)
        rules = list(rules_of(configuration))
        if find_overlap(rules) is not None:
            raise invalid_argument(
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two"
                " rules if the prefixes are overlapping for the same event type."
            )
        if not params.get("SkipDestinationValidation"):
            self._validate(bucket, rules)
        if "EventBridgeConfiguration" in configuration:
            fault = state.notifier.courier.fault(state.notifier.bus_arn(), sender_of(bucket.name))
            if fault is not None:
                raise not_implemented("EventBridgeConfiguration")
        before = {
            rule.target_arn for rule in rules_of(bucket.configuration.get("notification", {}))
        }
        await state.change(bucket.name, changes={"notification": configuration or None})
        await self._send_tests(bucket, rules, before, call.context.request_id)
        return Answer()

    def _validate(self, bucket: Bucket, rules: list[Rule]) -> None:
        faults = []
        for rule in rules:
            fault = self._state.notifier.courier.fault(rule.target_arn, sender_of(bucket.name))
            if fault is not None:
                faults.append((rule.target_arn, fault))
        if faults:
            members = {}
            for number, (arn, fault) in enumerate(faults, 1):
                members[f"ArgumentName{number}"] = f"{arn}, null"
                members[f"ArgumentValue{number}"] = fault.text
            raise S3Error(
                "InvalidArgument",
                "Unable to validate the following destination configurations",
                **members,
            )

    async def _send_tests(
        self, bucket: Bucket, rules: list[Rule], before: set[str], request_id: str
    ) -> None:
        """Queues and topics that are new get a test event. Source: S3 User Guide, as above."""
        state = self._state
        courier = state.notifier.courier
        new = {rule.target_arn for rule in rules} - before
        body = build_test(bucket.name, request_id, state.clock.wall_s())
        sender = sender_of(bucket.name)
        drafts = [
            courier.message(arn, body, sender=sender)
            for arn in sorted(new)
            if arn.split(":")[2] != "lambda"
        ]
        if drafts:
            messages: list[OutboxMessage] = await state.database.write(
                lambda c: [courier.post(c, draft) for draft in drafts]
            )
            courier.posted(messages)


def _with_id(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "Id": entry.get("Id") or str(uuid.uuid4())}


def _check_entry(name: str, entry: Mapping[str, Any]) -> None:
    service, noun = _SERVICES[name]
    arn = entry[LISTS[name]]
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != service:
        raise invalid_argument("The ARN could not be parsed", noun, arn)
    if not set(entry["Events"]) <= EVENTS:
        raise invalid_argument("A specified event is not supported for notifications.")
    seen: set[str] = set()
    key_filter = (entry.get("Filter") or {}).get("Key") or {}
    for rule in key_filter.get("FilterRules") or ():
        kind = str(rule.get("Name") or "").lower()
        if kind not in ("prefix", "suffix"):
            raise invalid_argument(
                "filter rule name must be either prefix or suffix", "FilterRule.Name", kind
            )
        if kind in seen:
            raise invalid_argument(f"Cannot specify more than one {kind} rule in a filter.")
        seen.add(kind)
        if len(rule.get("Value") or "") > 1024:
            raise invalid_argument("Size of filter rule value cannot exceed 1024 bytes in UTF-8")
