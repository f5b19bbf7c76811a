"""Hearing of changes below a folder: inotify(7), by ctypes, for the standard library has none."""

from __future__ import annotations

import ctypes
import os
import struct
import threading

FOLDERS_MAX = 8_192
"""[own] watched below one folder; the kernel's own bound for a user is as a rule higher."""
READ_BYTES = 64 * 1024

IGNORED = frozenset(
    {
        "__pycache__",
        ".git",
        ".hg",
        ".svn",
        ".idea",
        ".vscode",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
)
"""Folders in which tools write by themselves; no code is meant by a change there."""

_MODIFY, _ATTRIB, _MOVED_FROM, _MOVED_TO = 0x2, 0x4, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_ONLYDIR, _DONT_FOLLOW = 0x01000000, 0x02000000
_IGNORED_EVENT = 0x8000
_CHANGES = (
    _MODIFY | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
)
_EVENT = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class TooManyFolders(Exception):
    """More than FOLDERS_MAX."""


class Inotify:
    """One descriptor; readable when something below the folders has changed."""

    def __init__(self) -> None:
        """Raises OSError where the host gives no more of them."""
        self.descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._lock = threading.Lock()

    def add_tree(self, root: str) -> None:
        """Watch `root` and the folders below it. Blocks. Raises OSError, TooManyFolders."""
        for count, (folder, folders, _) in enumerate(os.walk(root)):
            folders[:] = [name for name in folders if name not in IGNORED]
            if count >= FOLDERS_MAX:
                raise TooManyFolders(f"more than {FOLDERS_MAX} folders")
            if not self._add(folder):
                return

    def read(self) -> bool:
        """Whether something has changed: what tools do in their own folders is no change."""
        try:
            data = os.read(self.descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        at = 0
        while at < len(data):
            _, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
            at += length
            if name not in IGNORED and not mask & _IGNORED_EVENT:
                return True
        return False

    def close(self) -> None:
        """Also while a thread still adds: it then stops."""
        with self._lock:
            descriptor, self.descriptor = self.descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)

    def _add(self, folder: str) -> bool:
        """False when it was closed meanwhile."""
        with self._lock:
            if self.descriptor < 0:
                return False
            flags = _CHANGES | _ONLYDIR | _DONT_FOLLOW
            done = _libc.inotify_add_watch(self.descriptor, os.fsencode(folder), flags)
        if done < 0 and (error := ctypes.get_errno()) not in (2, 20):  # it went meanwhile
            raise OSError(error, f"inotify_add_watch: {os.strerror(error)}")
        return True
