"""Which action on which resource an operation is: a table, and a few exceptions.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Lambda",
"… for AWS Identity and Access Management", "… for Amazon CloudWatch Logs",
"… for Amazon SQS"; S3 has a table of its own. Most operations are the action of their own name on
the resource that their parameters name. Where the reference gives an action no resource, it is `*`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambent.control.options import HOT_RELOAD_BUCKET
from lambent.domain.arns import Account, parse_function_ref, parse_layer_name
from lambent.domain.errors import LambdaError
from lambent.gateway.asked import Asked
from lambent.gateway.event_actions import event_resources
from lambent.gateway.s3_actions import actions_of_s3
from lambent.gateway.schedule_actions import actions_of_scheduler
from lambent.gateway.sns_requests import topic_resource
from lambent.policy.principal import ContextValue

Params = Mapping[str, Any]

_LAMBDA_NAMES = {
    "Invoke": "InvokeFunction",
    "InvokeWithResponseStream": "InvokeFunction",
    "GetLayerVersionByArn": "GetLayerVersion",
}
_NO_RESOURCE = {
    "lambda": {"CreateEventSourceMapping", "ListEventSourceMappings", "ListLayerVersions"},
    "iam": set[str](),
    "logs": {"DescribeQueries", "GetQueryResults", "StopQuery"},
}
OWN = {"GetUser", "CreateAccessKey", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"}
"""IAM's operations that mean the caller where they name no user."""
FREE = {"sts": {"GetCallerIdentity", "GetSessionToken", "AssumeRole"}}
"""No policy is asked: AssumeRole asks the role's own trust policy, the others are for anyone."""


Lookup = Callable[[str], str | None]


