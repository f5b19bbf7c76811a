"""The operations on aliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.api.functions import unqualified
from lambent.api.pages import with_marker
from lambent.control.aliases import Aliases
from lambent.domain.alias import Alias
from lambent.domain.arns import Account
from lambent.domain.request import Handler, RequestContext

Shape = dict[str, Any]


class AliasOperations:
    """One method an operation."""

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "CreateAlias": self.create_alias,
            "GetAlias": self.get_alias,
            "ListAliases": self.list_aliases,
            "UpdateAlias": self.update_alias,
            "DeleteAlias": self.delete_alias,
        }

    async def create_alias(self, params: Shape, context: RequestContext) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        alias = await self._aliases.create(
            name,
            params["Name"],
            version=params["FunctionVersion"],
            description=params.get("Description") or "",
            weights=_weights(params.get("RoutingConfig")) or {},
        )
        return format_alias(name, alias, context.account)

    async def get_alias(self, params: Shape, context: RequestContext) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        return format_alias(name, self._aliases.get(name, params["Name"]), context.account)

    async def list_aliases(self, params: Shape, context: RequestContext) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        page = self._aliases.list(
            name,
            version=params.get("FunctionVersion"),
            marker=params.get("Marker"),
            items_max=params.get("MaxItems"),
        )
        shape: Shape = {
            "Aliases": [format_alias(name, alias, context.account) for alias in page.items]
        }
        return with_marker(shape, page.next_marker)

    async def update_alias(self, params: Shape, context: RequestContext) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        alias = await self._aliases.update(
            name,
            params["Name"],
            version=params.get("FunctionVersion"),
            description=params.get("Description"),
            weights=_weights(params.get("RoutingConfig")),
            revision_id=params.get("RevisionId"),
        )
        return format_alias(name, alias, context.account)

    async def delete_alias(self, params: Shape, context: RequestContext) -> Shape:
        name = unqualified(params["FunctionName"], context.account)
        await self._aliases.delete(name, params["Name"])
        return {}


def format_alias(name: str, alias: Alias, account: Account) -> Shape:
    """AliasConfiguration; RoutingConfig only where a second version has a share [LS]."""
    shape: Shape = {
        "AliasArn": account.function_arn(name, alias.name),
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        shape["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return shape


def _weights(routing: Shape | None) -> Mapping[str, float] | None:
    """None where the request says nothing of routing."""
    return None if routing is None else routing.get("AdditionalVersionWeights") or {}
