"""Services that moved from the query protocol to JSON and are still called by both.

Their model is the JSON one, with the trait `awsQueryCompatible`: an error has a name in the model
and, from before, a code and a status, which a JSON answer tells in the header x-amzn-query-error
and an XML answer in its Code. The model no longer says these, nor how parameters were named in
forms; so both are added to it here, as the last model of the query protocol had them (botocore
1.31.80, sqs/2012-11-05).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OWN = "AWS.SimpleQueueService."
_SQS_ERRORS: Mapping[str, tuple[str, int]] = {
    "AccessDeniedException": ("AccessDenied", 403),
    "BatchEntryIdsNotDistinct": (f"{_OWN}BatchEntryIdsNotDistinct", 400),
    "BatchRequestTooLong": (f"{_OWN}BatchRequestTooLong", 400),
    "EmptyBatchRequest": (f"{_OWN}EmptyBatchRequest", 400),
    "InvalidBatchEntryId": (f"{_OWN}InvalidBatchEntryId", 400),
    "InvalidParameterValueException": ("InvalidParameterValue", 400),
    "MessageNotInflight": (f"{_OWN}MessageNotInflight", 400),
    "MissingRequiredParameterException": ("MissingParameter", 400),
    "OverLimit": ("OverLimit", 403),
    "PurgeQueueInProgress": (f"{_OWN}PurgeQueueInProgress", 403),
    "QueueDeletedRecently": (f"{_OWN}QueueDeletedRecently", 400),
    "QueueDoesNotExist": (f"{_OWN}NonExistentQueue", 400),
    "QueueNameExists": ("QueueAlreadyExists", 400),
    "ReceiptHandleIsInvalid": ("ReceiptHandleIsInvalid", 404),
    "ResourceNotFoundException": ("ResourceNotFoundException", 404),
    "TooManyEntriesInBatchRequest": (f"{_OWN}TooManyEntriesInBatchRequest", 400),
    "UnsupportedOperation": (f"{_OWN}UnsupportedOperation", 400),
}
ERRORS: Mapping[str, Mapping[str, tuple[str, int]]] = {"sqs": _SQS_ERRORS}
"""Service → name of an error → its code in the query protocol, and its status."""

QUERY_MESSAGES: Mapping[str, Mapping[str, str]] = {
    "sqs": {"QueueDoesNotExist": "The specified queue does not exist for this wsdl version."}
}
"""Texts that differ in the query protocol. [LS]"""

_ENTRY = {"key": "Name", "value": "Value"}
_SQS_NAMES: Mapping[str, Mapping[str, str]] = {
    "AWSAccountIdList": {"member": "AWSAccountId"},
    "ActionNameList": {"member": "ActionName"},
    "AttributeNameList": {"member": "AttributeName"},
    "BatchResultErrorEntryList": {"member": "BatchResultErrorEntry"},
    "BinaryList": {"member": "BinaryListValue"},
    "ChangeMessageVisibilityBatchRequestEntryList": {
        "member": "ChangeMessageVisibilityBatchRequestEntry"
    },
    "ChangeMessageVisibilityBatchResultEntryList": {
        "member": "ChangeMessageVisibilityBatchResultEntry"
    },
    "CreateQueueRequest": {"Attributes": "Attribute", "tags": "Tag"},
    "DeleteMessageBatchRequestEntryList": {"member": "DeleteMessageBatchRequestEntry"},
    "DeleteMessageBatchResultEntryList": {"member": "DeleteMessageBatchResultEntry"},
    "GetQueueAttributesResult": {"Attributes": "Attribute"},
    "ListMessageMoveTasksResultEntryList": {"member": "ListMessageMoveTasksResultEntry"},
    "ListQueueTagsResult": {"Tags": "Tag"},
    "Message": {"Attributes": "Attribute", "MessageAttributes": "MessageAttribute"},
    "MessageAttributeNameList": {"member": "MessageAttributeName"},
    "MessageAttributeValue": {
        "StringListValues": "StringListValue",
        "BinaryListValues": "BinaryListValue",
    },
    "MessageBodyAttributeMap": _ENTRY,
    "MessageBodySystemAttributeMap": _ENTRY,
    "MessageList": {"member": "Message"},
    "MessageSystemAttributeList": {"member": "MessageSystemAttributeName"},
    "MessageSystemAttributeMap": _ENTRY,
    "QueueAttributeMap": _ENTRY,
    "QueueUrlList": {"member": "QueueUrl"},
    "SendMessageBatchRequestEntry": {
        "MessageAttributes": "MessageAttribute",
        "MessageSystemAttributes": "MessageSystemAttribute",
    },
    "SendMessageBatchRequestEntryList": {"member": "SendMessageBatchRequestEntry"},
    "SendMessageBatchResultEntryList": {"member": "SendMessageBatchResultEntry"},
    "SendMessageRequest": {
        "MessageAttributes": "MessageAttribute",
        "MessageSystemAttributes": "MessageSystemAttribute",
    },
    "SetQueueAttributesRequest": {"Attributes": "Attribute"},
    "StringList": {"member": "StringListValue"},
    "TagKeyList": {"member": "TagKey"},
    "TagMap": {"key": "Key", "value": "Value"},
    "TagQueueRequest": {"Tags": "Tag"},
}
_NAMES = {"sqs": _SQS_NAMES}
_NAMESPACES = {"sqs": "http://queue.amazonaws.com/doc/2012-11-05/"}


def query_code(service: str, name: str) -> str:
    """An error's code in the query protocol."""
    known = ERRORS.get(service, {}).get(name)
    return name if known is None else known[0]


def add_errors(service: str, document: dict[str, Any]) -> None:
    """Codes and statuses, also of errors that the model does not have. Enumerations go.

    SQS answers a name that it does not know by an error of its own, not as one of an enumeration.
    """
    shapes = document["shapes"]
    for shape in shapes.values():
        shape.pop("enum", None)
    for name, (code, status) in ERRORS[service].items():
        shape = shapes.setdefault(
            name, {"type": "structure", "members": {"message": {"shape": "String"}}}
        )
        shape["exception"] = True
        shape["error"] = {"code": code, "httpStatusCode": status}


def make_query_variant(service: str, document: dict[str, Any]) -> None:
    """Turn the JSON model into that of the query protocol."""
    metadata = document["metadata"]
    metadata.update(protocol="query", protocols=["query"], xmlNamespace=_NAMESPACES[service])
    shapes = document["shapes"]
    for shape_name, names in _NAMES[service].items():
        shape = shapes[shape_name]
        for part, wire_name in names.items():
            ref = shape["members"][part] if "members" in shape else shape[part]
            ref["locationName"] = wire_name
    for name, operation in document["operations"].items():
        if "output" in operation:
            operation["output"] = {**operation["output"], "resultWrapper": f"{name}Result"}
