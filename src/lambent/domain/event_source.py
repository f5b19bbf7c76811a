"""An event source mapping: which source feeds which function, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class MappingState(StrEnum):
    """EventSourceMappingConfiguration.State."""

    CREATING = "Creating"
    ENABLING = "Enabling"
    ENABLED = "Enabled"
    DISABLING = "Disabling"
    DISABLED = "Disabled"
    UPDATING = "Updating"
    DELETING = "Deleting"


class SourceType(StrEnum):
    """The kinds of source that AWS polls."""

    SQS = "sqs"
    KINESIS = "kinesis"
    DYNAMODB = "dynamodb"
    MSK = "msk"
    SELF_MANAGED_KAFKA = "self-managed-kafka"
    MQ = "mq"
    DOCUMENTDB = "documentdb"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSourceMapping:
    uuid: str
    function_name: str
    qualifier: str | None = None
    """As the caller named it; None where the mapping is with the unqualified function."""
    source_arn: str = ""
    """Empty for self-managed Kafka."""
    source_type: str
    """A SourceType."""
    enabled: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    """The other members of EventSourceMappingConfiguration, by AWS's names; times as seconds."""
    tags: Mapping[str, str] = field(default_factory=dict)
    modified_s: float
    """Since the epoch."""
