"""The pipe that is file descriptors 1 and 2 of a sandbox, into its log; and those of extensions."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import termios
from typing import Protocol

READ_BYTES = 64 * 1024
DRAIN_READS_MAX = 64
_waiting = array.array("i", [0])  # FIONREAD's answer; used and read in one step


class Lines(Protocol):
    """Where bytes become events."""

    def raw(self, data: bytes) -> float:
        """Returns the seconds to wait before reading on."""
        ...

    def finish_lines(self) -> None: ...


class RawOutput:
    """Reads what comes by the pipe of one sandbox after another."""

    __slots__ = ("_beside", "_fd", "_loop", "_out", "_watching")

    def __init__(self, out: Lines, loop: asyncio.AbstractEventLoop) -> None:
        self._out = out
        self._loop = loop
        self._fd = -1
        self._watching = 0
        self._beside: list[RawOutput] = []

    def attach(self, fd: int) -> None:
        """`fd` is the pipe from now on; what it holds is read by `drain`, and once watched."""
        self._fd = fd
        self._watching += 1

    def add(self, fd: int, out: Lines) -> None:
        """One more pipe of the same sandbox, non-blocking and ours to close."""
        beside = RawOutput(out, self._loop)
        beside.attach(fd)
        beside.watch()
        self._beside.append(beside)

    def watch(self) -> None:
        """Log what comes, as it comes."""
        self._loop.add_reader(self._fd, self._on_readable)

    def unwatch(self) -> None:
        """The pipe is about to be closed."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            self._fd = -1
        for beside in self._beside:
            fd = beside._fd
            beside.unwatch()
            os.close(fd)
        self._beside.clear()

    def drain(self) -> None:
        """All that was written before the answer; bounded, for another thread may still write."""
        if self._fd >= 0:
            for _ in range(DRAIN_READS_MAX):
                # Asking how much there is costs a third of a read that finds nothing and raises.
                fcntl.ioctl(self._fd, termios.FIONREAD, _waiting)
                if not _waiting[0]:
                    break
                self._out.raw(os.read(self._fd, READ_BYTES))
        self._out.finish_lines()
        for beside in self._beside:
            beside.drain()

    def _on_readable(self) -> None:
        wait_s = self._read()
        if wait_s is None:
            self._loop.remove_reader(self._fd)
        elif wait_s > 0.0:
            self._loop.remove_reader(self._fd)
            self._loop.call_later(wait_s, self._resume, self._watching)

    def _resume(self, watching: int) -> None:
        if self._fd >= 0 and self._watching == watching:
            self._loop.add_reader(self._fd, self._on_readable)

    def _read(self) -> float | None:
        """Log what the pipe holds now; None at its end."""
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return 0.0
        except OSError:
            return None
        return self._out.raw(data) if data else None
