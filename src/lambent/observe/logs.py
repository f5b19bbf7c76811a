"""Where log lines go, as a Protocol: whoever keeps them is wired in by the app."""

from __future__ import annotations

from typing import Protocol


class LogStream(Protocol):
    """One stream of one group."""

    def write(self, timestamp_ms: int, message: str) -> None:
        """Append one event; cheap, never blocks, never raises for want of room."""
        ...

    def close(self) -> None:
        """Nothing more will be written."""
        ...


class LogWriter(Protocol):
    """Opens streams; the group is made where it does not exist."""

    def open_stream(self, group: str, stream: str) -> LogStream: ...
