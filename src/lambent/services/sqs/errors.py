"""SQS's errors. The names are the shapes'; `wire.query_compatible` knows their codes in the query
protocol.

Marks of the texts: [LS] LocalStack's recordings of AWS (test_sqs.snapshot.json,
test_sqs_move_task.snapshot.json); the others are unverified.
"""

from __future__ import annotations

from lambent.domain.errors import LambdaError


def queue_does_not_exist() -> LambdaError:
    """[LS]; the query protocol adds `for this wsdl version`."""
    return LambdaError("QueueDoesNotExist", "The specified queue does not exist.")


def invalid_parameter(message: str) -> LambdaError:
    return LambdaError("InvalidParameterValueException", message)


def invalid_value(value: object, parameter: str, reason: str) -> LambdaError:
    """[LS] in form and code."""
    return invalid_parameter(
        f"Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    )


def missing_parameter(name: str) -> LambdaError:
    """[LS]"""
    return LambdaError(
        "MissingRequiredParameterException", f"The request must contain the parameter {name}."
    )


def unknown_attribute(name: str) -> LambdaError:
    """[LS]"""
    return LambdaError("InvalidAttributeName", f"Unknown Attribute {name}.")


def invalid_attribute(name: str, reason: str = "") -> LambdaError:
    """[LS] with a reason."""
    suffix = f" Reason: {reason}" if reason else ""
    return LambdaError("InvalidAttributeValue", f"Invalid value for the parameter {name}.{suffix}")


def invalid_handle(handle: str) -> LambdaError:
    return LambdaError(
        "ReceiptHandleIsInvalid",
        f'The input receipt handle "{handle[:1024]}" is not a valid receipt handle.',
    )


def resource_not_found(parameter: str) -> LambdaError:
    """[LS]"""
    return LambdaError(
        "ResourceNotFoundException",
        f"The resource that you specified for the {parameter} parameter doesn't exist.",
    )
