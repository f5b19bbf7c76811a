"""What AWS requires of an event source mapping beyond its model, source by source; pure.

Which options fit which source is [B], in the operation's documentation. Texts marked UNVERIFIED are
Lambent's own where no recording of AWS's was found.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lambent.control.event_invoke import service_of
from lambent.control.filter_patterns import check_pattern
from lambent.domain.errors import LambdaError, invalid_parameter
from lambent.domain.event_source import SourceType

FILTERS_MAX = 5  # [DG] without a raised quota
SQS_BATCH_WITHOUT_WINDOW_MAX = 10  # [LS], and of FIFO queues always [B]
RECORD_AGE_S_MIN = 60  # [DG] or -1

STREAMS = frozenset({SourceType.KINESIS, SourceType.DYNAMODB})
KAFKA = frozenset({SourceType.MSK, SourceType.SELF_MANAGED_KAFKA})
POSITIONED = STREAMS | KAFKA | {SourceType.DOCUMENTDB}
"""Those that are read from a starting position."""

_BY_SERVICE = {
    "sqs": SourceType.SQS,
    "kinesis": SourceType.KINESIS,
    "dynamodb": SourceType.DYNAMODB,
    "kafka": SourceType.MSK,
    "mq": SourceType.MQ,
    "rds": SourceType.DOCUMENTDB,
}

# [B] the sources that each option is for; options that are not here are for all.
_ONLY_FOR: Mapping[str, frozenset[SourceType]] = {
    "ScalingConfig": frozenset({SourceType.SQS}),
    "ParallelizationFactor": STREAMS,
    "TumblingWindowInSeconds": STREAMS,
    "DestinationConfig": STREAMS | KAFKA,
    "MaximumRecordAgeInSeconds": STREAMS | KAFKA,
    "BisectBatchOnFunctionError": STREAMS | KAFKA,
    "MaximumRetryAttempts": STREAMS | KAFKA,
    "FunctionResponseTypes": STREAMS | KAFKA | {SourceType.SQS},
    "ProvisionedPollerConfig": KAFKA | {SourceType.SQS},
    "LoggingConfig": KAFKA,
    "Topics": KAFKA,
    "Queues": frozenset({SourceType.MQ}),
    "SourceAccessConfigurations": KAFKA | {SourceType.MQ, SourceType.DOCUMENTDB},
    "AmazonManagedKafkaEventSourceConfig": frozenset({SourceType.MSK}),
    "SelfManagedKafkaEventSourceConfig": frozenset({SourceType.SELF_MANAGED_KAFKA}),
    "DocumentDBEventSourceConfig": frozenset({SourceType.DOCUMENTDB}),
}

_STREAM_DEFAULTS: Mapping[str, Any] = {  # [LS]
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}
_QUEUE_DEFAULTS: Mapping[str, Any] = {  # [LS]
    "BatchSize": 10,
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
}


def source_type_of(params: Mapping[str, Any]) -> SourceType:
    """What feeds the mapping that CreateEventSourceMapping asks for."""
    arn = params.get("EventSourceArn")
    if params.get("SelfManagedEventSource") is not None:
        if arn:  # UNVERIFIED
            raise invalid_parameter("EventSourceArn and SelfManagedEventSource exclude each other.")
        return SourceType.SELF_MANAGED_KAFKA
    source = _BY_SERVICE.get(service_of(arn)) if arn else None
    if source is None:
        raise invalid_parameter("Unrecognized event source.")
    return source


def default_options(source: SourceType) -> dict[str, Any]:
    """What holds where nothing was given."""
    if source in STREAMS:
        return dict(_STREAM_DEFAULTS)
    if source is SourceType.SQS:
        return dict(_QUEUE_DEFAULTS)
    if source in KAFKA:
        member = (
            "AmazonManagedKafkaEventSourceConfig"
            if source is SourceType.MSK
            else "SelfManagedKafkaEventSourceConfig"
        )
        return {"BatchSize": 100, member: {"ConsumerGroupId": str(uuid.uuid4())}}
    return {"BatchSize": 100}


def merge_options(current: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options with what was given; what was given empty is taken away."""
    merged = dict(current)
    for member, value in given.items():
        if member == "FilterCriteria" and not value.get("Filters"):
            merged.pop(member, None)
        elif member == "DestinationConfig":
            target = (value.get("OnFailure") or {}).get("Destination")
            merged[member] = {"OnFailure": {"Destination": target} if target else {}}
        elif value in ({}, "") or (member == "SourceAccessConfigurations" and not value):
            merged.pop(member, None)
        elif isinstance(value, datetime):
            merged[member] = value.timestamp()
        else:
            merged[member] = value
    return merged


