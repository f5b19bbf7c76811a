"""The few system calls that Python's standard library does not have, by ctypes.

Every failure is an OSError that names the step. ctypes objects are made once, at import: the child
of a zygote must not spend its first millisecond making them.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
from typing import Any, ClassVar

_libc = ctypes.CDLL(None, use_errno=True)
# PyDLL keeps the GIL: the child of clone3 must come back to the interpreter holding it.
_python = ctypes.PyDLL(None, use_errno=True)


def _find(library: ctypes.CDLL, name: str) -> Any:
    """Looked up now: in the child of a zygote it would cost a hundred page faults.

    Not every system has every function.
    """
    return getattr(library, name, None)


_mount = _find(_libc, "mount")
_umount2 = _find(_libc, "umount2")
_unshare = _find(_libc, "unshare")
_prctl = _find(_libc, "prctl")
_syscall = _find(_libc, "syscall")
_fcntl = _find(_libc, "fcntl")
_clone = _find(_python, "syscall")
_before_fork = _find(_python, "PyOS_BeforeFork")
_after_fork_in_parent = _find(_python, "PyOS_AfterFork_Parent")
_after_fork_in_child = _find(_python, "PyOS_AfterFork_Child")

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
_CLONE_CHILD_CLEARTID = 0x00200000
_CLONE_CHILD_SETTID = 0x01000000
_CLONE_INTO_CGROUP = 0x200000000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
_PR_GET_TID_ADDRESS = 40
PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2

_F_GETFL = 3

_AARCH64 = platform.machine() == "aarch64" if sys.platform == "linux" else False
_SYS_CLONE = 220 if _AARCH64 else 56
_SYS_PIVOT_ROOT = 41 if _AARCH64 else 155
_SYS_CAPSET = 91 if _AARCH64 else 126
_SYS_OPEN_TREE = 428  # the same on every architecture, as all that follow
_SYS_MOVE_MOUNT = 429
_SYS_CLONE3 = 435
_SYS_CLOSE_RANGE = 436
_SYS_MOUNT_SETATTR = 442

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 0x1
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_MOUNT_ATTR = {MS_RDONLY: 0x1, MS_NOSUID: 0x2, MS_NODEV: 0x4, MS_NOEXEC: 0x8}
_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITIES_MAX = 64

_CAPABILITY_HEADER = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
_CAPABILITY_NONE = ctypes.create_string_buffer(24)


def _check(result: int, step: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), step)
    return result


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2); `source`, `kind` and `data` may be empty."""
    _check(
        _mount(
            os.fsencode(source) or None,
            os.fsencode(target),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            data.encode() or None,
        ),
        "mount {} on {}".format(source or kind or "flags", target),
    )


def bind(source: str, target: str, flags: int) -> None:
    """Bind `source` on `target` with everything under it, all of it with `flags` (MS_RDONLY, …)."""
    mount(source, target, "", MS_BIND | MS_REC)
    set_mount_flags(target, flags)


def set_mount_flags(target: str, flags: int) -> None:
    """Add `flags` to the mount at `target` and, where the kernel can (5.12), all those under it."""
    wanted = sum(bit for flag, bit in _MOUNT_ATTR.items() if flags & flag)
    if not _mount_setattr(target, wanted, 0):
        mount("", target, "", MS_BIND | MS_REMOUNT | _mount_flags(target) | flags)


def make_writable(target: str) -> None:
    """Take the read-only flag from the mount at `target`."""
    if not _mount_setattr(target, 0, _MOUNT_ATTR[MS_RDONLY]):
        mount("", target, "", MS_BIND | MS_REMOUNT | _mount_flags(target) & ~MS_RDONLY)


def _mount_setattr(target: str, wanted: int, unwanted: int) -> bool:
    """False where the kernel has no such call, or a container hides it."""
    attributes = ctypes.create_string_buffer(struct.pack("=4Q", wanted, unwanted, 0, 0), 32)
    path = os.fsencode(target)
    call = (_SYS_MOUNT_SETATTR, _AT_FDCWD, path, _AT_RECURSIVE, attributes, ctypes.c_size_t(32))
    return bool(_syscall(*call) == 0)


def _mount_flags(target: str) -> int:
    """In a user namespace a remount must repeat the flags that the mount has already."""
    return os.statvfs(target).f_flag & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def umount_detach(target: str) -> None:
    _check(_umount2(os.fsencode(target), MNT_DETACH), "umount " + target)


def clone_mount(path: str) -> int:
    """The mount at `path` once more, attached nowhere: it lives as long as this descriptor."""
    flags = ctypes.c_uint(_OPEN_TREE_CLONE | os.O_CLOEXEC)
    return _check(_syscall(_SYS_OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags), "open_tree")


