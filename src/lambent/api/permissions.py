"""The operations on resource policies of functions and layers: modelled parameters ↔ domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.grants import Grant
from lambent.control.layer_policies import LayerPolicies
from lambent.control.permissions import Permissions
from lambent.domain.arns import FunctionRef, parse_function_ref
from lambent.domain.errors import not_supported
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class PermissionOperations:
    """One method an operation."""

    def __init__(self, permissions: Permissions, layers: LayerPolicies) -> None:
        self._permissions = permissions
        self._layers = layers

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "AddPermission": self.add_permission,
            "RemovePermission": self.remove_permission,
            "GetPolicy": self.get_policy,
            "PutResourcePolicy": self.put_resource_policy,
            "GetResourcePolicy": self.get_resource_policy,
            "DeleteResourcePolicy": self.delete_resource_policy,
            "AddLayerVersionPermission": self.add_layer_version_permission,
            "RemoveLayerVersionPermission": self.remove_layer_version_permission,
            "GetLayerVersionPolicy": self.get_layer_version_policy,
        }

    # Functions

    async def add_permission(self, params: Shape, context: RequestContext) -> Shape:
        grant = Grant(
            sid=params["StatementId"],
            action=params["Action"],
            principal=params["Principal"],
            source_arn=params.get("SourceArn"),
            source_account=params.get("SourceAccount"),
            org_id=params.get("PrincipalOrgID"),
            url_auth_type=params.get("FunctionUrlAuthType"),
            event_source_token=params.get("EventSourceToken"),
            via_function_url=params.get("InvokedViaFunctionUrl"),
        )
        statement = await self._permissions.add(
            _ref(params, context), grant, revision_id=params.get("RevisionId")
        )
        return {"Statement": statement}

    async def remove_permission(self, params: Shape, context: RequestContext) -> Shape:
        await self._permissions.remove(
            _ref(params, context), params["StatementId"], revision_id=params.get("RevisionId")
        )
        return {}

    async def get_policy(self, params: Shape, context: RequestContext) -> Shape:
        document, revision_id = self._permissions.get(_ref(params, context))
        return {"Policy": document, "RevisionId": revision_id}

    async def put_resource_policy(self, params: Shape, context: RequestContext) -> Shape:
        document, revision_id = await self._permissions.put(
            _ref_by_arn(params, context), params["Policy"], revision_id=params.get("RevisionId")
        )
        return {"Policy": document, "RevisionId": revision_id}

    async def get_resource_policy(self, params: Shape, context: RequestContext) -> Shape:
        document, revision_id = self._permissions.get(_ref_by_arn(params, context))
        return {"Policy": document, "RevisionId": revision_id}

    async def delete_resource_policy(self, params: Shape, context: RequestContext) -> Shape:
        await self._permissions.delete(
            _ref_by_arn(params, context), revision_id=params.get("RevisionId")
        )
        return {}

    # Layers

    async def add_layer_version_permission(self, params: Shape, context: RequestContext) -> Shape:
        statement, revision_id = await self._layers.add(
            params["LayerName"],
            params["VersionNumber"],
            sid=params["StatementId"],
            action=params["Action"],
            principal=params["Principal"],
            org_id=params.get("OrganizationId"),
            revision_id=params.get("RevisionId"),
        )
        return {"Statement": statement, "RevisionId": revision_id}

    async def remove_layer_version_permission(
        self, params: Shape, context: RequestContext
    ) -> Shape:
        await self._layers.remove(
            params["LayerName"],
            params["VersionNumber"],
            params["StatementId"],
            revision_id=params.get("RevisionId"),
        )
        return {}

    async def get_layer_version_policy(self, params: Shape, context: RequestContext) -> Shape:
        policy = self._layers.get(params["LayerName"], params["VersionNumber"])
        return {"Policy": policy.document, "RevisionId": policy.revision_id}


def _ref(params: Shape, context: RequestContext) -> FunctionRef:
    return parse_function_ref(
        params["FunctionName"], context.account, qualifier=params.get("Qualifier")
    )


def _ref_by_arn(params: Shape, context: RequestContext) -> FunctionRef:
    arn = params["ResourceArn"]
    if ":function:" not in arn:
        raise not_supported("resource policies of runtimes")
    return parse_function_ref(arn, context.account)
