"""SNS's errors, by the names of the model's shapes.

Marks of the texts: [LS] LocalStack's provider and its recordings of AWS (test_sns.snapshot.json,
test_sns_filter_policy.snapshot.json); the others are our own.
"""

from __future__ import annotations

from lambent.domain.errors import LambdaError


def invalid(what: str) -> LambdaError:
    """[LS] in form."""
    return LambdaError("InvalidParameterException", f"Invalid parameter: {what}")


def invalid_value(message: str) -> LambdaError:
    """What is wrong with a message attribute has this code. [LS]"""
    return LambdaError("InvalidParameterValueException", message)


def topic_does_not_exist() -> LambdaError:
    """[LS]"""
    return LambdaError("NotFoundException", "Topic does not exist")


def subscription_does_not_exist() -> LambdaError:
    """[LS]"""
    return LambdaError("NotFoundException", "Subscription does not exist")
