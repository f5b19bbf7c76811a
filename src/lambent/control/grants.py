"""What AddPermission is asked to grant, as the statement that AWS makes of it; and what is public.

Pure. Texts and forms: [LS] unless said otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambent.control.policy_text import format_json, parse_resource_policy
from lambent.domain.arns import PARTITION
from lambent.domain.errors import LambdaError, invalid_parameter
from lambent.policy.evaluator import PolicySyntaxError

_ACCOUNT_ID = re.compile(r"\d{12}\Z")
# Services end in one of these; alexa-appkit.amazon.com is the one of AWS's guides that does not
# end in amazonaws.com.
_SERVICE = re.compile(r"[a-z0-9][a-z0-9.-]*\.(amazonaws\.com(\.cn)?|amazon\.com)\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one AddPermission grants; None is not given."""

    sid: str
    action: str
    principal: str
    """An account's id, an ARN, a service, or `*`."""
    source_arn: str | None = None
    source_account: str | None = None
    org_id: str | None = None
    url_auth_type: str | None = None
    event_source_token: str | None = None
    via_function_url: bool | None = None


def statement_of(grant: Grant, resource: str) -> dict[str, Any]:
    """The statement, its members in AWS's order; raises InvalidParameterValueException."""
    if grant.url_auth_type is not None and grant.action != "lambda:InvokeFunctionUrl":
        raise invalid_parameter(  # AWS's text, as quoted in many places
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"
        )
    if grant.via_function_url is not None and grant.action != "lambda:InvokeFunction":
        raise invalid_parameter(  # UNVERIFIED text, after the one above
            "InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action"
        )
    statement: dict[str, Any] = {
        "Sid": grant.sid,
        "Effect": "Allow",
        "Principal": format_principal(grant.principal),
        "Action": grant.action,
        "Resource": resource,
    }
    if condition := _condition(grant):
        statement["Condition"] = condition
    try:
        parse_resource_policy(format_json({"Version": "2012-10-17", "Statement": [statement]}))
    except PolicySyntaxError as error:
        raise invalid_parameter(error.message) from None
    return statement


def format_principal(principal: str) -> str | dict[str, str]:
    """The Principal element; whether a user or role exists is not looked at."""
    if principal == "*":
        return "*"
    if _ACCOUNT_ID.match(principal):
        return {"AWS": f"arn:{PARTITION}:iam::{principal}:root"}
    if _SERVICE.match(principal):
        return {"Service": principal}
    statement = {"AWS": principal}
    probe = {"Effect": "Allow", "Principal": statement, "Action": "*", "Resource": "*"}
    try:
        if not principal.startswith("arn:"):
            raise PolicySyntaxError("")
        parse_resource_policy(format_json({"Statement": [probe]}))
    except PolicySyntaxError:
        raise invalid_parameter(
            "The provided principal was invalid. Please check the principal and try again."
        ) from None
    return statement


def _condition(grant: Grant) -> dict[str, dict[str, str]]:
    equals = {
        key: value
        for key, value in (
            ("lambda:FunctionUrlAuthType", grant.url_auth_type),
            ("aws:PrincipalOrgID", grant.org_id),
            ("AWS:SourceAccount", grant.source_account),
            ("lambda:EventSourceToken", grant.event_source_token),
        )
        if value is not None
    }
    condition: dict[str, dict[str, str]] = {}
    if equals:
        condition["StringEquals"] = equals
    if grant.via_function_url is not None:
        told = "true" if grant.via_function_url else "false"
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": told}
    if grant.source_arn is not None:
        condition["ArnLike"] = {"AWS:SourceArn": grant.source_arn}
    return condition


# What is public

_NARROWING = frozenset(
    {
        "aws:sourcearn",
        "aws:sourceaccount",
        "aws:sourceorgid",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principalorgid",
        "aws:principalservicename",
        "aws:userid",
        "lambda:eventsourcetoken",
    }
)
"""Condition keys of which a fixed value says who may; AWS's guides name them for S3 and Lambda."""

_EQUALITY = frozenset({"StringEquals", "StringLike", "ArnEquals", "ArnLike"})


def refuse_public(document: Mapping[str, Any]) -> None:
    """Raise PublicPolicyException where anybody at all is granted something.

    An Allow is public when its principal is everybody and no condition holds one of the telling
    keys to fixed values, without wildcards or variables. Source: AWS Config,
    "lambda-function-public-access-prohibited"; text: AWS's of September 2024
    (hashicorp/terraform-provider-aws#39396).
    """
    for statement in document["Statement"]:
        if (
            statement["Effect"] == "Allow"
            and _names_everybody(statement)
            and not _is_narrowed(statement.get("Condition", {}))
        ):
            raise LambdaError(
                "PublicPolicyException",
                "Lambda blocked the creation of this policy because it would grant public access "
                "to your function. If this is intentional, change your function's "
                "BlockPublicPolicy setting to allow public access and try again.",
                Type="User",
            )


def _names_everybody(statement: Mapping[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        return True
    principal = statement["Principal"]
    named = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
    return named == "*" or (isinstance(named, list) and "*" in named)


def _is_narrowed(condition: Mapping[str, Any]) -> bool:
    return any(
        operator in _EQUALITY and key.lower() in _NARROWING and _is_fixed(values)
        for operator, block in condition.items()
        for key, values in block.items()
    )


def _is_fixed(values: Any) -> bool:
    found = values if isinstance(values, list) else [values]
    return all(
        isinstance(value, str) and not any(sign in value for sign in ("*", "?", "${"))
        for value in found
    )
