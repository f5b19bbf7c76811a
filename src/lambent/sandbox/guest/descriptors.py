"""What a function has open after its init, and how each of its forks comes to have its own.

Two processes that share an open file, a pipe or an epoll set would read and wake each other. Files
open to read are opened again at their place; what a process holds both ends of (pipes, socket
pairs) and what has no other end (eventfd, epoll) is made anew, as an event loop has them. Whatever
else is open forbids a fork. Done twice: `look` in the template, `renew` in each fork.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import socket
import stat
import struct
import sys
import termios
from typing import Any

from . import syscalls

_CHANNEL_FD = 3
_MEMORY_DEVICES_MAJOR = 1
_PENDING_BYTES_MAX = 4096
"""Of a pipe, whose content is copied: libuv keeps one byte in one."""
_EVENTFD, _EPOLL = "anon_inode:[eventfd]", "anon_inode:[eventpoll]"
_EFD_SEMAPHORE = 1
_EPOLL_CTL_ADD = 1
_EPOLL_EVENT = struct.Struct("=IQ" if os.uname().machine == "x86_64" else "=IxxxxQ")

_Socket = socket.socket
_socketpair = socket.socketpair
_libc = ctypes.CDLL(None, use_errno=True)


class _Open:
    """One descriptor, as it was found."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.path = os.readlink("/proc/self/fd/{}".format(fd))
        self.status = os.fstat(fd)
        self.flags = syscalls.descriptor_flags(fd)
        self.closes = not os.get_inheritable(fd)

    def replace(self, new: int) -> None:
        """Have `new` be what this one was; takes it over."""
        os.set_blocking(new, not self.flags & os.O_NONBLOCK)
        os.dup2(new, self.fd, inheritable=not self.closes)
        os.close(new)


class Descriptors:
    """Everything above the channel."""

    def __init__(self) -> None:
        self._files: list[_Open] = []
        self._events: list[tuple[_Open, int, int]] = []
        """eventfd, its count, its flags."""
        self._epolls: list[tuple[_Open, list[tuple[int, int, int]]]] = []
        """An epoll set: descriptors, events, data."""
        self._pipes: dict[int, list[_Open]] = {}
        """By inode: every descriptor of either end."""
        self._pending: dict[int, bytes] = {}
        self._pairs: list[tuple[_Open, _Open]] = []

    def look(self) -> str:
        """Take note of all, once; why that cannot be had by two at once, or nothing."""
        sockets: list[_Open] = []
        for name in os.listdir("/proc/self/fd"):
            if int(name) <= _CHANNEL_FD:
                continue
            try:
                one = _Open(int(name))
            except OSError:  # the folder's own, closed by now
                continue
            kind = one.status.st_mode
            if stat.S_ISSOCK(kind):
                if not _end_connection(one.fd):
                    sockets.append(one)
            elif not self._note(one, kind):
                return "after its init the function has {} open".format(_name(one))
        return self._pair(sockets) or self._check_pipes()

    def _note(self, one: _Open, kind: int) -> bool:
        if stat.S_ISCHR(kind):
            return os.major(one.status.st_rdev) == _MEMORY_DEVICES_MAJOR
        if stat.S_ISFIFO(kind):
            self._pipes.setdefault(one.status.st_ino, []).append(one)
            return one.path.startswith("pipe:")
        if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
            self._files.append(one)
            return one.flags & os.O_ACCMODE == os.O_RDONLY
        if one.path == _EVENTFD:
            fields = _fdinfo(one.fd)
            semaphore = int(fields.get("eventfd-semaphore", ["0"])[0])
            self._events.append((one, int(fields["eventfd-count"][0], 16), semaphore))
            return True
        if one.path == _EPOLL:
            self._epolls.append((one, _epoll_targets(one.fd)))
            return True
        return False

    def _check_pipes(self) -> str:
        for inode, ends in self._pipes.items():
            modes = {one.flags & os.O_ACCMODE for one in ends}
            if modes != {os.O_RDONLY, os.O_WRONLY}:
                return "after its init the function has {} open".format(_name(ends[0]))
            read = next(one.fd for one in ends if one.flags & os.O_ACCMODE == os.O_RDONLY)
            write = next(one.fd for one in ends if one.flags & os.O_ACCMODE == os.O_WRONLY)
            count = _pending(read)
            if count > _PENDING_BYTES_MAX:
                return "after its init the function has a pipe open that is not empty"
            self._pending[inode] = os.read(read, count) if count else b""
            if count:
                os.write(write, self._pending[inode])
        return ""

    def _pair(self, sockets: list[_Open]) -> str:
        """Find which are two ends of one pair: a byte that goes in here comes out there."""
        views = {one: _Socket(fileno=os.dup(one.fd)) for one in sockets}
        try:
            while sockets:
                one = sockets.pop()
                other = _other_end(one, sockets, views)
                if other is None:
                    return "after its init the function has {} open".format(_name(one))
                sockets.remove(other)
                self._pairs.append((one, other))
        finally:
            for view in views.values():
                view.close()
        return ""

    # In the fork

    def renew(self) -> None:
        """Replace everything by one's own, under the same numbers."""
        for one in self._files:
            _open_again(one)
        for one, count, flags in self._events:
            one.replace(_eventfd(count, flags))
        for inode, ends in self._pipes.items():
            read, write = os.pipe()
            os.write(write, self._pending[inode])
            for one in ends:
                one.replace(os.dup(read if one.flags & os.O_ACCMODE == os.O_RDONLY else write))
            os.close(read)
            os.close(write)
        for near, far in self._pairs:
            first, second = _socketpair()
            near.replace(first.detach())
            far.replace(second.detach())
        for one, _ in self._epolls:
            one.replace(_libc.epoll_create1(0))
        for one, targets in self._epolls:
            for fd, events, data in targets:
                event = ctypes.create_string_buffer(_EPOLL_EVENT.pack(events, data))
                _libc.epoll_ctl(one.fd, _EPOLL_CTL_ADD, fd, event)


