"""Which link is the runtime's where a wrapper script may have replaced it."""

from __future__ import annotations

import pytest

from lambent.runtime.api.arrival import decide_link
from lambent.runtime.families.start import Link
from lambent.runtime.frames import Kind


@pytest.mark.parametrize("by", Link)
@pytest.mark.parametrize("kind", [Kind.READY, Kind.INIT_ERROR])
def test_who_first_says_that_it_is_ready_or_cannot_be_is_the_runtime(by: Link, kind: Kind) -> None:
    assert decide_link(None, by, kind) is by


@pytest.mark.parametrize("kind", set(Kind) - {Kind.READY, Kind.INIT_ERROR})
def test_nothing_else_settles_who_the_runtime_is(kind: Kind) -> None:
    assert decide_link(None, Link.FRAMES, kind) is None


@pytest.mark.parametrize("settled", Link)
@pytest.mark.parametrize("by", Link)
def test_what_is_settled_once_stays_so(settled: Link, by: Link) -> None:
    assert decide_link(settled, by, Kind.READY) is settled
