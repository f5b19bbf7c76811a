"""Functions from container images: what differs from those with a zip.

An image is found while the operation waits, so that what is wrong with its name, a login or its
architecture is answered at once, as AWS does. Its layers come afterwards: a new function is Pending
until then, and an updated one goes on with the image that it has. Both are rows by then, so that a
restart begins again where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Protocol

from lambent.control import rules
from lambent.control.functions import Functions, in_progress, pending, with_next_image
from lambent.control.registry import Registry, with_state
from lambent.control.rules import Configuration
from lambent.control.snap_start import check_snap_start
from lambent.control.versions import Publish, Versions, check_publish_to
from lambent.domain.errors import LambdaError, invalid_parameter, resource_conflict
from lambent.domain.function import FunctionVersion, LastUpdateStatus, State, Status
from lambent.domain.image import Image
from lambent.images.errors import (
    ImageDenied,
    ImageError,
    ImageInvalid,
    ImageNotFound,
    ImageUnsupported,
)
from lambent.images.images import Images
from lambent.images.store import key_of, package_of

log = logging.getLogger("lambent")


class Spawner(Protocol):
    """Runs a coroutine as a task with an owner."""

    def spawn(self, work: Any, *, name: str) -> asyncio.Task[Any]: ...


class ImageFunctions:
    """The operations on functions whose package is an image."""

    def __init__(
        self,
        registry: Registry,
        functions: Functions,
        versions: Versions,
        images: Images,
        tasks: Spawner,
    ) -> None:
        self._registry = registry
        self._functions = functions
        self._versions = versions
        self._images = images
        self._tasks = tasks
        self._pulling: set[asyncio.Task[Any]] = set()

    def close(self) -> None:
        """Give up what is being fetched; rows say that it is to be fetched again."""
        for task in self._pulling:
            task.cancel()

    async def create(
        self,
        name: str,
        configuration: Configuration,
        uri: str,
        *,
        tags: Mapping[str, str],
        publish: Publish = Publish.NO,
    ) -> FunctionVersion:
        """A new function, Pending until its image is here. Raises LambdaError."""
        self._functions.check(configuration)
        rules.check_package_type(configuration, image=True)
        rules.check_tags(tags)
        if configuration.capacity_provider is not None:  # UNVERIFIED
            raise invalid_parameter("CapacityProviderConfig is not supported for container images.")
        self._check_new(name)
        architecture = (configuration.architectures or ("x86_64",))[0]
        image = await self._find(uri, architecture)
        with self._registry.changing(name) as generation:
            self._check_new(name)
            draft = self._functions.draft(name, configuration, package_of(image), ())
            draft = pending(replace(draft, image=image))
            check_snap_start(draft)
            check_publish_to(draft, publish)
            published = self._versions.snapshot(draft, publish) if publish else None
            await self._registry.store_latest(generation, draft, tags=tags, published=published)
        self._begin(name)
        return published or draft

    async def update_code(
        self,
        name: str,
        uri: str,
        *,
        architectures: tuple[str, ...] | None,
        revision_id: str | None,
        dry_run: bool,
        publish: Publish = Publish.NO,
    ) -> FunctionVersion:
        """Another image for $LATEST, or the one that a tag names by now; `dry_run` only looks."""
        current = self._check_update(name, revision_id, publish)
        image = await self._find(uri, (architectures or current.architectures)[0])
        with self._functions.changing(name) as generation:
            current = self._check_update(name, revision_id, publish)
            changed = in_progress(self._functions.stamp(replace(current, next_image=image)))
            shown = with_next_image(changed)
            if dry_run:
                return shown
            published = None
            if publish:
                settled = replace(shown, next_image=None)
                existing = self._versions.unchanged(settled, publish)
                published = None if existing else self._versions.snapshot(pending(settled), publish)
                shown = existing or published or shown
            await self._registry.store_latest(generation, changed, published=published)
        self._begin(name)
        return shown

    def resume(self) -> None:
        """After a restart: go on with what was under way, and fetch again what is gone."""
        for function in self._registry.functions.values():
            self._begin(function.name)
            for version in function.every_version():
                if version.image is not None and version.state.value == State.ACTIVE:
                    key = key_of(version.image.digest)
                    if not self._images.store.has(key):
                        log.warning("the image of %s is gone: it is pulled again", version.name)
                        self._spawn(version.name, self._bring(version.image))

    def _check_new(self, name: str) -> None:
        if name in self._registry.functions:
            raise resource_conflict(f"Function already exist: {name}")  # [LS]

    def _check_update(
        self, name: str, revision_id: str | None, publish: Publish
    ) -> FunctionVersion:
        current = self._registry.find(name).latest
        rules.check_revision(revision_id, current.revision_id)
        check_publish_to(current, publish)
        self._functions.check_no_image_comes(current)
        return current

    async def _find(self, uri: str, architecture: str) -> Image:
        """Texts: AWS's, as quoted in many issue threads, with ours on why."""
        try:
            return await self._images.find(uri, architecture)
        except ImageNotFound:
            raise invalid_parameter(
                f"Source image {uri} does not exist. Provide a valid source image."
            ) from None
        except ImageUnsupported as error:
            raise invalid_parameter(
                "The image manifest, config or layer media type for the source image "
                f"{uri} is not supported. ({error})"
            ) from None
        except ImageDenied as error:
            raise LambdaError(
                "AccessDeniedException",
                "Lambda does not have permission to access the ECR image. Check the ECR "
                f"permissions. ({error})",
            ) from None
        except ImageError as error:
            raise invalid_parameter(f"Source image {uri} is not valid. ({error})") from None

    # In the background

    def _begin(self, name: str) -> None:
        """Bring what versions of a function wait for."""
        function = self._registry.functions[name]
        waiting = {
            image.digest: image
            for version in function.every_version()
            if (image := _awaited(version)) is not None
        }
        for image in waiting.values():
            self._spawn(name, self._make(name, image))

    def _spawn(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        task = self._tasks.spawn(work, name=f"pull {name}")
        self._pulling.add(task)
        task.add_done_callback(self._pulling.discard)

    async def _make(self, name: str, image: Image) -> None:
        """Bring an image, then let every version that waits for it run."""
        generation = self._registry.begin()
        key = key_of(image.digest)
        with self._registry.files.holding([key]):
            status = await self._bring(image)
            async with self._registry.settling:  # no deletion may come in between
                try:
                    await self._settle(generation, name, image, status)
                except LambdaError as error:  # the server was reset
                    log.info("the image of %s is not needed any more: %s", name, error.message)
        self._registry.packages.garbage.add(key)  # which it is where nothing refers to it

    async def _bring(self, image: Image) -> Status:
        """What became of it, as a state."""
        try:
            await self._images.make(image)
        except ImageError as error:
            reason = f"The image {image.uri} cannot be used: {error}"
            return Status(value=State.FAILED, reason=reason, reason_code=_reason_code(error))
        except (OSError, TimeoutError) as error:
            log.error("the image %s could not be stored: %s", image.uri, error)
            reason = f"The image {image.uri} could not be stored: {error}"
            return Status(value=State.FAILED, reason=reason, reason_code="InternalError")
        return Status(value=State.ACTIVE)

    async def _settle(self, generation: int, name: str, image: Image, status: Status) -> None:
        function = self._registry.functions.get(name)
        if function is None:
            return
        latest = function.latest
        if _awaited(latest) == image:
            await self._registry.store_latest(generation, await self._settled(latest, status))
        for version in function.versions.values():
            if _awaited(version) == image:
                settled = await self._settled(version, status)
                await self._registry.store_published(generation, settled)

    async def _settled(self, version: FunctionVersion, status: Status) -> FunctionVersion:
        """The version now that its image is here, or will not come."""
        failed = status.value == State.FAILED
        version = replace(version, revision_id=self._functions.stamp(version).revision_id)
        if version.next_image is None:
            if not failed:
                status = await self._registry.publisher.prepare(version)
            return with_state(version, status)
        if failed:  # the image that it has goes on
            update = replace(status, value=LastUpdateStatus.FAILED)
            return replace(version, next_image=None, last_update=update)
        changed = replace(with_next_image(version), next_image=None)
        changed = replace(changed, state=Status(value=State.ACTIVE))
        return with_state(changed, await self._registry.publisher.prepare(changed))


def _awaited(version: FunctionVersion) -> Image | None:
    """The image without which the version cannot go on."""
    if version.next_image is not None:
        return version.next_image
    return version.image if version.state.value == State.PENDING else None


def _reason_code(error: ImageError) -> str:
    """[B] StateReasonCode."""
    match error:
        case ImageDenied():
            return "ImageAccessDenied"
        case ImageNotFound():
            return "ImageDeleted"
        case ImageInvalid() | ImageUnsupported():
            return "InvalidImage"
        case _:
            return "InternalError"
