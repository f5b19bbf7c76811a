"""The extensions of one execution environment, from its init to its shutdown: a pure decider.

External ones are programs in /opt/extensions, started and registered before the runtime starts.
Internal ones are threads or processes of the runtime that register while it initialises. The init
is done when the runtime and all that registered have asked for what is next; an invocation when the
runtime is done with it and all that registered for INVOKE have asked again. At the end the runtime
is asked to leave first, then every external extension that registered for SHUTDOWN is told.
Source: Developer Guide, "Using the Lambda Extensions API"; facts, 'Extensions API', 'Lifecycle'.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

from lambent.domain.limits import EXTENSIONS_MAX
from lambent.runtime.api import replies
from lambent.runtime.api.extension_state import ExtensionMove, ExtensionState, decide
from lambent.runtime.api.replies import Reply

INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"


class Stage(Enum):
    INIT = "init"
    IDLE = "idle"
    INVOKE = "invoke"
    SHUTDOWN = "shutdown"


class ShutdownReason(StrEnum):
    """As on the wire (RIE); the Developer Guide writes them in capitals."""

    SPINDOWN = "spindown"
    TIMEOUT = "timeout"
    FAILURE = "failure"


@dataclass(slots=True)
class Extension:
    """One extension; `identifier` is empty until it registers."""

    name: str
    external: bool
    identifier: str = ""
    events: tuple[str, ...] = ()
    state: ExtensionState = ExtensionState.STARTED
    waits: bool = False
    """Whether a call of its hangs."""
    owed: bytes | None = None
    """An event that it will get when it asks next."""
    error_type: str = ""

    @property
    def lives(self) -> bool:
        return self.state not in (ExtensionState.EXITED, ExtensionState.LAUNCH_ERROR)


# What the driver must do, in the order given.


@dataclass(frozen=True, slots=True)
class Deliver:
    """Answer the call that hangs with this event."""

    identifier: str
    event: bytes


@dataclass(frozen=True, slots=True)
class StartRuntime:
    """All external extensions have registered."""


@dataclass(frozen=True, slots=True)
class InitDone:
    pass


@dataclass(frozen=True, slots=True)
class InvokeDone:
    pass


@dataclass(frozen=True, slots=True)
class Failed:
    """The environment cannot go on: `error_type` is AWS's, `text` follows `Error: `."""

    error_type: str
    text: str