def check_given(source: SourceType, arn: str, given: Mapping[str, Any]) -> None:
    """What was given fits the source. `given` is by AWS's names."""
    for member, value in given.items():
        fits = _ONLY_FOR.get(member)
        if value and fits is not None and source not in fits:
            raise _unsupported(member)
    if (given.get("DestinationConfig") or {}).get("OnSuccess", {}).get("Destination"):
        raise _unsupported("DestinationConfig.OnSuccess")  # UNVERIFIED
    destination = (given.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
    if destination:
        _check_destination(source, destination)
    filters = (given.get("FilterCriteria") or {}).get("Filters") or []
    if len(filters) > FILTERS_MAX:  # UNVERIFIED
        raise invalid_parameter(f"FilterCriteria can have at most {FILTERS_MAX} filters.")
    for one in filters:
        check_pattern(one.get("Pattern") or "")
    window = given.get("MaximumBatchingWindowInSeconds")
    if window and source is SourceType.SQS and arn.endswith(".fifo"):
        raise _unsupported("MaximumBatchingWindowInSeconds")


def check_position(source: SourceType, arn: str, given: Mapping[str, Any], *, now_s: float) -> None:
    """StartingPosition and its timestamp."""
    position, moment = given.get("StartingPosition"), given.get("StartingPositionTimestamp")
    if source not in POSITIONED:
        if position is not None:
            name = {SourceType.SQS: "SQS", SourceType.MQ: "MQ"}[source]
            raise invalid_parameter(f"StartingPosition is not valid for {name} event sources.")
        if moment is not None:
            raise _unsupported("StartingPositionTimestamp")
        return
    if position is None:
        raise invalid_parameter(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
            "constraint: Member must not be null."
        )
    if position != "AT_TIMESTAMP":
        if moment is not None:
            raise invalid_parameter("Timestamp only valid with StartingPosition AT_TIMESTAMP")
        return
    if source is SourceType.DYNAMODB:
        raise invalid_parameter(f"Unsupported starting position for arn type: {arn}")
    if moment is None:  # quoted in awsdocs/aws-cloudformation-user-guide#334
        raise invalid_parameter("Need to specify a timestamp")
    if moment.timestamp() < 0:
        raise invalid_parameter(
            "Received Exception while reading from provided stream. class java.lang.Long can not "
            "be converted to a Timestamp"
        )
    if moment.timestamp() > now_s:  # [B] says so; the text is UNVERIFIED
        raise invalid_parameter("StartingPositionTimestamp cannot be in the future.")


def check_required(source: SourceType, options: Mapping[str, Any]) -> None:
    """What a mapping of this source cannot be without. Texts UNVERIFIED."""
    needed: tuple[str, ...] = ()
    if source in KAFKA:
        needed = ("Topics",)
    elif source is SourceType.MQ:
        needed = ("Queues", "SourceAccessConfigurations")
    elif source is SourceType.DOCUMENTDB:
        needed = ("DocumentDBEventSourceConfig", "SourceAccessConfigurations")
        if not (options.get("DocumentDBEventSourceConfig") or {}).get("DatabaseName"):
            raise invalid_parameter("DatabaseName is required for DocumentDB event sources.")
    for member in needed:
        if not options.get(member):
            raise invalid_parameter(f"{member} is required for the given event source mapping.")


def check_options(source: SourceType, arn: str, options: Mapping[str, Any]) -> None:
    """What must hold of all options together."""
    batch, window = options["BatchSize"], options.get("MaximumBatchingWindowInSeconds") or 0
    if source is SourceType.SQS and batch > SQS_BATCH_WITHOUT_WINDOW_MAX:
        if arn.endswith(".fifo"):  # UNVERIFIED
            raise invalid_parameter("Batch size of FIFO queues must be 10 or less.")
        if not window:
            raise invalid_parameter(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
                "greater than 10"
            )
    age = options.get("MaximumRecordAgeInSeconds", -1)
    if 0 <= age < RECORD_AGE_S_MIN:  # UNVERIFIED
        raise invalid_parameter(
            f"MaximumRecordAgeInSeconds must be -1 or at least {RECORD_AGE_S_MIN}."
        )
    pollers = options.get("ProvisionedPollerConfig") or {}
    low, high = pollers.get("MinimumPollers"), pollers.get("MaximumPollers")
    if low is not None and high is not None and low > high:  # UNVERIFIED
        raise invalid_parameter("MinimumPollers cannot be greater than MaximumPollers.")
    if pollers and options.get("ScalingConfig"):  # [DG]; the text is UNVERIFIED
        raise invalid_parameter(
            "ScalingConfig cannot be used together with ProvisionedPollerConfig."
        )


def _check_destination(source: SourceType, destination: str) -> None:
    """[B] "an Amazon SQS queue, Amazon SNS topic, Kafka topic, or Amazon S3 bucket"."""
    service = service_of(destination)
    if destination.startswith("kafka://"):
        fits = source in KAFKA
    else:
        fits = service in ("sqs", "sns", "s3") and not destination.endswith(".fifo")
    if not fits:
        raise invalid_parameter(
            "The provided destination config DestinationConfig(onSuccess=null, "
            f"onFailure=OnFailure(destination={destination})) is invalid."
        )


def _unsupported(member: str) -> LambdaError:
    """Text: quoted in pulumi/pulumi-aws#1418."""
    name = member[0].lower() + member[1:]
    return invalid_parameter(f"Unsupported '{name}' parameter for given event source mapping type.")
