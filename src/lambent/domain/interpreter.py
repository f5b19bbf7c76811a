"""A language's interpreter as it lies on a host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A real interpreter on the host (never a shim)."""

    runtime: str
    """Lambda's name for it, e.g. `python3.11`."""
    version: str
    """As found by the file layout or asked of it, e.g. `3.11.7`; `` where unknown."""
    executable: Path
    """The resolved binary."""
    prefix: Path
    """What becomes /var/lang: holds bin/ and lib/pythonX.Y."""