@dataclass(frozen=True, slots=True)
class AskToLeave:
    """SIGTERM to the runtime."""


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to an extension, or to the runtime where `name` is empty."""

    name: str


@dataclass(frozen=True, slots=True)
class ShutdownDone:
    """Nobody is left who could do anything."""


Effect = Deliver | StartRuntime | InitDone | InvokeDone | Failed | AskToLeave | Kill | ShutdownDone


class Extensions:
    """A state machine without I/O: methods are its events and return what is to be done."""

    def __init__(self, external: Iterable[str] = ()) -> None:
        self.stage = Stage.INIT
        self._all: list[Extension] = [Extension(name, external=True) for name in external]
        self._by_identifier: dict[str, Extension] = {}
        self._runtime_started = not self._all
        self._runtime_ready = False
        self._runtime_lives = True
        self._failed = False
        self._shutdown_event = b""
        self._told = False
        """In SHUTDOWN: whether the extensions have been told."""
        self._over = False

    @property
    def all(self) -> Sequence[Extension]:
        return self._all

    @property
    def any_external(self) -> bool:
        return any(one.external for one in self._all)

    # Calls

    def register(
        self, name: str, events: Sequence[str], identifier: str
    ) -> tuple[Reply | None, list[Effect]]:
        """It is known by `identifier` from now on, or refused.

        `name`: of the program, or any other (internal).
        """
        refused = self._register(name, events, identifier)
        return refused, [] if refused is not None else self._progress()

    def _register(self, name: str, events: Sequence[str], identifier: str) -> Reply | None:
        if not name:
            return replies.EMPTY_NAME
        one = next((one for one in self._all if one.external and one.name == name), None)
        for event in events:
            if event not in (INVOKE, SHUTDOWN):
                return replies.invalid_event(f"{event}: ErrorInvalidEventType")
            if event == SHUTDOWN and one is None:
                return replies.invalid_event(
                    f"{event}: ShutdownEventNotSupportedForInternalExtension"
                )
        if one is None:
            refused = self._refusal_of_internal(name)
            if refused is not None:
                return refused
            one = Extension(name, external=False)
            self._all.append(one)
        refused = _move(one, ExtensionMove.REGISTER, one.name)
        if refused is not None:
            return refused
        one.identifier, one.events = identifier, tuple(dict.fromkeys(events))
        self._by_identifier[identifier] = one
        return None

    def _refusal_of_internal(self, name: str) -> Reply | None:
        if self.stage is not Stage.INIT or self._runtime_ready:
            return replies.REGISTRATION_CLOSED
        if any(one.name == name for one in self._all):
            return replies.NAME_TAKEN
        if len(self._all) >= EXTENSIONS_MAX:
            return replies.TOO_MANY_EXTENSIONS
        return None

    def find(self, identifier: str) -> Extension | None:
        return self._by_identifier.get(identifier)

    def next(self, one: Extension) -> tuple[Reply | None, list[Effect]]:
        """It asks for an event: it is refused, or its call hangs until a Deliver."""
        refused = _move(one, ExtensionMove.NEXT, one.identifier)
        if refused is not None:
            return refused, []
        one.waits = True
        if one.owed is not None:
            return None, [_tell(one, one.owed)]
        return None, self._progress()

    def left(self, one: Extension) -> None:
        """It cut the call that hangs; what comes waits until it asks again."""
        one.waits = False

    def error(
        self, one: Extension, move: ExtensionMove, error_type: str
    ) -> tuple[Reply, list[Effect]]:
        """INIT_ERROR or EXIT_ERROR; only the first one counts."""
        first = one.state != move.value
        refused = _move(one, move, one.identifier)
        if refused is not None:
            return refused, []
        if not first:
            return replies.ACCEPTED, []
        one.error_type = error_type
        one.waits = False
        kind = "InitError" if move is ExtensionMove.INIT_ERROR else "ExitError"
        return replies.ACCEPTED, self._fail(f"Extension.{kind}", error_type)

    # Processes

    def begin(self) -> list[Effect]:
        """The external extensions are being started."""
        return self._progress()

    def not_launched(self, name: str, text: str) -> list[Effect]:
        one = self._external(name)
        if one is None or _move(one, ExtensionMove.LAUNCH_ERROR, name) is not None:
            return []
        return self._fail("Extension.LaunchError", text)

    def exited(self, name: str, text: str) -> list[Effect]:
        """The process of an external one is gone; `text` says how."""
        one = self._external(name)
        if one is None or not one.lives:
            return []
        one.state = ExtensionState.EXITED
        one.waits = False
        if self.stage is Stage.SHUTDOWN:
            return self._progress()
        return self._fail("Extension.Crash", text)

    def runtime_exited(self) -> list[Effect]:
        self._runtime_lives = False
        return self._progress() if self.stage is Stage.SHUTDOWN else []

    # The runtime

    def runtime_ready(self) -> list[Effect]:
        """It has initialised: nobody can register any more."""
        self._runtime_ready = True
        return self._progress()

    def close_registration(self) -> None:
        """The init of an environment without extensions is over."""
        if self.stage is Stage.INIT and not self._all:
            self._runtime_ready = True
            self.stage = Stage.IDLE

    def invoke(self, event: bytes) -> list[Effect]:
        """An invocation begins; `event` is for those that registered for INVOKE."""
        if self.stage is not Stage.IDLE:
            return []
        self.stage = Stage.INVOKE
        self._runtime_ready = False
        return self._owe(event, [one for one in self._all if INVOKE in one.events])

    def runtime_done(self) -> list[Effect]:
        """The runtime is done with the invocation."""
        if self.stage is not Stage.INVOKE:
            return []
        self._runtime_ready = True
        return self._progress()

    # The end

    def shutdown(self, event: bytes) -> list[Effect]:
        """`event` is for the external ones that registered for SHUTDOWN."""
        if self.stage is Stage.SHUTDOWN:
            return []
        self.stage = Stage.SHUTDOWN
        self._shutdown_event = event
        effects: list[Effect] = [AskToLeave()] if self._runtime_lives else []
        return effects + self._progress()

    def runtime_overstays(self) -> list[Effect]:
        """It was asked to leave, and its time is over."""
        if self.stage is not Stage.SHUTDOWN or not self._runtime_lives:
            return []
        self._runtime_lives = False
        return [Kill(""), *self._progress()]

    def _progress(self) -> list[Effect]:
        match self.stage:
            case Stage.INIT:
                return self._progress_of_init()
            case Stage.INVOKE:
                subscribed = [one for one in self._all if INVOKE in one.events]
                if self._runtime_ready and all(map(_is_done, subscribed)):
                    self.stage = Stage.IDLE
                    return [InvokeDone()]
            case Stage.SHUTDOWN:
                return self._progress_of_shutdown()
            case Stage.IDLE:
                pass
        return []

    def _progress_of_init(self) -> list[Effect]:
        if not self._runtime_started:
            if any(one.state is ExtensionState.STARTED for one in self._all):
                return []
            self._runtime_started = True
            return [StartRuntime()]
        if self._runtime_ready and all(map(_is_done, self._all)):
            self.stage = Stage.IDLE
            return [InitDone()]
        return []

    def _progress_of_shutdown(self) -> list[Effect]:
        effects: list[Effect] = []
        external = [one for one in self._all if one.external and one.lives]
        if not self._runtime_lives and not self._told:
            self._told = True
            told = [one for one in external if SHUTDOWN in one.events and _hears(one)]
            effects += self._owe(self._shutdown_event, told)
            effects += [Kill(one.name) for one in external if one not in told]
        if self._told and not external and not self._over:
            self._over = True
            effects.append(ShutdownDone())
        return effects

    def _owe(self, event: bytes, extensions: Iterable[Extension]) -> list[Effect]:
        effects: list[Effect] = []
        for one in extensions:
            one.owed = event
            if one.waits:
                effects.append(_tell(one, event))
        return effects

    def _fail(self, error_type: str, text: str) -> list[Effect]:
        if self._failed or self.stage is Stage.SHUTDOWN:
            return []
        self._failed = True
        return [Failed(error_type, text)]

    def _external(self, name: str) -> Extension | None:
        return next((one for one in self._all if one.external and one.name == name), None)


def _is_done(one: Extension) -> bool:
    return one.state is ExtensionState.READY and one.owed is None


def _hears(one: Extension) -> bool:
    return one.state in (ExtensionState.REGISTERED, ExtensionState.READY, ExtensionState.RUNNING)


def _tell(one: Extension, event: bytes) -> Deliver:
    one.owed = None
    one.waits = False
    moved = decide(one.state, ExtensionMove.TOLD)
    assert moved is not None, "only one that waits is told"
    one.state = moved
    return Deliver(one.identifier, event)


def _move(one: Extension, move: ExtensionMove, called: str) -> Reply | None:
    """Do it, or say why not; `called`: how the refusal names the extension."""
    moved = decide(one.state, move)
    if moved is None:
        return replies.wrong_state(
            one.state, move, f"extension {called}", "Extension.InvalidExtensionState"
        )
    one.state = moved
    return None
