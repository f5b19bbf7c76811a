"""How a runtime speaks that a wrapper script has started: a pure decision.

The script is given the command of Lambent's own bootstrap, which speaks frames. It may as well
start another program, and then some process inside, an extension's too, speaks the Runtime API.
Whoever first says that it is ready, or that it cannot be, is the runtime.
"""

from __future__ import annotations

from lambent.runtime.families.start import Link
from lambent.runtime.frames import Kind

_FIRST_WORDS = (Kind.READY, Kind.INIT_ERROR)


def decide_link(settled: Link | None, by: Link, kind: Kind) -> Link | None:
    """What is settled once `kind` was told `by` that link; None while nothing is."""
    if settled is None and kind in _FIRST_WORDS:
        return by
    return settled