def _open_again(one: _Open) -> None:
    """At the same place; what lies in /tmp is the fork's copy by now."""
    place = os.lseek(one.fd, 0, os.SEEK_CUR)
    copied = one.path.startswith("/tmp/") and os.path.exists(one.path)
    flags = one.flags & ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC) | os.O_CLOEXEC
    new = os.open(one.path if copied else "/proc/self/fd/{}".format(one.fd), flags)
    os.lseek(new, place, os.SEEK_SET)
    one.replace(new)


def _other_end(one: _Open, others: list[_Open], views: dict[_Open, Any]) -> _Open | None:
    view = views[one]
    if view.family != socket.AF_UNIX or any(_pending(end.fd) for end in (one, *others)):
        return None
    try:
        view.send(b"\0", socket.MSG_DONTWAIT)
    except OSError:
        return None
    for other in others:
        if _pending(other.fd):
            views[other].recv(1, socket.MSG_DONTWAIT)
            return other
    return None


def _pending(fd: int) -> int:
    """Bytes that could be read; 0 of a socket that listens."""
    count = array.array("i", [0])
    try:
        fcntl.ioctl(fd, termios.FIONREAD, count)
    except OSError:
        return 0
    return count[0]


def _eventfd(count: int, flags: int) -> int:
    fd: int = _libc.eventfd(ctypes.c_uint(0), _EFD_SEMAPHORE if flags else 0)
    if count:
        os.write(fd, count.to_bytes(8, sys.byteorder))
    return fd


def _fdinfo(fd: int) -> dict[str, list[str]]:
    """Field → its values, of /proc/self/fdinfo (proc(5))."""
    fields: dict[str, list[str]] = {}
    with open("/proc/self/fdinfo/{}".format(fd)) as info:
        for line in info:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.strip())
    return fields


def _epoll_targets(fd: int) -> list[tuple[int, int, int]]:
    """(descriptor, events, data) of lines like `tfd: 5 events: 19 data: 5 pos:0 …`."""
    targets = []
    for line in _fdinfo(fd).get("tfd", []):
        words = line.replace(":", ": ").split()
        targets.append((int(words[0]), int(words[2], 16), int(words[4], 16)))
    return targets


def _end_connection(fd: int) -> bool:
    """Close a TCP connection as its peer might at any time; False where it is something else.

    On AWS no connection lives through a snapshot either: clients connect again.
    """
    with _Socket(fileno=os.dup(fd)) as view:
        if view.type != socket.SOCK_STREAM or view.family not in (
            socket.AF_INET,
            socket.AF_INET6,
        ):
            return False
        try:
            view.getpeername()
        except OSError:
            return False
    near, far = _socketpair()
    with near, far:
        os.dup2(near.fileno(), fd, inheritable=False)
    return True


def _name(one: _Open) -> str:
    kind = one.status.st_mode
    if stat.S_ISREG(kind) or stat.S_ISDIR(kind):
        return "a file to write ({})".format(one.path)
    if stat.S_ISSOCK(kind):
        return "a socket ({})".format(one.path)
    return "a pipe or event descriptor ({})".format(one.path)
