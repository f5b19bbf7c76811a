"""Which environment a debugger reaches, and when the clock stands still."""

from __future__ import annotations

from lambent.placement.debug_session import DebugSession, Step


def test_a_debugger_reaches_the_environment_that_was_opened_last() -> None:
    session: DebugSession[str] = DebugSession()
    assert session.target() is Step.START
    session.opened("old")
    session.opened("new")
    session.initialised("old")
    assert (session.target(), session.settled) == ("new", False)
    session.initialised("new")
    assert session.settled
    session.gone("new")
    assert session.target() == "old"
    session.gone("old")
    assert (session.target(), session.settled) == (Step.START, False)


def test_one_that_does_not_listen_yet_is_waited_for_until_it_is_initialised() -> None:
    session: DebugSession[str] = DebugSession()
    session.opened("one")
    assert session.refused_by("one", after_init=session.is_initialised("one")) is Step.WAIT
    session.initialised("one")
    assert session.refused_by("one", after_init=False) == "one"  # it was too early: once more
    assert session.refused_by("one", after_init=True) is Step.REFUSE


def test_a_debugger_that_was_refused_goes_to_what_has_come_instead() -> None:
    session: DebugSession[str] = DebugSession()
    session.opened("one")
    session.opened("two")
    assert session.refused_by("one", after_init=True) == "two"
    session.gone("one")
    session.gone("two")
    assert session.refused_by("two", after_init=True) is Step.START


def test_the_clock_stands_still_until_the_session_ends_and_nothing_is_reached_after_it() -> None:
    session: DebugSession[str] = DebugSession()
    session.opened("one")
    assert session.active
    assert session.end() == ["one"]
    assert not session.active
    assert session.target() is Step.REFUSE
    assert session.refused_by("one", after_init=False) is Step.REFUSE
