"""Functions that are initialised already, from which SnapStart's environments begin.

One process for each version: its init has run, and it is forked for every environment. It is made
when the version is published, and again on the first need after it was lost (a restart of the
server, too many of them); never is it invoked itself.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from lambent.clock import Instant
from lambent.domain import limits
from lambent.domain.errors import LambdaError
from lambent.domain.function import FunctionVersion, State, Status
from lambent.environment.platform import Platform
from lambent.environment.template_init import InitFailed, TemplateInit
from lambent.runtime.catalogue import FAMILIES
from lambent.runtime.families.start import WRAPPER
from lambent.sandbox.interface import Sandbox, SandboxBackend, Template

log = logging.getLogger("lambent")

TEMPLATES_MAX = 64
"""[own] The longest unused one without a living environment goes first."""
RETRY_S = 5.0
"""[own] After a snapshot could not be made again the next attempt waits so long."""


OTHER_LANGUAGES = (
    "only Python functions can be forked; the processes of other languages have threads, which a "
    "fork leaves behind"
)
OFF_BY_SETTING = "the operator has turned snapshots off (LAMBENT_SNAPSHOTS=off)"


class _Held:
    """One version's template."""

    def __init__(self, version: FunctionVersion, init: TemplateInit, template: Template) -> None:
        self.version = version
        self.init = init
        self.template = template


class CannotFork(Exception):
    """The function, as it is after its init, cannot be forked."""


Key = tuple[str, str]
"""Name and version."""


