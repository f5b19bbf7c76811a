"""Documents of AWS's own managed policies: those that deploy tools attach.

Source: AWS Managed Policy Reference Guide, from memory of its pages of 2025 (UNVERIFIED against
today's versions); statements on services that Lambent does not have are left out where they are
long. A policy of AWS's that is not here can be attached, grants nothing, and is logged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

Statement = Mapping[str, object]

_PREFIX = "arn:aws:iam::aws:policy/"


def _allow(*actions: str, resource: str = "*") -> Statement:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def _document(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


_LOGS = _allow("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
_PASS_TO_LAMBDA: Statement = {
    **_allow("iam:PassRole"),
    "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
}
_LOOK_AT_ROLES = (
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:ListRoles",
)
_LOOK_AT_LOGS = (
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:FilterLogEvents",
    "logs:GetLogEvents",
    "logs:StartQuery",
    "logs:StopQuery",
    "logs:GetQueryResults",
)
_NETWORK = _allow(
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)

_STATEMENTS: Mapping[str, Sequence[Statement]] = {
    "AdministratorAccess": [_allow("*")],
    "PowerUserAccess": [
        {
            "Effect": "Allow",
            "NotAction": ["iam:*", "organizations:*", "account:*"],
            "Resource": "*",
        },
        _allow("iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles"),
    ],
    "ReadOnlyAccess": [
        _allow(
            "iam:Generate*",
            "iam:Get*",
            "iam:List*",
            "iam:Simulate*",
            "lambda:Get*",
            "lambda:List*",
            "logs:Describe*",
            "logs:FilterLogEvents",
            "logs:Get*",
            "logs:ListTagsForResource",
            "logs:ListTagsLogGroup",
            "logs:StartQuery",
            "logs:StopQuery",
            "logs:TestMetricFilter",
            "sts:GetAccessKeyInfo",
            "sts:GetCallerIdentity",
            "sts:GetSessionToken",
        )
    ],
    "IAMFullAccess": [_allow("iam:*")],
    "IAMReadOnlyAccess": [
        _allow("iam:GenerateCredentialReport", "iam:Get*", "iam:List*", "iam:Simulate*")
    ],
    "AWSLambda_FullAccess": [
        _allow("lambda:*", *_LOOK_AT_ROLES),
        _PASS_TO_LAMBDA,
        _allow(*_LOOK_AT_LOGS, resource="arn:aws:logs:*:*:log-group:/aws/lambda/*"),
        _allow("logs:DescribeLogGroups"),
    ],
    "AWSLambda_ReadOnlyAccess": [
        _allow("lambda:Get*", "lambda:List*", *_LOOK_AT_ROLES),
        _allow(*_LOOK_AT_LOGS, resource="arn:aws:logs:*:*:log-group:/aws/lambda/*"),
        _allow("logs:DescribeLogGroups"),
    ],
    "CloudWatchLogsFullAccess": [_allow("logs:*")],
    "CloudWatchLogsReadOnlyAccess": [
        _allow(
            "logs:Describe*",
            "logs:Get*",
            "logs:List*",
            "logs:StartQuery",
            "logs:StopQuery",
            "logs:TestMetricFilter",
            "logs:FilterLogEvents",
        )
    ],
    "AWSXRayDaemonWriteAccess": [
        _allow("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules")
    ],
    "AWSXrayWriteOnlyAccess": [
        _allow("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules")
    ],
    "service-role/AWSLambdaBasicExecutionRole": [_LOGS],
    "service-role/AWSLambdaVPCAccessExecutionRole": [_LOGS, _NETWORK],
    "service-role/AWSLambdaRole": [_allow("lambda:InvokeFunction")],
    "service-role/AWSLambdaSQSQueueExecutionRole": [
        _allow("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
        _LOGS,
    ],
    "service-role/AWSLambdaDynamoDBExecutionRole": [
        _allow(
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
        ),
        _LOGS,
    ],
    "service-role/AWSLambdaKinesisExecutionRole": [
        _allow(
            "kinesis:DescribeStream",
            "kinesis:DescribeStreamSummary",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
            "kinesis:ListStreams",
            "kinesis:SubscribeToShard",
        ),
        _LOGS,
    ],
}

DOCUMENTS = {_PREFIX + name: _document(found) for name, found in _STATEMENTS.items()}
"""By ARN."""