def attach_mount(descriptor: int, target: str) -> None:
    """Attach what `clone_mount` gave, once."""
    flags = ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH)
    call = (_SYS_MOVE_MOUNT, descriptor, b"", _AT_FDCWD, os.fsencode(target), flags)
    _check(_syscall(*call), "move_mount")


def pivot_root_here() -> None:
    """Make the current folder the root and let go of the old one."""
    _check(_syscall(_SYS_PIVOT_ROOT, b".", b"."), "pivot_root")
    umount_detach(".")
    os.chdir("/")


def unshare(flags: int) -> None:
    _check(_unshare(ctypes.c_int(flags)), "unshare 0x{:x}".format(flags))


def prctl(option: int, argument: int, step: str) -> None:
    zero = ctypes.c_ulong(0)
    _check(_prctl(option, ctypes.c_ulong(argument), zero, zero, zero), step)


def drop_capabilities() -> None:
    """Effective, permitted, inheritable and ambient: all empty."""
    _prctl(PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)  # EINVAL before Linux 4.3
    _check(_syscall(_SYS_CAPSET, _CAPABILITY_HEADER, _CAPABILITY_NONE), "capset")


def drop_bounding_set() -> None:
    """No later exec can gain a capability; what the process holds now it keeps."""
    zero = ctypes.c_ulong(0)
    for capability in range(_CAPABILITIES_MAX):
        number = ctypes.c_ulong(capability)
        if _prctl(PR_CAPBSET_DROP, number, zero, zero, zero) < 0:
            return  # past the last one that this kernel knows


def descriptor_flags(descriptor: int) -> int:
    """O_RDONLY and the like, as it was opened."""
    return _check(_fcntl(descriptor, _F_GETFL), "fcntl")


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    if _syscall(_SYS_CLOSE_RANGE, first, 0xFFFFFFFF, 0) < 0:
        os.closerange(first, os.sysconf("SC_OPEN_MAX"))


class _FilterProgram(ctypes.Structure):
    _fields_: ClassVar = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


class SeccompFilter:
    """A BPF program, held ready for the kernel."""

    def __init__(self, code: bytes) -> None:
        self._code = ctypes.create_string_buffer(code, len(code))
        self._program = _FilterProgram(len(code) // 8, ctypes.addressof(self._code))

    def install(self) -> None:
        """For this process and all that it starts, for ever; needs no_new_privs."""
        address = ctypes.addressof(self._program)
        result = _prctl(
            PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_ulong(address), ctypes.c_ulong(0), 0
        )
        _check(result, "seccomp filter")


def _thread_id_address() -> int:
    """Where glibc keeps the main thread's id (0: the kernel does not tell)."""
    address = ctypes.c_ulong(0)
    zero = ctypes.c_ulong(0)
    pointer = ctypes.byref(address)
    if _prctl(_PR_GET_TID_ADDRESS, pointer, zero, zero, zero) < 0:
        return 0
    return address.value


_THREAD_ID_ADDRESS = _thread_id_address() if sys.platform == "linux" else 0


def fork_into(namespaces: int, cgroup_fd: int | None = None, *, as_parent: bool = False) -> int:
    """Fork into new `namespaces` (CLONE_NEW*), on cgroup v2 straight into a group; 0 in the child.

    As os.fork does it: Python's locks and glibc's notion of its thread id are set right. With
    `as_parent` Python lets go in the child of what it held for the fork, as in the parent, and
    repairs nothing: right where there was one thread only, as all else is as it was. The hooks of
    threading and logging would make anew what is whole, at the price of a hundred pages.
    """
    flags = namespaces
    if _THREAD_ID_ADDRESS:
        flags |= _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
    into = flags | (_CLONE_INTO_CGROUP if cgroup_fd is not None else 0)
    thread_id = _THREAD_ID_ADDRESS
    packed = struct.pack(
        "=11Q", into, 0, thread_id, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, cgroup_fd or 0
    )
    arguments = ctypes.create_string_buffer(packed, len(packed))
    _before_fork()
    pid: int = _clone(_SYS_CLONE3, arguments, ctypes.c_size_t(len(packed)))
    if pid < 0 and cgroup_fd is None:
        # Before Linux 5.3, or hidden by a container's own seccomp filter.
        zero = ctypes.c_ulong(0)
        tid = ctypes.c_ulong(thread_id)
        last = (zero, tid) if _AARCH64 else (tid, zero)  # tls and child_tid change places
        pid = _clone(_SYS_CLONE, ctypes.c_ulong(flags | signal.SIGCHLD), zero, zero, *last)
    if pid == 0:
        (_after_fork_in_parent if as_parent else _after_fork_in_child)()
        return 0
    number = ctypes.get_errno()
    _after_fork_in_parent()
    if pid < 0:
        raise OSError(number, os.strerror(number), "clone3 into new namespaces")
    return pid
