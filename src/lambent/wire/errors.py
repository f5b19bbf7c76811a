"""An error code → what its answer holds: status, the shape's members, who is to blame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambent.wire.model import Operation, Service, Shape
from lambent.wire.query_compatible import QUERY_MESSAGES

# Codes that are on the wire though no model has them. Marks as in domain/limits.py; those without
# a mark are from memory of AWS's "Common Error Types" page, unverified.
_STATUS = {
    "AccessDenied": 403,
    "AccessDeniedException": 403,  # [LS]
    "ExpiredToken": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignature": 400,
    "IncompleteSignatureException": 403,
    "InternalFailure": 500,
    "InternalFailureException": 500,
    "InternalServerError": 500,
    "InvalidClientTokenId": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationToken": 403,
    "MissingAuthenticationTokenException": 403,
    "NotImplementedException": 501,
    "OptInRequired": 403,
    "RequestEntityTooLargeException": 413,  # [LS]
    "RequestExpired": 400,
    "RequestTimeoutException": 408,
    "ServiceException": 500,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "SignatureDoesNotMatch": 403,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}
_STATUS_DEFAULT = 400


@dataclass(slots=True, kw_only=True)
class ErrorAnswer:
    """An error, with what the model says of it."""

    code: str
    """As on the wire: IAM's `NoSuchEntity` where the shape is `NoSuchEntityException`."""
    status: int
    sender_fault: bool
    shape: Shape | None
    message: str
    members: dict[str, Any]
    """Without the message; the names are the shape's, where there is one."""

    @property
    def message_member(self) -> str:
        """`message` or `Message`, as the shape has it."""
        if self.shape is not None:
            for name in self.shape.members:
                if name.lower() == "message":
                    return name
        return "message"


def resolve_error(
    service: Service,
    operation: Operation | None,
    code: str,
    message: str,
    members: Mapping[str, Any],
) -> ErrorAnswer:
    """What the model or the table says of `code`. Members that its shape lacks are left out."""
    shape = service.error_shape(operation, code)
    if shape is None:
        status = _STATUS.get(code, _STATUS_DEFAULT)
        traits: Mapping[str, Any] = {}
        kept = {name: value for name, value in members.items() if value is not None}
    else:
        traits = shape.traits.get("error", {})
        status = traits.get("httpStatusCode", 500 if "fault" in shape.traits else _STATUS_DEFAULT)
        kept = _named_as_modelled(shape, members)
    if service.query_compatible and service.protocol == "query" and shape is not None:
        message = QUERY_MESSAGES[service.name].get(shape.name, message)
    return ErrorAnswer(
        code=traits.get("code", code),
        status=status,
        sender_fault=traits.get("senderFault", status < 500),
        shape=shape,
        message=message,
        members=kept,
    )


def _named_as_modelled(shape: Shape, members: Mapping[str, Any]) -> dict[str, Any]:
    """`members` under the shape's names, which differ in case from error to error."""
    names = {name.lower(): name for name in shape.members}
    return {
        names[name.lower()]: value
        for name, value in members.items()
        if value is not None and name.lower() in names
    }
