"""The operations on capacity providers: modelled parameters ↔ domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api.pages import with_marker
from lambent.control.capacity_providers import CapacityProviders, ProviderChange
from lambent.control.function_scaling import FunctionScalings
from lambent.domain.arns import parse_function_ref
from lambent.domain.capacity_provider import CapacityProvider, FunctionScaling
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class CapacityProviderOperations:
    """One method an operation."""

    def __init__(self, providers: CapacityProviders, scalings: FunctionScalings) -> None:
        self._providers = providers
        self._scalings = scalings

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "CreateCapacityProvider": self.create,
            "GetCapacityProvider": self.get,
            "ListCapacityProviders": self.list,
            "UpdateCapacityProvider": self.update,
            "DeleteCapacityProvider": self.delete,
            "ListFunctionVersionsByCapacityProvider": self.list_versions,
            "PutFunctionScalingConfig": self.put_scaling,
            "GetFunctionScalingConfig": self.get_scaling,
        }

    async def create(self, params: Shape, context: RequestContext) -> Shape:
        provider = await self._providers.create(
            CapacityProvider(
                name=params["CapacityProviderName"],
                vpc=params["VpcConfig"],
                operator_role_arn=params["PermissionsConfig"]["CapacityProviderOperatorRoleArn"],
                instances=params.get("InstanceRequirements"),
                scaling=params.get("CapacityProviderScalingConfig"),
                kms_key_arn=params.get("KmsKeyArn"),
                propagate_tags=params.get("PropagateTags"),
                telemetry=params.get("TelemetryConfig"),
                tags=params.get("Tags") or {},
                modified="",
            )
        )
        return {"CapacityProvider": self._format(provider, "Pending")}

    async def get(self, params: Shape, context: RequestContext) -> Shape:
        provider = self._providers.get(params["CapacityProviderName"])
        return {"CapacityProvider": self._format(provider)}

    async def list(self, params: Shape, context: RequestContext) -> Shape:
        page = self._providers.list(marker=params.get("Marker"), items_max=params.get("MaxItems"))
        state = params.get("State", "Active")
        if state != "Active":  # none stays in any other
            return {"CapacityProviders": []}
        shapes = [self._format(one) for one in page.items]
        return with_marker({"CapacityProviders": shapes}, page.next_marker)

    async def update(self, params: Shape, context: RequestContext) -> Shape:
        change = ProviderChange(
            scaling=params.get("CapacityProviderScalingConfig"),
            propagate_tags=params.get("PropagateTags"),
            telemetry=params.get("TelemetryConfig"),
        )
        provider = await self._providers.update(params["CapacityProviderName"], change)
        return {"CapacityProvider": self._format(provider)}

    async def delete(self, params: Shape, context: RequestContext) -> Shape:
        provider = await self._providers.delete(params["CapacityProviderName"])
        return {"CapacityProvider": self._format(provider, "Deleting")}

    async def list_versions(self, params: Shape, context: RequestContext) -> Shape:
        provider = self._providers.get(params["CapacityProviderName"])
        page = self._providers.list_versions(
            provider.name, marker=params.get("Marker"), items_max=params.get("MaxItems")
        )
        shape: Shape = {
            "CapacityProviderArn": self._providers.arn(provider.name),
            "FunctionVersions": [
                {
                    "FunctionArn": context.account.function_arn(version.name, version.version),
                    "State": version.state.value,
                }
                for version in page.items
            ],
        }
        return with_marker(shape, page.next_marker)

    # Functions on providers

    async def put_scaling(self, params: Shape, context: RequestContext) -> Shape:
        name = parse_function_ref(params["FunctionName"], context.account).name
        given = params.get("FunctionScalingConfig") or {}
        scaling = FunctionScaling(
            environments_min=given.get("MinExecutionEnvironments"),
            environments_max=given.get("MaxExecutionEnvironments"),
        )
        version = await self._scalings.put(name, params["Qualifier"], scaling)
        return {"FunctionState": version.state.value}

    async def get_scaling(self, params: Shape, context: RequestContext) -> Shape:
        name, number = (
            parse_function_ref(params["FunctionName"], context.account).name,
            params["Qualifier"],
        )
        scaling = self._scalings.get(name, number)
        shape: Shape = {"FunctionArn": context.account.function_arn(name, number)}
        config = {
            "MinExecutionEnvironments": scaling.environments_min,
            "MaxExecutionEnvironments": scaling.environments_max,
        }
        if given := {member: value for member, value in config.items() if value is not None}:
            shape["AppliedFunctionScalingConfig"] = given
            shape["RequestedFunctionScalingConfig"] = given
        return shape

    def _format(self, provider: CapacityProvider, state: str = "Active") -> Shape:
        role = {"CapacityProviderOperatorRoleArn": provider.operator_role_arn}
        shape = {
            "CapacityProviderArn": self._providers.arn(provider.name),
            "State": state,
            "VpcConfig": dict(provider.vpc),
            "PermissionsConfig": role,
            "InstanceRequirements": provider.instances,
            "CapacityProviderScalingConfig": provider.scaling,
            "KmsKeyArn": provider.kms_key_arn,
            "LastModified": provider.modified,
            "PropagateTags": provider.propagate_tags,
            "TelemetryConfig": provider.telemetry,
        }
        return {member: value for member, value in shape.items() if value is not None}
