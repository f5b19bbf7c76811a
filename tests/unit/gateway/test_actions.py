"""Which action on which resource an operation is.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Lambda",
"… for AWS Identity and Access Management (IAM)", "… for Amazon CloudWatch Logs".
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.session import get_session

from lambent.domain.arns import Account
from lambent.gateway.actions import Actions

PREFIX = "arn:aws:lambda:us-east-1:000000000000:"
IAM = "arn:aws:iam::000000000000:"
LOGS = "arn:aws:logs:us-east-1:000000000000:log-group:"
ROLE = f"{IAM}role/team/r"
ACTIONS = Actions(Account(), {"r": ROLE}.get)


@pytest.mark.parametrize(
    ("service", "operation", "params", "asked"),
    [
        (
            "lambda",
            "Invoke",
            {"FunctionName": "f"},
            ("lambda:InvokeFunction", f"{PREFIX}function:f"),
        ),
        (
            "lambda",
            "InvokeWithResponseStream",
            {"FunctionName": "f:live"},
            ("lambda:InvokeFunction", f"{PREFIX}function:f:live"),
        ),
        (
            "lambda",
            "GetFunction",
            {"FunctionName": f"{PREFIX}function:f", "Qualifier": "7"},
            ("lambda:GetFunction", f"{PREFIX}function:f:7"),
        ),
        (
            "lambda",
            "GetAlias",
            {"FunctionName": "f", "Name": "live"},
            ("lambda:GetAlias", f"{PREFIX}function:f"),
        ),
        (
            "lambda",
            "GetFunction",
            {"FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:f"},
            ("lambda:GetFunction", "arn:aws:lambda:eu-west-1:000000000000:function:f"),
        ),
        (
            "lambda",
            "GetLayerVersionByArn",
            {"Arn": f"{PREFIX}layer:l:3"},
            ("lambda:GetLayerVersion", f"{PREFIX}layer:l:3"),
        ),
        (
            "lambda",
            "GetLayerVersion",
            {"LayerName": "l", "VersionNumber": 3},
            ("lambda:GetLayerVersion", f"{PREFIX}layer:l:3"),
        ),
        (
            "lambda",
            "PublishLayerVersion",
            {"LayerName": "l"},
            ("lambda:PublishLayerVersion", f"{PREFIX}layer:l"),
        ),
        (
            "lambda",
            "TagResource",
            {"Resource": f"{PREFIX}function:f", "Tags": {}},
            ("lambda:TagResource", f"{PREFIX}function:f"),
        ),
        (
            "lambda",
            "GetEventSourceMapping",
            {"UUID": "u"},
            ("lambda:GetEventSourceMapping", f"{PREFIX}event-source-mapping:u"),
        ),
        (
            "lambda",
            "UpdateEventSourceMapping",
            {"UUID": "u", "FunctionName": "f"},
            ("lambda:UpdateEventSourceMapping", f"{PREFIX}event-source-mapping:u"),
        ),
        ("lambda", "ListFunctions", {}, ("lambda:ListFunctions", "*")),
        (
            "lambda",
            "CreateEventSourceMapping",
            {"FunctionName": "f", "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q"},
            ("lambda:CreateEventSourceMapping", "*"),
        ),
        ("iam", "GetRole", {"RoleName": "r"}, ("iam:GetRole", ROLE)),
        (
            "iam",
            "CreateRole",
            {"RoleName": "r", "Path": "/new/"},
            ("iam:CreateRole", f"{IAM}role/new/r"),
        ),
        (
            "iam",
            "PutRolePolicy",
            {"RoleName": "x", "PolicyName": "p"},
            ("iam:PutRolePolicy", f"{IAM}role/x"),
        ),
        (
            "iam",
            "CreateAccessKey",
            {"UserName": "u"},
            ("iam:CreateAccessKey", f"{IAM}user/u"),
        ),
        (
            "iam",
            "GetPolicy",
            {"PolicyArn": f"{IAM}policy/p"},
            ("iam:GetPolicy", f"{IAM}policy/p"),
        ),
        ("iam", "CreatePolicy", {"PolicyName": "p"}, ("iam:CreatePolicy", f"{IAM}policy/p")),
        ("iam", "ListRoles", {}, ("iam:ListRoles", "*")),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "/g", "logStreamName": "s"},
            ("logs:PutLogEvents", f"{LOGS}/g:log-stream:s"),
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "/g"},
            ("logs:CreateLogGroup", f"{LOGS}/g:log-stream:"),
        ),
        ("logs", "GetQueryResults", {"queryId": "q"}, ("logs:GetQueryResults", "*")),
    ],
)
def test_an_operation_is_its_action_on_what_its_parameters_name(
    service: str, operation: str, params: dict[str, Any], asked: tuple[str, str]
) -> None:
    (found,) = ACTIONS.of(service, operation, params)
    assert (found.action, found.resource) == asked


@pytest.mark.parametrize("operation", ["GetCallerIdentity", "GetSessionToken", "AssumeRole"])
def test_what_anyone_may_do_asks_no_identity_policy(operation: str) -> None:
    assert ACTIONS.of("sts", operation, {}) == []


def test_creating_a_function_takes_its_role_its_layers_and_its_tags() -> None:
    layer = f"{PREFIX}layer:l:1"
    params = {"FunctionName": "f", "Role": ROLE, "Layers": [layer], "Tags": {"Team": "a"}}
    asked = ACTIONS.of("lambda", "CreateFunction", params)
    assert [(one.action, one.resource) for one in asked] == [
        ("lambda:CreateFunction", f"{PREFIX}function:f"),
        ("iam:PassRole", ROLE),
        ("lambda:GetLayerVersion", layer),
        ("lambda:TagResource", f"{PREFIX}function:f"),
    ]
    assert asked[0].context["lambda:layer"] == (layer,)
    assert asked[0].context["aws:requesttag/team"] == "a"
    assert asked[1].context["iam:passedtoservice"] == "lambda.amazonaws.com"


def test_every_operation_of_lambda_has_an_action_whatever_its_parameters() -> None:
    model = get_session().get_service_model("lambda")
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        texts = {
            name: "x"
            for name, member in (shape.members if shape else {}).items()
            if member.type_name == "string"
        }
        for params in ({}, texts):
            found = ACTIONS.of("lambda", operation, params)
            assert found[0].action.startswith("lambda:"), operation
