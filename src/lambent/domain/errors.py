"""Errors by who is to blame: the caller (LambdaError), the function (FunctionError), us.

`LambdaError` mirrors one of AWS's modelled or wire-only errors; its HTTP status and the case of its
fields come from botocore's model, at the edge. A `FunctionError` is a result, never raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class LambdaError(Exception):
    """An error that AWS's API would answer.

    `code` is AWS's name of it, `members` are its other fields.
    """

    def __init__(self, code: str, message: str, **members: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.members: Mapping[str, object] = members


NOT_RUN = frozenset(
    {
        "TooManyRequestsException",
        "ServiceException",
        "ResourceConflictException",
        "SnapStartNotReadyException",
        "SnapStartRegenerationFailureException",
    }
)
"""Codes of invocations that did not reach the function: it may be run later."""


class PlatformFault(Exception):
    """Lambent's own fault: becomes ServiceException 500 at the edge and is logged there, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionError:
    """The customer's code failed: what AWS answers with `FunctionError: Unhandled`."""

    payload: bytes
    """JSON: errorType, errorMessage, …"""
    error_type: str
    """e.g. `Sandbox.Timedout`, `Runtime.ExitError`, `ValueError`."""


def resource_not_found(message: str) -> LambdaError:
    return LambdaError("ResourceNotFoundException", message, Type="User")


def resource_conflict(message: str) -> LambdaError:
    return LambdaError("ResourceConflictException", message, Type="User")


def invalid_parameter(message: str) -> LambdaError:
    return LambdaError("InvalidParameterValueException", message, Type="User")


def validation_failed(violations: list[str]) -> LambdaError:
    """AWS's ValidationException; each violation is already a `Value '…' at '…' failed …` clause."""
    noun = "error" if len(violations) == 1 else "errors"
    return LambdaError(
        "ValidationException",
        f"{len(violations)} validation {noun} detected: " + "; ".join(violations),
    )


def throttled(reason: str) -> LambdaError:
    """429 with AWS's Reason. Text: [LS]; how many seconds AWS names is unverified."""
    return LambdaError(
        "TooManyRequestsException",
        "Rate Exceeded.",
        Reason=reason,
        Type="User",
        retryAfterSeconds="1",
    )


def not_supported(what: str) -> LambdaError:
    """An operation or option that Lambent does not have: said, never silently dropped."""
    return LambdaError("UnsupportedOperationException", f"Lambent does not support {what} yet.")


def snap_start_not_ready() -> LambdaError:
    """[B] SnapStartNotReadyException, with its documentation's text."""
    return LambdaError(
        "SnapStartNotReadyException",
        "Lambda is initializing your function. You can invoke the function when the function state "
        "becomes Active.",
        Type="User",
    )
