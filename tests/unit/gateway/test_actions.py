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
USER = f"{IAM}user/admin/bob"
ACTIONS = Actions(
    Account(),
    {"r": ROLE}.get,
    user_arn={"bob": USER}.get,
    mapped_function={"m": f"{PREFIX}function:old"}.get,
)


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


def test_a_user_is_the_one_with_his_path_whatever_path_the_request_names() -> None:
    (asked,) = ACTIONS.of("iam", "DeleteUser", {"UserName": "bob", "Path": "/"})
    assert asked.resource == USER
    (asked,) = ACTIONS.of("iam", "CreateUser", {"UserName": "bob", "Path": "/x/"})
    assert asked.resource == f"{IAM}user/x/bob"


def test_who_moves_a_user_must_be_allowed_both_ends_of_it() -> None:
    asked = ACTIONS.of("iam", "UpdateUser", {"UserName": "bob", "NewPath": "/free/"})
    assert [one.resource for one in asked] == [USER, f"{IAM}user/free/bob"]
    asked = ACTIONS.of("iam", "UpdateUser", {"UserName": "bob", "NewUserName": "eve"})
    assert [one.resource for one in asked] == [USER, f"{IAM}user/admin/eve"]


def test_an_update_of_a_mapping_is_about_its_new_function_or_the_one_it_has() -> None:
    (asked,) = ACTIONS.of("lambda", "UpdateEventSourceMapping", {"UUID": "m", "FunctionName": "n"})
    assert asked.context["lambda:functionarn"] == f"{PREFIX}function:n"
    (asked,) = ACTIONS.of("lambda", "DeleteEventSourceMapping", {"UUID": "m"})
    assert asked.context["lambda:functionarn"] == f"{PREFIX}function:old"


def test_every_log_group_that_is_named_is_asked_for() -> None:
    given = {"logGroupIdentifiers": ["a", f"{LOGS}b:*"]}
    asked = ACTIONS.of("logs", "DescribeLogGroups", given)
    assert [one.resource for one in asked] == [f"{LOGS}a:log-stream:", f"{LOGS}b:log-stream:"]


def test_a_layer_version_is_asked_of_its_own_policy_too() -> None:
    given = {"FunctionName": "f", "Layers": [f"{PREFIX}layer:l:3"]}
    *_, asked = ACTIONS.of("lambda", "UpdateFunctionConfiguration", given)
    assert (asked.action, asked.layer) == ("lambda:GetLayerVersion", ("l", 3))
    (asked,) = ACTIONS.of("lambda", "GetLayerVersion", {"LayerName": "l", "VersionNumber": 2})
    assert asked.layer == ("l", 2)
