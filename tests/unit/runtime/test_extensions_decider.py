"""The extensions of one environment: every state × call, whole lives, and random ones.

Source: facts, 'Extensions API' (mark RIE); Developer Guide, "Using the Lambda Extensions API".
"""

from __future__ import annotations

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from lambent.runtime.api import replies
from lambent.runtime.api.extension_state import (
    TRANSITIONS,
    ExtensionMove,
    ExtensionState,
    decide,
)
from lambent.runtime.api.extensions import (
    AskToLeave,
    Deliver,
    Effect,
    Extensions,
    Failed,
    InitDone,
    InvokeDone,
    Kill,
    ShutdownDone,
    Stage,
    StartRuntime,
)

CALLS = (
    ExtensionMove.REGISTER,
    ExtensionMove.NEXT,
    ExtensionMove.INIT_ERROR,
    ExtensionMove.EXIT_ERROR,
)
ALLOWED = {
    ExtensionState.STARTED: {ExtensionMove.REGISTER},
    ExtensionState.REGISTERED: set(CALLS) - {ExtensionMove.REGISTER},
    ExtensionState.READY: {ExtensionMove.NEXT, ExtensionMove.EXIT_ERROR},
    ExtensionState.RUNNING: {ExtensionMove.NEXT, ExtensionMove.EXIT_ERROR},
    ExtensionState.INIT_ERROR: {ExtensionMove.INIT_ERROR},
    ExtensionState.EXIT_ERROR: {ExtensionMove.EXIT_ERROR},
    ExtensionState.EXITED: set(),
    ExtensionState.LAUNCH_ERROR: set(),
}


@pytest.mark.parametrize("state", ExtensionState)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_of_an_extension_is_allowed_in_these_states_only(
    state: ExtensionState, call: ExtensionMove
) -> None:
    assert (decide(state, call) is not None) == (call in ALLOWED[state])


def test_every_living_extension_can_exit() -> None:
    for state, row in TRANSITIONS.items():
        ended = state in (ExtensionState.EXITED, ExtensionState.LAUNCH_ERROR)
        assert (ExtensionMove.EXITED in row) != ended


def register(extensions: Extensions, name: str, *events: str) -> list[Effect]:
    refused, effects = extensions.register(name, events, f"id-{name}")
    assert refused is None
    return effects


def ask(extensions: Extensions, name: str) -> list[Effect]:
    one = extensions.find(f"id-{name}")
    assert one is not None
    refused, effects = extensions.next(one)
    assert refused is None
    return effects


def ready(*names: str, events: tuple[str, ...] = ("INVOKE", "SHUTDOWN")) -> Extensions:
    """After an init with these external extensions."""
    extensions = Extensions(names)
    effects = extensions.begin()
    for name in names:
        effects += register(extensions, name, *events)
        effects += ask(extensions, name)
    assert effects == [StartRuntime()]
    assert extensions.runtime_ready() == [InitDone()]
    return extensions


def test_the_runtime_starts_when_all_external_extensions_have_registered() -> None:
    extensions = Extensions(["a", "b"])
    assert extensions.begin() == []
    assert register(extensions, "a", "INVOKE") == []
    assert ask(extensions, "a") == []
    assert register(extensions, "b") == [StartRuntime()]
    assert extensions.runtime_ready() == []
    assert ask(extensions, "b") == [InitDone()]


def test_an_invocation_is_over_when_the_runtime_and_all_that_take_part_are() -> None:
    extensions = ready("a", "b")
    assert extensions.invoke(b"event") == [Deliver("id-a", b"event"), Deliver("id-b", b"event")]
    assert ask(extensions, "a") == []
    assert extensions.runtime_done() == []
    assert ask(extensions, "b") == [InvokeDone()]
    assert extensions.stage is Stage.IDLE


def test_one_that_did_not_register_for_invoke_is_not_told_and_not_waited_for() -> None:
    extensions = ready("a", events=("SHUTDOWN",))
    assert extensions.invoke(b"event") == []
    assert extensions.runtime_done() == [InvokeDone()]


def test_an_event_waits_for_an_extension_whose_call_was_cut() -> None:
    extensions = ready("a")
    one = extensions.find("id-a")
    assert one is not None
    extensions.left(one)
    assert extensions.invoke(b"event") == []
    assert extensions.runtime_done() == []
    assert ask(extensions, "a") == [Deliver("id-a", b"event")]
    assert ask(extensions, "a") == [InvokeDone()]


def test_the_runtime_leaves_first_then_those_that_asked_for_it_are_told() -> None:
    extensions = ready("a")
    assert extensions.shutdown(b"end") == [AskToLeave()]
    assert extensions.runtime_exited() == [Deliver("id-a", b"end")]
    assert extensions.exited("a", "exit code 0") == [ShutdownDone()]


