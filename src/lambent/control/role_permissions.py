"""What a function's role must be allowed before a configuration that rests on it is taken.

AWS asks when the configuration is made. Here it is asked only where callers are authorised at all:
with open authentication nothing is permitted or forbidden by a role.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.domain.errors import invalid_parameter
from lambent.domain.event_source import SourceType
from lambent.policy.principal import ContextValue

Allows = Callable[[str, str, str], bool]
"""Whether a role (ARN) may do an action on a resource."""
Trusts = Callable[[str, str, Mapping[str, ContextValue]], bool]
"""Whether a role (ARN) lets itself be assumed by a service, with what is known of the occasion."""

# [DG] the permissions that each source's poller needs.
_QUEUE_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
_KINESIS_ACTIONS = ("GetRecords", "GetShardIterator", "DescribeStream", "ListShards")
_DYNAMODB_ACTIONS = ("GetRecords", "GetShardIterator", "DescribeStream")

# [DG] "Adding a destination": what each kind of target asks of the role.
_DELIVERIES = {
    "sqs": "SendMessage",
    "sns": "Publish",
    "events": "PutEvents",
    "s3": "PutObject",
    "lambda": "InvokeFunction",
}


class RolePermissions:
    """Asks the policies of roles; of nothing until `allows` and `trusts` are set."""

    def __init__(self) -> None:
        self.allows: Allows | None = None
        self.trusts: Trusts | None = None

    def check_source(self, role: str, source: SourceType, arn: str) -> None:
        """Raise AWS's refusal where the role may not read the source."""
        if self.allows is None:
            return
        if source is SourceType.SQS:
            for action in _QUEUE_ACTIONS:
                if not self.allows(role, f"sqs:{action}", arn):  # [LS]
                    raise invalid_parameter(
                        "The provided execution role does not have permissions to call "
                        f"{action} on SQS"
                    )
        elif source in (SourceType.KINESIS, SourceType.DYNAMODB):
            kinesis = source is SourceType.KINESIS
            actions = _KINESIS_ACTIONS if kinesis else _DYNAMODB_ACTIONS
            if not all(self.allows(role, f"{source.value}:{action}", arn) for action in actions):
                # As quoted in many reports of both.
                raise invalid_parameter(
                    f"Cannot access stream {arn}. Please ensure the role can perform the "
                    f"{', '.join(actions)}, and ListStreams Actions on your stream in IAM."
                )

    def may_assume(self, role: str, service: str, context: Mapping[str, ContextValue]) -> bool:
        """Whether a service may act in a role."""
        return self.trusts is None or self.trusts(role, service, context)

    def may_deliver(self, role: str, arn: str) -> bool:
        """Whether the role may deliver to a target."""
        parts = arn.split(":", 5)
        action = _DELIVERIES.get(parts[2]) if len(parts) == 6 else None
        if self.allows is None or action is None:
            return True
        resource = f"{arn}/*" if parts[2] == "s3" else arn
        return self.allows(role, f"{parts[2]}:{action}", resource)

    def check_destination(self, role: str, arn: str) -> None:
        """Raise where the role may not deliver to a destination. The text is UNVERIFIED."""
        if not self.may_deliver(role, arn):
            action = _DELIVERIES[arn.split(":", 5)[2]]
            raise invalid_parameter(
                f"The function's execution role does not have permissions to call {action} on {arn}"
            )
