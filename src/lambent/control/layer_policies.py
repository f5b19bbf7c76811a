"""Policies of layer versions: who else may attach them.

Texts: [LS].
"""

from __future__ import annotations

import uuid
from typing import Any

from lambent.control.grants import format_principal
from lambent.control.kinds import LAYER_POLICIES
from lambent.control.layers import Layers
from lambent.control.policy_text import (
    format_json,
    parse_resource_policy,
    with_statement,
    without_statement,
)
from lambent.control.registry import Registry
from lambent.control.resources import ACCOUNT, Put, Remove
from lambent.domain.errors import LambdaError, resource_not_found
from lambent.domain.function import LayerVersion
from lambent.domain.resource_policy import LayerPolicy
from lambent.policy.evaluator import PolicyDocument


class LayerPolicies:
    """The operations on the policies of one account's layer versions."""

    def __init__(self, registry: Registry, layers: Layers) -> None:
        self._registry = registry
        self._layers = layers

    def documents(self, name: str, version: int) -> list[PolicyDocument]:
        """What holds for GetLayerVersion of this version."""
        found = self._registry.resources.get(LAYER_POLICIES, ACCOUNT, policy_key(name, version))
        return [] if found is None else [parse_resource_policy(found.document)]

    def get(self, name: str, version: int) -> LayerPolicy:
        """Raises ResourceNotFoundException."""
        found = self._find(self._version(name, version))
        if found is None:
            raise resource_not_found("No policy is associated with the given resource.")
        return found

    async def add(
        self,
        name: str,
        version: int,
        *,
        sid: str,
        action: str,
        principal: str,
        org_id: str | None,
        revision_id: str | None,
    ) -> tuple[str, str]:
        """One statement more: it as JSON, and the policy's new RevisionId."""
        async with self._registry.settling:
            layer = self._version(name, version)
            statement: dict[str, Any] = {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": format_principal(principal),
                "Action": action,
                "Resource": self._registry.account.layer_arn(layer.name, layer.version),
            }
            if org_id is not None:
                statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": org_id}}
            found = self._find(layer)
            text = with_statement(found.document if found else None, statement)
            _check_revision(revision_id, found)
            return format_json(statement), await self._store(layer, text)

    async def remove(self, name: str, version: int, sid: str, *, revision_id: str | None) -> None:
        """One statement less; the policy goes with its last."""
        async with self._registry.settling:
            layer = self._version(name, version)
            found = self._find(layer)
            _check_revision(revision_id, found)
            if found is None:
                raise resource_not_found(f"Statement {sid} is not found in resource policy.")
            await self._store(layer, without_statement(found.document, sid))

    def _version(self, name: str, version: int) -> LayerVersion:
        try:
            return self._layers.get(name, version)
        except LambdaError as error:
            if error.code != "ResourceNotFoundException":
                raise
            bare = name.rpartition(":")[2]
            arn = name if bare != name else self._registry.account.layer_arn(name)
            raise resource_not_found(f"Layer version {arn}:{version} does not exist.") from None

    def _find(self, layer: LayerVersion) -> LayerPolicy | None:
        key = policy_key(layer.name, layer.version)
        return self._registry.resources.get(LAYER_POLICIES, ACCOUNT, key)

    async def _store(self, layer: LayerVersion, text: str | None) -> str:
        key, revision_id = policy_key(layer.name, layer.version), str(uuid.uuid4())
        change = (
            Remove(LAYER_POLICIES, ACCOUNT, key)
            if text is None
            else Put(
                LAYER_POLICIES, ACCOUNT, key, LayerPolicy(document=text, revision_id=revision_id)
            )
        )
        await self._registry.change(self._registry.begin(), [change])
        return revision_id


def policy_key(name: str, version: int) -> str:
    """The key of a layer version's policy."""
    return f"{name}:{version}"


def _check_revision(given: str | None, found: LayerPolicy | None) -> None:
    if given is not None and (found is None or given != found.revision_id):
        raise LambdaError(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetLayerPolicy API to retrieve the latest Revision Id",
            Type="User",
        )