def test_a_runtime_that_overstays_and_extensions_that_did_not_ask_are_killed() -> None:
    extensions = ready("a", events=("INVOKE",))
    extensions.shutdown(b"end")
    assert extensions.runtime_overstays() == [Kill(""), Kill("a")]
    assert extensions.runtime_overstays() == []
    assert extensions.exited("a", "signal: killed") == [ShutdownDone()]


def test_an_exit_before_the_end_is_a_crash_and_told_once() -> None:
    extensions = ready("a", "b")
    assert extensions.exited("a", "exit status 1") == [Failed("Extension.Crash", "exit status 1")]
    assert extensions.exited("b", "exit status 2") == []


def test_a_refused_registration_leaves_nothing_behind() -> None:
    extensions = Extensions(["a"])
    refused, _ = extensions.register("a", ["INVOKE", "OTHER"], "id")
    assert refused is not None
    assert json.loads(refused.body)["errorType"] == "Extension.InvalidEventType"
    assert extensions.find("id") is None
    assert extensions.register("", [], "id") == (replies.EMPTY_NAME, [])
    register(extensions, "a")
    again, _ = extensions.register("a", [], "id")
    assert again is not None
    assert json.loads(again.body) == {
        "errorType": "Extension.InvalidExtensionState",
        "errorMessage": "State transition from Registered to Registered failed for extension a. "
        "Error: State transition is not allowed",
    }


NAMES = ("a", "b", "c", "inside")


class AnyCalls(RuleBasedStateMachine):
    """Whatever is called in whatever order: each event is delivered to a call that hangs, and
    from everywhere there is a way to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.extensions = Extensions(["a", "b"])
        self.waiting: set[str] = set()
        self.runtime = "unstarted"
        self.over = False
        self.failures = 0
        self.take(self.extensions.begin())

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Deliver(identifier, event):
                    assert identifier in self.waiting
                    assert event
                    self.waiting.remove(identifier)
                case StartRuntime():
                    assert self.runtime == "unstarted"
                    self.runtime = "started"
                case InitDone():
                    assert self.runtime == "ready"
                case Failed():
                    self.failures += 1
                case ShutdownDone():
                    assert not self.over
                    self.over = True

    @rule(
        name=st.sampled_from(NAMES),
        events=st.lists(st.sampled_from(["INVOKE", "SHUTDOWN", "OTHER"]), max_size=2),
    )
    def register(self, name: str, events: list[str]) -> None:
        if self.extensions.find(f"id-{name}") is None:
            self.take(self.extensions.register(name, events, f"id-{name}")[1])

    @rule(name=st.sampled_from(NAMES))
    def ask(self, name: str) -> None:
        one = self.extensions.find(f"id-{name}")
        if one is not None:
            # The driver puts the call down before what follows from it is performed.
            refused, effects = self.extensions.next(one)
            if refused is None:
                self.waiting.add(one.identifier)
            else:
                assert refused.status == 403
            self.take(effects)

    @rule(name=st.sampled_from(NAMES))
    def cut(self, name: str) -> None:
        one = self.extensions.find(f"id-{name}")
        if one is not None and one.identifier in self.waiting:
            self.waiting.remove(one.identifier)
            self.extensions.left(one)

    @rule(
        name=st.sampled_from(NAMES),
        move=st.sampled_from([ExtensionMove.INIT_ERROR, ExtensionMove.EXIT_ERROR]),
    )
    def fail(self, name: str, move: ExtensionMove) -> None:
        one = self.extensions.find(f"id-{name}")
        if one is not None:
            reply, effects = self.extensions.error(one, move, "Mine")
            assert reply.status in (202, 403)
            if reply.status == 202:
                self.waiting.discard(one.identifier)
            self.take(effects)

    @rule(name=st.sampled_from(["a", "b", "unknown"]))
    def exit(self, name: str) -> None:
        effects = self.extensions.exited(name, "exit code 0")
        self.waiting.discard(f"id-{name}")
        self.take(effects)

    @precondition(lambda self: self.runtime == "started")
    @rule()
    def initialised(self) -> None:
        self.runtime = "ready"
        self.take(self.extensions.runtime_ready())

    @rule()
    def invoke(self) -> None:
        self.take(self.extensions.invoke(b"invoke"))

    @rule()
    def done(self) -> None:
        self.take(self.extensions.runtime_done())

    @rule()
    def leave(self) -> None:
        self.take(self.extensions.shutdown(b"shutdown"))

    @invariant()
    def at_most_one_failure(self) -> None:
        assert self.failures <= 1

    @invariant()
    def who_waits_is_known(self) -> None:
        waits = {one.identifier for one in self.extensions.all if one.waits}
        assert waits == self.waiting

    def teardown(self) -> None:
        """From wherever it got to, the end comes, once."""
        self.take(self.extensions.shutdown(b"shutdown"))
        self.take(self.extensions.runtime_overstays())
        for name in ("a", "b"):
            self.exit(name)
        assert self.over


def test_no_sequence_of_calls_wedges_the_extensions() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis has no types for it
        AnyCalls,
        settings=settings(max_examples=100, stateful_step_count=30, deadline=None),
    )
