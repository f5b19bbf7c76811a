"""The ear for a runtime of which it is not known yet how it speaks (runtime/api/arrival)."""

from __future__ import annotations

from collections.abc import Callable

from lambent.runtime.families.start import Link
from lambent.runtime.frames import Kind


class Ear:
    """A Listener of one link: what comes is told together with the link by which it came."""

    def __init__(
        self,
        link: Link,
        tell: Callable[[Link, Kind, bytes], None],
        on_read: Callable[[], None],
    ) -> None:
        self._link = link
        self._tell = tell
        self.on_read = on_read

    def on_frame(self, kind: Kind, payload: bytes) -> None:
        self._tell(self._link, kind, payload)
