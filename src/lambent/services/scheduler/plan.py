"""What a schedule's target is, and what it gets at an instant. Pure.

Sources: [B] botocore's model, Target; Scheduler User Guide, "Using templated targets", "Using
universal targets", "Adding context attributes". Without an Input the target gets an event, as
people quote it from AWS: `detail` is the text `{}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lambent.domain.arns import PARTITION, Account
from lambent.domain.errors import LambdaError, not_supported
from lambent.domain.schedule import execution_id
from lambent.services.scheduler.model import invalid

_UNIVERSAL = re.compile(r"arn:aws[a-z-]*:scheduler:::aws-sdk:([a-z0-9-]+):([A-Za-z0-9]+)", re.ASCII)
_ARN = re.compile(r"arn:aws[a-z-]*:([a-z0-9-]+):([a-z0-9-]*):(\d{12}):(.+)", re.ASCII | re.DOTALL)
TEMPLATED = ("lambda", "sqs", "sns", "events")
_OTHERS = (
    "EcsParameters",
    "EventBridgePutEventsV2Parameters",
    "EventBridgePutRawEventsParameters",
    "KinesisParameters",
    "SageMakerPipelineParameters",
)
"""Of targets that Lambent does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One instant of one schedule."""

    account: Account
    arn: str
    """The schedule's."""
    instant_s: float
    event_id: str
    """A new one, for a target that gets an event."""

    @property
    def time(self) -> str:
        return datetime.fromtimestamp(self.instant_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What goes where."""

    arn: str
    body: str
    group_id: str | None = None
    dedup_id: str | None = None
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def plan(target: Mapping[str, Any], moment: Moment) -> Parcel:
    """What the target gets at an instant. Raises LambdaError where it is none that can be had."""
    for member in _OTHERS:
        if member in target:
            raise not_supported(f"{member} of schedules")
    arn = target["Arn"]
    text = _with_context(target.get("Input", ""), moment)
    universal = _UNIVERSAL.fullmatch(arn)
    if universal is not None:
        return _universal(universal[1], universal[2], text, moment.account)
    match = _ARN.fullmatch(arn)
    if match is None:
        raise invalid(f"Provided Arn is not in correct format: {arn[:200]}")
    service, region, owner, resource = match.groups()
    account = moment.account
    if service not in TEMPLATED or (service == "events" and not resource.startswith("event-bus/")):
        raise not_supported(f"schedule targets such as {arn[:200]}")
    if (region, owner) != (account.region, account.account_id):
        raise not_supported("schedule targets in other accounts or regions")
    _check_parameters(target, service)
    if service == "events":
        return Parcel(arn=arn, body=_bus_event(target["EventBridgeParameters"], text, moment))
    if service == "lambda" and text:
        _parse(text)
    group_id = (target.get("SqsParameters") or {}).get("MessageGroupId")
    return Parcel(arn=arn, body=text or _default_event(moment), group_id=group_id)


def _check_parameters(target: Mapping[str, Any], service: str) -> None:
    for member, owner in (("EventBridgeParameters", "events"), ("SqsParameters", "sqs")):
        if member in target and service != owner:
            raise invalid(f"{member} is not valid for the target {target['Arn'][:200]}.")
    if service == "events" and "EventBridgeParameters" not in target:
        raise invalid("EventBridgeParameters must be specified for an event bus target.")
    if service == "sqs" and target["Arn"].endswith(".fifo") and "SqsParameters" not in target:
        raise invalid("SqsParameters must be specified for a FIFO queue target.")


def _with_context(text: str, moment: Moment) -> str:
    if "<aws.scheduler." not in text:
        return text
    for name, value in (
        ("schedule-arn", moment.arn),
        ("scheduled-time", moment.time),
        ("execution-id", execution_id(moment.arn, moment.instant_s)),
        ("attempt-number", "1"),
    ):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _default_event(moment: Moment) -> str:
    return json.dumps(
        {
            "version": "0",
            "id": moment.event_id,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": moment.account.account_id,
            "time": moment.time,
            "region": moment.account.region,
            "resources": [moment.arn],
            "detail": "{}",
        },
        separators=(",", ":"),
    )


def _bus_event(parameters: Mapping[str, Any], text: str, moment: Moment) -> str:
    detail = _parse(text or "{}")
    if not isinstance(detail, dict):
        raise invalid("The Input of an event bus target must be a JSON object.")
    return json.dumps(
        {
            "version": "0",
            "id": moment.event_id,
            "detail-type": parameters["DetailType"],
            "source": parameters["Source"],
            "account": moment.account.account_id,
            "time": moment.time,
            "region": moment.account.region,
            "resources": [],
            "detail": detail,
        },
        separators=(",", ":"),
        ensure_ascii=False,
    )


def _parse(text: str) -> Any:
    """JSON that can be written again, as text that is one."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise invalid("Invalid JSON in Input.") from None
    return value


# Universal targets


def _universal(service: str, action: str, text: str, account: Account) -> Parcel:
    call = _parse(text or "{}")
    if not isinstance(call, dict):
        raise invalid("The Input of a universal target must be a JSON object.")
    made = {
        ("lambda", "invoke"): _invoke,
        ("sqs", "sendMessage"): _send_message,
        ("sns", "publish"): _publish,
    }.get((service, action))
    if made is None:
        raise not_supported(f"the universal target {service}:{action}")
    return made(call, account)


def _invoke(call: Mapping[str, Any], account: Account) -> Parcel:
    """As an asynchronous event, whatever its InvocationType."""
    _check_members(call, "lambda:invoke", "FunctionName", "InvocationType", "Payload", "Qualifier")
    name, qualifier = _text(call, "FunctionName"), _optional(call, "Qualifier")
    arn = name if name.startswith("arn:") else account.function_arn(name, qualifier)
    payload = call.get("Payload", "{}")
    return Parcel(arn=arn, body=payload if isinstance(payload, str) else json.dumps(payload))


def _send_message(call: Mapping[str, Any], account: Account) -> Parcel:
    _check_members(
        call,
        "sqs:sendMessage",
        *("QueueUrl", "MessageBody", "MessageGroupId", "MessageDeduplicationId"),
        "MessageAttributes",
    )
    owner, _, name = _text(call, "QueueUrl").rpartition("/")
    owner = owner.rpartition("/")[2]
    return Parcel(
        arn=f"arn:{PARTITION}:sqs:{account.region}:{owner}:{name}",
        body=_text(call, "MessageBody"),
        group_id=_optional(call, "MessageGroupId"),
        dedup_id=_optional(call, "MessageDeduplicationId"),
        attributes=_attributes(call.get("MessageAttributes")),
    )


def _publish(call: Mapping[str, Any], account: Account) -> Parcel:
    _check_members(call, "sns:publish", "TopicArn", "Message", "MessageGroupId")
    return Parcel(
        arn=_text(call, "TopicArn"),
        body=_text(call, "Message"),
        group_id=_optional(call, "MessageGroupId"),
    )


def _check_members(call: Mapping[str, Any], name: str, *known: str) -> None:
    unknown = sorted(set(call) - set(known))
    if unknown:
        raise not_supported(f"{', '.join(unknown)[:200]} of the universal target {name}")


def _text(call: Mapping[str, Any], member: str) -> str:
    value = call.get(member)
    if not isinstance(value, str) or not value:
        raise _missing(member)
    return value


def _optional(call: Mapping[str, Any], member: str) -> str | None:
    return _text(call, member) if member in call else None


def _attributes(given: Any) -> dict[str, dict[str, str]]:
    """Texts and numbers."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise invalid("MessageAttributes must be a JSON object.")
    found = {}
    for name, one in given.items():
        if not isinstance(one, dict) or set(one) != {"DataType", "StringValue"}:
            raise invalid(f"The message attribute {name[:200]} needs a DataType and a StringValue.")
        found[name] = {member: _text(one, member) for member in sorted(one)}
    return found


def _missing(member: str) -> LambdaError:
    return invalid(f"The Input of the universal target has no {member}.")