class Actions:
    """Knows the account that names without an ARN belong to."""

    def __init__(
        self,
        account: Account,
        role_arn: Lookup,
        *,
        user_arn: Lookup = lambda name: None,
        mapped_function: Lookup = lambda uuid: None,
    ) -> None:
        """`role_arn`, `user_arn`: the ARN of the one of that name, which may have a path.
        `mapped_function`: the ARN of the function that an event source mapping feeds."""
        self._account = account
        self._role_arn = role_arn
        self._user_arn = user_arn
        self._mapped_function = mapped_function

    def of(self, service: str, operation: str, params: Params) -> list[Asked]:
        """All that the call must be allowed, what it is named for first."""
        if operation in FREE.get(service, ()):
            return []
        match service:
            case "lambda":
                return self._of_lambda(operation, params)
            case "iam":
                resources = self._iam_resources(operation, params)
                return [Asked(f"iam:{operation}", one, _iam(params)) for one in resources]
            case "logs":
                resources = self._log_resources(operation, params)
                return [Asked(f"logs:{operation}", one) for one in resources]
            case "sqs":
                return self._of_sqs(operation, params)
            case "s3":
                return actions_of_s3(operation, params)
            case "scheduler":
                return actions_of_scheduler(operation, params, self._account)
            case "sns":
                action = f"SNS:{operation.removesuffix('Batch')}"
                topic = topic_resource(params, self._account)
                return [Asked(action, topic, _tags_of_request(params))]
            case "events":
                resources = event_resources(operation, params, self._account)
                context = _tags_of_request(params)
                return [Asked(f"events:{operation}", one, context) for one in resources]
            case _:
                return [Asked(f"{service}:{operation}", "*")]

    # Lambda

    def _of_lambda(self, operation: str, params: Params) -> list[Asked]:
        action = f"lambda:{_LAMBDA_NAMES.get(operation, operation)}"
        context = self._lambda_context(params)
        function = None
        if operation in _NO_RESOURCE["lambda"]:
            resource = "*"
        elif "FunctionName" in params and "UUID" not in params:
            resource, function = self._function(params["FunctionName"], params.get("Qualifier"))
        else:
            resource = self._lambda_resource(params)
        layer = self._layer(resource) if action == "lambda:GetLayerVersion" else None
        asked = [Asked(action, resource, context, function, layer)]
        source = params.get("Code") or params.get("Content") or params
        if "S3Bucket" in source and source["S3Bucket"] != HOT_RELOAD_BUCKET:
            wanted = {
                "Bucket": source["S3Bucket"],
                "Key": source.get("S3Key", ""),
                "VersionId": source.get("S3ObjectVersion"),
            }
            asked += actions_of_s3("GetObject", wanted)
        if operation in ("CreateFunction", "UpdateFunctionConfiguration"):
            asked += self._beside(operation, params, resource, context)
        return asked

    def _beside(
        self, operation: str, params: Params, resource: str, context: Mapping[str, ContextValue]
    ) -> list[Asked]:
        """What creating or configuring a function takes besides."""
        asked = []
        if "Role" in params:
            passed: dict[str, ContextValue] = {
                "iam:passedtoservice": "lambda.amazonaws.com",
                "iam:associatedresourcearn": resource,
            }
            asked.append(Asked("iam:PassRole", params["Role"], passed))
        asked += [
            Asked("lambda:GetLayerVersion", arn, layer=self._layer(arn))
            for arn in params.get("Layers", ())
        ]
        if operation == "CreateFunction" and params.get("Tags"):
            asked.append(Asked("lambda:TagResource", resource, context))
        return asked

    def _layer(self, arn: str) -> tuple[str, int] | None:
        try:
            layer = parse_layer_name(arn)
        except LambdaError:  # the operation says what is wrong with it
            return None
        return None if layer.version is None else (layer.name, layer.version)

    def _function(
        self, text: str, qualifier: str | None
    ) -> tuple[str, tuple[str, str | None] | None]:
        try:
            ref = parse_function_ref(text, self._account, qualifier=qualifier)
        except LambdaError:  # the operation says what is wrong with it
            arn = text if text.startswith("arn:") else self._account.function_arn(text)
            return arn, None
        return self._account.function_arn(ref.name, ref.qualifier), (ref.name, ref.qualifier)

    def _lambda_resource(self, params: Params) -> str:
        account = self._account
        arn_of = f"arn:aws:lambda:{account.region}:{account.account_id}"
        if "LayerName" in params:
            name = params["LayerName"]
            if not name.startswith("arn:"):
                return account.layer_arn(name, params.get("VersionNumber"))
            version = params.get("VersionNumber")
            return name if version is None else f"{name}:{version}"
        for member in ("Resource", "ResourceArn", "CodeSigningConfigArn", "DurableExecutionArn"):
            if member in params:
                return str(params[member])
        if "Arn" in params:
            layer = parse_layer_name(params["Arn"])
            return params["Arn"] if layer.region else account.layer_arn(layer.name, layer.version)
        if "UUID" in params:
            return f"{arn_of}:event-source-mapping:{params['UUID']}"
        if "CapacityProviderName" in params:
            name = params["CapacityProviderName"]
            return name if name.startswith("arn:") else f"{arn_of}:capacity-provider:{name}"
        return "*"

    def _lambda_context(self, params: Params) -> dict[str, ContextValue]:
        context = _tags_of_request(params)
        if "Layers" in params:
            context["lambda:layer"] = tuple(params["Layers"])
        if "AuthType" in params:
            context["lambda:functionurlauthtype"] = str(params["AuthType"])
        if "FunctionUrlAuthType" in params:
            context["lambda:functionurlauthtype"] = str(params["FunctionUrlAuthType"])
        if "CodeSigningConfigArn" in params:
            context["lambda:codesigningconfigarn"] = str(params["CodeSigningConfigArn"])
        if "Principal" in params:
            context["lambda:principal"] = str(params["Principal"])
        if "EventSourceArn" in params and "FunctionName" in params:
            context["lambda:functionarn"] = self._function(params["FunctionName"], None)[0]
        if "UUID" in params:  # an update leads it to a new function, or leaves it with its own
            named = params.get("FunctionName")
            fed = self._mapped_function(str(params["UUID"]))
            arn = self._function(named, None)[0] if named else fed
            if arn is not None:
                context["lambda:functionarn"] = arn
        return context

    # IAM

    def _iam_resources(self, operation: str, params: Params) -> list[str]:
        prefix = f"arn:aws:iam::{self._account.account_id}"
        path = params.get("Path", "/")
        if "RoleName" in params:
            name = params["RoleName"]
            known = None if operation == "CreateRole" else self._role_arn(name)
            return [known or f"{prefix}:role{path}{name}"]
        if "UserName" in params:
            name = params["UserName"]
            known = None if operation == "CreateUser" else self._user_arn(name)
            now = known or f"{prefix}:user{path}{name}"
            if operation != "UpdateUser":
                return [now]
            # Whoever renames or moves a user must be allowed both ends of it.
            path_now = now.removeprefix(f"{prefix}:user").removesuffix(name)
            new_name, new_path = params.get("NewUserName", name), params.get("NewPath", path_now)
            return list(dict.fromkeys([now, f"{prefix}:user{new_path}{new_name}"]))
        if "PolicyArn" in params:
            return [str(params["PolicyArn"])]
        if "PolicyName" in params:
            return [f"{prefix}:policy{path}{params['PolicyName']}"]
        return ["*"]

    # Logs

    def _log_resources(self, operation: str, params: Params) -> list[str]:
        prefix = f"arn:aws:logs:{self._account.region}:{self._account.account_id}:log-group"
        if operation in _NO_RESOURCE["logs"]:
            return ["*"]
        if "resourceArn" in params:
            return [f"{str(params['resourceArn']).removesuffix(':*')}:log-stream:"]
        named = [
            *(params.get("logGroupNames") or ()),
            *(params.get("logGroupIdentifiers") or ()),
            *filter(None, (params.get("logGroupName"), params.get("logGroupIdentifier"))),
        ]
        stream = params.get("logStreamName", "")
        return [
            f"{one.removesuffix(':*')}:log-stream:"
            if one.startswith("arn:")
            else f"{prefix}:{one}:log-stream:{stream}"
            for one in named
        ] or [f"{prefix}::log-stream:"]

    # SQS

    def _of_sqs(self, operation: str, params: Params) -> list[Asked]:
        """A batch is the action of one; a move takes what it does to its two queues."""
        action = f"sqs:{operation.removesuffix('Batch')}"
        if operation in ("StartMessageMoveTask", "ListMessageMoveTasks"):
            source = str(params["SourceArn"])
            asked = [Asked(action, source)]
            if operation == "StartMessageMoveTask":
                needed = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
                asked += [Asked(f"sqs:{one}", source) for one in needed]
                if "DestinationArn" in params:
                    asked.append(Asked("sqs:SendMessage", str(params["DestinationArn"])))
            return asked
        prefix = f"arn:aws:sqs:{self._account.region}"
        if "QueueUrl" in params:
            account, _, name = str(params["QueueUrl"]).rpartition("/")
            return [Asked(action, f"{prefix}:{account.rpartition('/')[2]}:{name}")]
        if "QueueName" in params:
            owner = params.get("QueueOwnerAWSAccountId", self._account.account_id)
            return [Asked(action, f"{prefix}:{owner}:{params['QueueName']}", _sqs(params))]
        return [Asked(action, "*")]


def _sqs(params: Params) -> dict[str, ContextValue]:
    """CreateQueue's tags, whose name begins small."""
    return _tags_of_request({"Tags": params.get("tags")})


def _iam(params: Params) -> dict[str, ContextValue]:
    context = _tags_of_request(params)
    if "PolicyArn" in params:
        context["iam:policyarn"] = str(params["PolicyArn"])
    if "PermissionsBoundary" in params:
        context["iam:permissionsboundary"] = str(params["PermissionsBoundary"])
    return context


def _tags_of_request(params: Params) -> dict[str, ContextValue]:
    """aws:RequestTag and aws:TagKeys; tags are a map in Lambda and a list in IAM."""
    given = params.get("Tags") or {}
    if isinstance(given, Mapping):
        tags = {str(key): str(value) for key, value in given.items()}
    else:
        tags = {str(tag["Key"]): str(tag.get("Value", "")) for tag in given}
    context: dict[str, ContextValue] = {
        f"aws:requesttag/{key.lower()}": value for key, value in tags.items()
    }
    keys = tuple(tags) or tuple(params.get("TagKeys") or ())
    if keys:
        context["aws:tagkeys"] = keys
    return context
