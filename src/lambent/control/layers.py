"""Layers: published versions that are never changed, and how functions refer to them.

A deleted version can no longer be attached; functions that have it keep it, with its files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from lambent.clock import Clock, format_iso_ms
from lambent.control.kinds import LAYER_POLICIES
from lambent.control.paging import Page, take_page
from lambent.control.registry import Layer, Registry
from lambent.control.resources import ACCOUNT, Remove, write_changes
from lambent.domain.arns import parse_layer_name
from lambent.domain.errors import LambdaError, invalid_parameter, resource_not_found
from lambent.domain.function import LayerRef, LayerVersion
from lambent.store import rows

LAYERS_PAGE_MAX = 50  # [B] ListLayers, ListLayerVersions

_NOT_THERE = "The resource you requested does not exist."  # [LS]


class Layers:
    """The operations on layers of one account."""

    def __init__(self, registry: Registry, *, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    async def publish(
        self,
        name: str,
        content: bytes,
        *,
        description: str,
        compatible_runtimes: tuple[str, ...],
        compatible_architectures: tuple[str, ...],
        license_info: str,
    ) -> LayerVersion:
        """The next version of the layer, which begins to exist with its first."""
        name = self._own_name(name)
        generation = self._registry.begin()
        async with self._registry.storage.storing(content) as package:
            with self._registry.storage.reserving(package.size_bytes):
                # Taken before the commit: a number that a failed publication took is not used
                # again while the server runs, which AWS allows as well.
                layer = self._registry.layers.setdefault(name, Layer())
                layer.last_version += 1
                version = LayerVersion(
                    name=name,
                    version=layer.last_version,
                    package=package,
                    description=description,
                    created=format_iso_ms(self._clock.wall_s()),
                    compatible_runtimes=compatible_runtimes,
                    compatible_architectures=compatible_architectures,
                    license_info=license_info,
                )
                await self._registry.commit(
                    generation,
                    lambda c: rows.store_layer_version(c, self._registry.account, version),
                    lambda _: layer.versions.__setitem__(version.version, version),
                    digests=[package.digest],
                )
        return version

    def get(self, name: str, version: int) -> LayerVersion:
        """Raises ResourceNotFoundException."""
        _check_number(version)
        layer = self._registry.layers.get(self._own_name(name))
        found = layer.versions.get(version) if layer else None
        if found is None:
            raise resource_not_found(_NOT_THERE)
        return found

    def get_by_arn(self, arn: str) -> LayerVersion:
        """Raises ResourceNotFoundException, also for an ARN without a version."""
        version = parse_layer_name(arn).version
        if version is None:
            raise resource_not_found(_NOT_THERE)
        return self.get(arn, version)

    def list(
        self,
        *,
        runtime: str | None,
        architecture: str | None,
        marker: str | None,
        items_max: int | None,
    ) -> Page[LayerVersion]:
        """The newest version of each layer among those that fit, by name."""
        newest = {
            name: fitting[-1]
            for name, layer in self._registry.layers.items()
            if (fitting := _fitting(layer, runtime, architecture))
        }
        return take_page(
            sorted(newest),
            newest.__getitem__,
            marker=marker,
            items_max=min(items_max or LAYERS_PAGE_MAX, LAYERS_PAGE_MAX),
        )

    def list_versions(
        self,
        name: str,
        *,
        runtime: str | None,
        architecture: str | None,
        marker: str | None,
        items_max: int | None,
    ) -> Page[LayerVersion]:
        """Newest first; empty for a layer that is not there, as on AWS."""
        layer = self._registry.layers.get(self._own_name(name), Layer())
        # Keys sort as text and newest first, so that a marker holds while versions are added.
        by_key = {
            f"{10**18 - version.version:019d}": version
            for version in _fitting(layer, runtime, architecture)
        }
        return take_page(
            sorted(by_key),
            by_key.__getitem__,
            marker=marker,
            items_max=min(items_max or LAYERS_PAGE_MAX, LAYERS_PAGE_MAX),
        )

    async def delete(self, name: str, version: int) -> None:
        """Quiet where it is not there, as on AWS."""
        _check_number(version)
        name = self._own_name(name)
        layer = self._registry.layers.get(name)
        found = layer.versions.get(version) if layer else None
        if layer is None or found is None:
            return
        policy = [Remove(LAYER_POLICIES, ACCOUNT, f"{name}:{version}")]

        def write(connection: sqlite3.Connection) -> None:
            rows.delete_layer_version(connection, self._registry.account, name, version)
            write_changes(connection, self._registry.account, policy)

        def apply(_: None) -> None:
            layer.versions.pop(version, None)
            self._registry.resources.apply(policy)

        async with self._registry.settling:
            await self._registry.commit(self._registry.begin(), write, apply)
        await self._registry.storage.sweep([found.package.digest])

    def resolve(self, arns: Sequence[str]) -> tuple[LayerRef, ...]:
        """The layer versions that a function is to have, in order; raises AWS's refusals."""
        seen: dict[str, str] = {}
        resolved: list[LayerRef] = []
        for arn in arns:
            resolved.append(LayerRef(arn=arn, package=self._attachable(arn).package))
            layer, _, _ = arn.rpartition(":")
            if layer in seen:  # [LS]
                raise invalid_parameter(
                    "Two different versions of the same layer are not allowed to be referenced in "
                    f"the same function. {seen[layer]} and {arn} are versions of the same layer."
                )
            seen[layer] = arn
        return tuple(resolved)

    def _attachable(self, arn: str) -> LayerVersion:
        account = self._registry.account
        named = parse_layer_name(arn)
        if named.region is not None and named.region != account.region:  # [LS]
            raise invalid_parameter(
                "Layers are not in the same region as the function. "
                f"Layers are expected to be in region {account.region}."
            )
        if named.account_id is not None and named.account_id != account.account_id:  # [LS]
            raise LambdaError(
                "AccessDeniedException",
                f"User: arn:aws:iam::{account.account_id}:root is not authorized to perform: "
                f"lambda:GetLayerVersion on resource: {arn} because no resource-based policy "
                "allows the lambda:GetLayerVersion action",
            )
        layer = self._registry.layers.get(named.name)
        found = layer.versions.get(named.version or 0) if layer else None
        if found is None:
            raise invalid_parameter(f"Layer version {arn} does not exist.")  # [LS]
        return found

    def _own_name(self, text: str) -> str:
        """The bare name; a layer of another account or region is not there."""
        named = parse_layer_name(text)
        account = self._registry.account
        if (named.region or account.region, named.account_id or account.account_id) != (
            account.region,
            account.account_id,
        ):
            raise resource_not_found(_NOT_THERE)
        return named.name


def _check_number(version: int) -> None:
    if version < 1:  # [LS]
        raise invalid_parameter("Layer Version Cannot be less than 1")


def _fitting(layer: Layer, runtime: str | None, architecture: str | None) -> list[LayerVersion]:
    """The versions that declare both, oldest first. One that declares nothing fits no filter."""
    return [
        version
        for _, version in sorted(layer.versions.items())
        if (runtime is None or runtime in version.compatible_runtimes)
        and (architecture is None or architecture in version.compatible_architectures)
    ]
