"""A language's interpreter as it lies on a host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A real interpreter on the host (never a shim)."""

    runtime: str
    """Lambda's name for it, e.g. `python3.11`, `nodejs22.x`."""
    version: str
    """As found by the file layout or asked of it, e.g. `3.11.7`; `` where unknown."""
    executable: Path
    """The resolved binary; a name without a folder where a function brings its own."""
    prefix: Path | None
    """What becomes /var/lang (it holds bin/); None where nothing does. Of /usr and other system
    folders, which a function sees anyway, only a link to the executable is made."""
    brings: tuple[Path, ...] = ()
    """Files and folders of the host that appear in /var/runtime under their own names."""
    needs: tuple[Path, ...] = ()
    """Further files and folders of the host that it reads, each visible at its own path."""
