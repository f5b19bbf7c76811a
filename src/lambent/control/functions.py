"""Functions: create, read, change, delete.

The code is unpacked, its layers merged and everything compiled before an operation answers, so the
committed row is Active at once. The answer still says what AWS's says (Pending, or InProgress),
because tools wait for the change from one to the other; their first look finds it done. As on AWS
that change takes a new RevisionId, so the one in the answer is already out of date.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import replace

from lambent.clock import Clock, format_iso_ms
from lambent.control import options, rules
from lambent.control.capacity_providers import CapacityProviders, check_memory, provider_arn
from lambent.control.code_signing import CodeSigning, attachment
from lambent.control.code_storage import digests_of
from lambent.control.kinds import ALIASES
from lambent.control.layers import Layers
from lambent.control.paging import Page, take_page
from lambent.control.registry import Registry, update_in_progress, with_state
from lambent.control.resources import Change
from lambent.control.rules import Configuration
from lambent.control.runtime_management import unpin
from lambent.control.snap_start import check_snap_start
from lambent.control.versions import (
    Publish,
    Versions,
    check_publish_to,
    check_settled,
    page_of_all,
)
from lambent.domain.arns import LATEST, LATEST_PUBLISHED
from lambent.domain.errors import invalid_parameter, resource_conflict, resource_not_found
from lambent.domain.function import (
    CodePackage,
    Function,
    FunctionVersion,
    LastUpdateStatus,
    LayerRef,
    State,
    Status,
)
from lambent.domain.signing import CodeSigningConfig
from lambent.images.store import package_of

FUNCTIONS_PAGE_MAX = 50  # [B] ListFunctions: at most 50, however many are asked for

_CREATING = "The function is being created."  # [LS] for creations and updates alike


class Functions:
    """The operations on functions of one account."""

    def __init__(
        self,
        registry: Registry,
        layers: Layers,
        versions: Versions,
        code_signing: CodeSigning,
        capacity_providers: CapacityProviders,
        *,
        clock: Clock,
        file_systems: Collection[str] = (),
        hot_reload_roots: Collection[str] | None = None,
        throw: Callable[[], float] = random.random,
    ) -> None:
        """`file_systems`: ARNs of access points that there are. `hot_reload_roots`: where code may
        be run in place. `throw` gives numbers from 0 up to 1, for the weights of aliases."""
        self._registry = registry
        self._layers = layers
        self._versions = versions
        self._code_signing = code_signing
        self._capacity_providers = capacity_providers
        self._clock = clock
        self._file_systems = file_systems
        self._hot_reload_roots = hot_reload_roots
        self._throw = throw
        self._updating: set[str] = set()

    def get_version(self, name: str, qualifier: str | None = None) -> FunctionVersion:
        """What `qualifier` (none, $LATEST, a number or an alias) stands for.

        An alias stands for its main version. Raises ResourceNotFoundException.
        """
        function = self._registry.functions.get(name)
        if function is not None:
            if qualifier is None or qualifier == LATEST:
                return function.latest
            alias = self._registry.resources.get(ALIASES, name, qualifier)
            number = qualifier if alias is None else alias.version
            if number == LATEST:
                return function.latest
            version = function.versions.get(number)
            if version is not None:
                return version
        arn = self._registry.account.function_arn(name, qualifier)
        raise resource_not_found(f"Function not found: {arn}")

    def route(self, name: str, qualifier: str | None) -> FunctionVersion:
        """The version that one invocation runs: an alias's weights are thrown for here. Hot path.

        Raises ResourceNotFoundException.
        """
        if qualifier is None:
            function = self._registry.functions.get(name)
            if function is not None:
                latest = function.latest
                if latest.capacity_provider is None:
                    return latest
                # [DG] "Lambda implicitly invokes the $LATEST.PUBLISHED version"
                return function.versions.get(LATEST_PUBLISHED, latest)
        elif qualifier != LATEST:
            alias = self._registry.resources.get(ALIASES, name, qualifier)
            if alias is not None and alias.weights:
                return self.get_version(name, alias.choose(self._throw()))
        return self.get_version(name, qualifier)

    def get(self, name: str, qualifier: str | None = None) -> Function:
        """The function with its tags; raises as `get_version` does."""
        self.get_version(name, qualifier)
        return self._registry.functions[name]

    def shown(self, version: FunctionVersion) -> FunctionVersion:
        """The version as a look shows it: $LATEST is InProgress while an update is under way."""
        if version.next_image is not None:
            return with_next_image(version)
        if version.version == LATEST and version.name in self._updating:
            return in_progress(version)
        return version

    def list(
        self, *, marker: str | None, items_max: int | None, every_version: bool = False
    ) -> Page[FunctionVersion]:
        """By name: $LATEST of each, or every version."""
        functions = self._registry.functions
        items_max = min(items_max or FUNCTIONS_PAGE_MAX, FUNCTIONS_PAGE_MAX)
        if every_version:
            return page_of_all([*functions.values()], marker=marker, items_max=items_max)
        return take_page(
            sorted(functions),
            lambda name: functions[name].latest,
            marker=marker,
            items_max=items_max,
        )

    async def create(
        self,
        name: str,
        configuration: Configuration,
        code: bytes,
        *,
        tags: Mapping[str, str],
        publish: Publish = Publish.NO,
        code_signing_config_arn: str | None = None,
        hot_reload_folder: str = "",
    ) -> FunctionVersion:
        """A new function, as AWS's answer shows it. Nothing remains of one that fails.

        With `publish` its first version exists as well, and is what the answer shows. With a code
        signing config its code and layers must be signed as that says.
        """
        options.check_hot_reload_root(hot_reload_folder, self._hot_reload_roots)
        self.check(configuration)
        rules.check_package_type(configuration, image=False)
        rules.check_complete(configuration)
        rules.check_tags(tags)
        layers = self._layers.resolve(configuration.layers or ())
        if name in self._registry.functions:
            raise resource_conflict(f"Function already exist: {name}")  # [LS]
        async with AsyncExitStack() as held:
            config, changes = None, []
            if code_signing_config_arn:
                config = held.enter_context(self._code_signing.attaching(code_signing_config_arn))
                changes = [attachment(name, config)]
            if configuration.capacity_provider is not None:
                arn = provider_arn(configuration.capacity_provider)
                held.enter_context(self._capacity_providers.attaching(arn))
            generation = held.enter_context(self._registry.changing(name))
            digests = [layer.package.digest for layer in layers]
            held.enter_context(self._registry.files.holding(digests))
            package = await held.enter_async_context(self._registry.storage.storing(code))
            size_bytes = package.size_bytes * (2 if publish else 1)
            held.enter_context(self._registry.storage.reserving(size_bytes))
            draft = self.draft(name, configuration, package, layers)
            draft = replace(draft, hot_reload_folder=hot_reload_folder)
            check_publish_to(draft, publish)
            check_memory(draft)
            check_snap_start(draft)
            if config is not None:
                await self._code_signing.check_layers(config, layers)
            draft = await self._signed(draft, config, code)
            published = await self._settle(
                generation, draft, tags=tags, publish=publish, changes=changes
            )
        return published or pending(draft)

    async def update_configuration(
        self, name: str, configuration: Configuration, *, revision_id: str | None
    ) -> FunctionVersion:
        """What is given replaces what was; the rest stays."""
        current = self._registry.find(name).latest
        rules.check_revision(revision_id, current.revision_id)
        self.check(configuration)
        rules.check_package_type(configuration, image=current.image is not None)
        self.check_no_image_comes(current)
        layers = current.layers
        if configuration.layers is not None:
            layers = self._layers.resolve(configuration.layers)
        with ExitStack() as held:
            if configuration.capacity_provider is not None:
                if current.capacity_provider is None:  # UNVERIFIED text
                    raise invalid_parameter(
                        "A capacity provider can only be set when the function is created."
                    )
                arn = provider_arn(configuration.capacity_provider)
                held.enter_context(self._capacity_providers.attaching(arn))
            generation = held.enter_context(self.changing(name))
            digests = [layer.package.digest for layer in layers]
            held.enter_context(self._registry.files.holding(digests))
            config = self._code_signing.of(name)
            if config is not None and configuration.layers is not None:
                await self._code_signing.check_layers(config, layers)
            changed = self.stamp(_configured(current, configuration, layers))
            check_memory(changed)
            check_snap_start(changed)
            changes = unpin(self._registry, name) if changed.runtime != current.runtime else []
            await self._settle(generation, changed, changes=changes)
        return in_progress(changed)

    async def update_code(
        self,
        name: str,
        code: bytes,
        *,
        architectures: tuple[str, ...] | None,
        revision_id: str | None,
        dry_run: bool,
        publish: Publish = Publish.NO,
        hot_reload_folder: str = "",
    ) -> FunctionVersion:
        """New code for $LATEST; `dry_run` validates all of it and changes nothing.

        With `publish` it becomes a version as well, which the answer shows; where the newest
        version is just that already, the answer shows that one.
        """
        options.check_hot_reload_root(hot_reload_folder, self._hot_reload_roots)
        current = self._registry.find(name).latest
        rules.check_revision(revision_id, current.revision_id)
        check_publish_to(current, publish)
        with self.changing(name) as generation:
            async with self._registry.storage.storing(code) as package:
                growth = max(0, package.size_bytes - current.code.size_bytes)
                with self._registry.storage.reserving(
                    growth + (package.size_bytes if publish else 0)
                ):
                    changed = self.stamp(
                        replace(
                            current,
                            code=package,
                            hot_reload_folder=hot_reload_folder,
                            architectures=architectures or current.architectures,
                        )
                    )
                    changed = await self._signed(changed, self._code_signing.of(name), code)
                    if dry_run:
                        self._check_size(changed)
                        self._registry.packages.garbage.add(package.digest)
                        return in_progress(changed)
                    published = await self._settle(generation, changed, publish=publish)
        return published or in_progress(changed)

    async def delete(self, name: str, qualifier: str | None) -> None:
        """The whole function, or one published version of it."""
        if qualifier is not None:
            await self._versions.delete(name, qualifier)
            return
        self._registry.find(name)
        with self._registry.changing(name) as generation:
            async with self._registry.settling:  # no alias or the like may appear meanwhile
                self._registry.find(name)
                await self._registry.delete_function(generation, name)

    @contextmanager
    def changing(self, name: str) -> Iterator[int]:
        """One change at a time; looks find it InProgress meanwhile."""
        with self._registry.changing(name) as generation:
            self._updating.add(name)
            try:
                yield generation
            finally:
                self._updating.discard(name)

    async def _signed(
        self, version: FunctionVersion, config: CodeSigningConfig | None, code: bytes
    ) -> FunctionVersion:
        """The version with who signed its new code; raises where nobody did who had to."""
        profile_arn, job_arn = "", ""
        if config is not None:
            profile_arn, job_arn = await self._code_signing.check_code(config, version.name, code)
        return replace(version, signing_profile_version_arn=profile_arn, signing_job_arn=job_arn)

    def check_no_image_comes(self, latest: FunctionVersion) -> None:
        """Raise while an image is fetched for $LATEST. Source: facts, 'States'."""
        if latest.image is not None and latest.state.value == State.PENDING:
            check_settled(latest)
        if latest.next_image is not None:
            raise update_in_progress(latest.arn)

    def check(self, configuration: Configuration) -> None:
        """Raise where what was given is not allowed, whatever the function is."""
        rules.check_configuration(configuration)
        options.check_dead_letter(configuration.dead_letter_arn or "")
        options.check_kms_key(configuration.kms_key_arn or "", self._registry.account)
        options.check_file_systems(configuration.file_systems or (), self._file_systems)

    def draft(
        self,
        name: str,
        configuration: Configuration,
        package: CodePackage,
        layers: tuple[LayerRef, ...],
    ) -> FunctionVersion:
        bare = FunctionVersion(
            name=name,
            arn=self._registry.account.function_arn(name),
            runtime=configuration.runtime or "",
            handler=configuration.handler or "",
            role=configuration.role or "",
            code=package,
            revision_id="",
        )
        return self.stamp(_configured(bare, configuration, layers))

    def stamp(self, version: FunctionVersion) -> FunctionVersion:
        return replace(
            version,
            last_modified=format_iso_ms(self._clock.wall_s()),
            revision_id=str(uuid.uuid4()),
        )

    async def _settle(
        self,
        generation: int,
        version: FunctionVersion,
        *,
        tags: Mapping[str, str] | None = None,
        publish: Publish = Publish.NO,
        changes: Sequence[Change] = (),
    ) -> FunctionVersion | None:
        """Make everything that the version needs, then commit it as $LATEST.

        With `publish` also as a new version, unless the newest one is the same: the answer's look.
        """
        self._check_size(version)
        with self._registry.files.holding(digests_of(version)):
            await self._registry.packages.merge([layer.package.digest for layer in version.layers])
            state = await self._registry.publisher.prepare(version)
            settled = replace(with_state(version, state), revision_id=str(uuid.uuid4()))
            existing = self._versions.unchanged(settled, publish) if publish else None
            new = None
            if publish and existing is None:
                new = self._versions.snapshot(settled, publish)
            await self._registry.store_latest(
                generation, settled, tags=tags, published=new, changes=changes
            )
            if new is not None:
                self._versions.begin_snapshot(new)
        return existing or (pending(new) if new is not None else None)

    def _check_size(self, version: FunctionVersion) -> None:
        rules.check_unzipped(
            version.code.unzipped_bytes,
            sum(layer.package.unzipped_bytes for layer in version.layers),
        )


def _configured(
    version: FunctionVersion, configuration: Configuration, layers: Sequence[LayerRef]
) -> FunctionVersion:
    """The version with what was given put in."""
    given: dict[str, object] = {
        member: value
        for member in (
            "runtime",
            "handler",
            "role",
            "description",
            "memory_mib",
            "timeout_s",
            "ephemeral_mib",
            "architectures",
            "capacity_provider",
            "dead_letter_arn",
            "kms_key_arn",
            "tracing_mode",
            "file_systems",
            "tenant_isolation",
            "snap_start",
            "image_config",
        )
        if (value := getattr(configuration, member)) is not None
    }
    if configuration.environment is not None:
        given["environment"] = dict(configuration.environment)
    if configuration.logging is not None:
        given.update(options.logging_fields(version, configuration.logging))
    return replace(version, layers=tuple(layers), **given)  # type: ignore[arg-type]  # by its names


def pending(version: FunctionVersion) -> FunctionVersion:
    """The version as the answer that begins it shows it. Source: facts, 'States'."""
    status = Status(value=State.PENDING, reason=_CREATING, reason_code="Creating")
    return replace(version, state=status, last_update=None)


def in_progress(version: FunctionVersion) -> FunctionVersion:
    """The version as the answer of an update shows it. Source: facts, 'States'."""
    status = Status(value=LastUpdateStatus.IN_PROGRESS, reason=_CREATING, reason_code="Creating")
    return replace(version, last_update=status)


def with_next_image(version: FunctionVersion) -> FunctionVersion:
    """The version as it is to be once its next image is here."""
    image = version.next_image
    assert image is not None
    return replace(
        version, image=image, code=package_of(image), architectures=(image.architecture,)
    )