class Snapshots:
    """See control.interface.Snapshots, and environment.platform.SnapshotSource."""

    def __init__(self, backend: SandboxBackend, *, allowed: bool = True) -> None:
        """`allowed`: whether the operator lets functions be forked."""
        self._backend = backend
        self.allowed = allowed
        self.platform: Platform
        """Set before anything is made."""
        self._held: dict[Key, _Held] = {}
        self._leaving: set[_Held] = set()
        """Dropped, and something runs from them."""
        self._making: dict[Key, asyncio.Lock] = {}
        self._turns: dict[Key, object] = {}
        """What was begun last for each; a deletion takes it away."""
        self._failed: dict[Key, tuple[Instant, LambdaError]] = {}
        self._open = True

    # control.interface.Snapshots

    async def make(self, version: FunctionVersion) -> tuple[Status, bool]:
        reason = refusal(version)
        if not self.allowed:
            reason = OFF_BY_SETTING
        if self._has_extensions(version):
            reason = "its layers bring external extensions, which a fork would leave behind"
        if reason:
            return _off(reason)
        try:
            await self._make(version)
        except InitFailed as error:
            return Status(value=State.FAILED, reason=error.reason, reason_code=error.code), False
        except CannotFork as error:
            return _off(str(error))
        except LambdaError as error:
            return _off(error.message)
        except OSError as error:
            log.warning("no snapshot of %s:%s: %s", version.name, version.version, error)
            return _off(f"this host cannot fork the function ({error})")
        return Status(value=State.ACTIVE), True

    def drop(self, name: str, version: str | None = None) -> None:
        """What runs from it finishes first."""
        known = {*self._held, *self._turns}
        for key in [key for key in known if key[0] == name and version in (None, key[1])]:
            self._end(key)
            self._failed.pop(key, None)

    # environment.platform.SnapshotSource

    def holds(self, version: FunctionVersion) -> bool:
        return self._found(version) is not None

    async def hold(self, version: FunctionVersion) -> None:
        """Never raises: `restore` says what went wrong."""
        try:
            await self._hold(version)
        except (LambdaError, OSError) as error:
            log.warning("no snapshot of %s:%s: %s", version.name, version.version, error)

    async def restore(self, version: FunctionVersion) -> Sandbox:
        """A sandbox that is initialised already. Raises LambdaError, OSError."""
        held = await self._hold(version)
        return await self._backend.restore(held.template)

    def close(self) -> None:
        """End them all and make no more."""
        self._open = False
        self.drop_all()

    def drop_all(self) -> None:
        """End every one with all that runs from it."""
        for held in [*self._held.values(), *self._leaving]:
            self._finish(held)
        self._held.clear()
        self._turns.clear()

    def _found(self, version: FunctionVersion) -> _Held | None:
        """The template of this very version: a number may be given again, after a deletion."""
        held = self._held.get((version.name, version.version))
        if held is None or not held.template.alive or not _same(held.version, version):
            return None
        return held

    def _has_extensions(self, version: FunctionVersion) -> bool:
        layers = self.platform.specs.spec(version, b"").opt_dir
        return layers is not None and (layers / "extensions").is_dir()

    async def _hold(self, version: FunctionVersion) -> _Held:
        key = (version.name, version.version)
        async with self._making.setdefault(key, asyncio.Lock()):
            held = self._found(version)
            if held is not None:
                self._held[key] = self._held.pop(key)  # the last used is last
                return held
            now = self.platform.clock.now()
            when, error = self._failed.get(key, (Instant(-RETRY_S), _lost("")))
            if now - when < RETRY_S:
                raise error
            try:
                return await self._make(version)
            except (InitFailed, CannotFork) as failure:
                error = _lost(str(failure))
                self._failed[key] = (self.platform.clock.now(), error)
                raise error from None

    async def _make(self, version: FunctionVersion) -> _Held:
        """Raises InitFailed, CannotFork, LambdaError, OSError."""
        if not self._open:
            raise LambdaError("ServiceException", "Lambent is stopping.", Type="Service")
        if not self.allowed:
            raise CannotFork(OFF_BY_SETTING)
        key = (version.name, version.version)
        self._end(key)
        self._make_room()
        turn = self._turns[key] = object()
        init = TemplateInit(version, self.platform)
        sandbox, reason = await init.run()
        try:
            if reason:
                init.say(f"SnapStart is off: {reason}")
                raise CannotFork(reason)
            held = _Held(version, init, self._backend.open_template(sandbox))
            init.on_gone = held.template.close
            await self._try(held.template)
            if self._turns.get(key) is not turn:
                raise LambdaError("ServiceException", "The version is gone.", Type="Service")
        except BaseException:
            init.stop()
            raise
        self._held[key] = held
        self._failed.pop(key, None)
        return held

    async def _try(self, template: Template) -> None:
        """Fork it once, for the host may not allow that. Raises OSError."""
        try:
            async with asyncio.timeout(limits.RESTORE_S):
                sandbox = await self._backend.restore(template)
        except TimeoutError:
            raise OSError("a fork does not come up") from None
        sandbox.kill()
        await sandbox.close()

    def _make_room(self) -> None:
        unused = [key for key, held in self._held.items() if not held.template.forks]
        for key in unused[: max(0, len(self._held) + 1 - TEMPLATES_MAX)]:
            self._end(key)

    def _end(self, key: Key) -> None:
        self._turns.pop(key, None)
        held = self._held.pop(key, None)
        if held is None:
            return
        if held.template.alive and held.template.forks:
            self._leaving.add(held)
            held.template.on_empty = partial(self._finish, held)
        else:
            self._finish(held)

    def _finish(self, held: _Held) -> None:
        self._leaving.discard(held)
        held.template.close()
        held.init.stop()


def refusal(version: FunctionVersion) -> str:
    """Why no snapshot of this version can be had on any host; empty where one may be."""
    if version.runtime not in FAMILIES["python"].RUNTIMES:
        return f"{version.runtime}: {OTHER_LANGUAGES}"
    if version.hot_reload_folder:
        return "the code of this function is a folder that may change"
    if WRAPPER in (version.environment or {}):
        return f"{WRAPPER} starts each environment anew"
    return ""


def _same(one: FunctionVersion, other: FunctionVersion) -> bool:
    return (one.code.digest, one.last_modified) == (other.code.digest, other.last_modified)


def _off(reason: str) -> tuple[Status, bool]:
    """What a version is that starts without a snapshot."""
    text = f"SnapStart is off: {reason}. The version starts without a snapshot."
    return Status(value=State.ACTIVE, reason=text), False


def _lost(reason: str) -> LambdaError:
    """[B] SnapStartRegenerationFailureException."""
    text = f"Lambda couldn't regenerate the SnapStart snapshot for the function. {reason}"
    return LambdaError("SnapStartRegenerationFailureException", text.strip(), Type="User")
