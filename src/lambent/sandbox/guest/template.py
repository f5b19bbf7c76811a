"""A sandbox whose initialised process is forked: each fork is a sandbox of its own.

By the time of a fork the function's code has run, so nothing here is privileged: a fork enters a
user namespace of its own with all the others, and in them does for itself what a zygote's child
does. A template's filter allows that; the fork's is every sandbox's again. What a template's
function could do with it: docs/decisions/0026-snapshots-by-fork.md.

Messages on the control socket (one JSON object each, SOCK_SEQPACKET), which the server sends over
the channel as one byte with the descriptor:

    server → template  {"launch": id, "network": bool} with descriptors: channel, output, and the
                       groups' files to write "0" to
    template → server  {"exited": id, "status": n}; {"refused": id, "error": text}
    child → server     {"warmed": id} with its listening sockets; who it is the kernel says

The function may have patched any module by then (gevent does): names are bound at import.
"""

from __future__ import annotations

import array
import ctypes
import json
import os
import resource
import socket
import stat
from select import POLLIN, poll
from typing import Any

from . import birth, jail, syscalls
from .descriptors import Descriptors

EXIT_RESTORE_FAILED = 71
_NAMESPACES = jail.NAMESPACES | syscalls.CLONE_NEWUSER
_CONTROL_BYTES_MAX = 65536
_DESCRIPTORS_MAX = 16
_CHANNEL_FD = 3
_SYS_PIDFD_OPEN = 434
_COPY_BYTES = 1024 * 1024

_Socket = socket.socket
_RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)
_STREAM = (socket.AF_UNIX, socket.SOCK_STREAM, 0)
_SEQPACKET = (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0)
_loads, _dumps = json.loads, json.dumps
_libc = ctypes.CDLL(None, use_errno=True)


def step_aside() -> None:
    """Go on in a child, as process 2; the first one waits for it and ends as it does.

    A fork is process 1 of its own namespace. Libraries that tell a fork by its pid (OpenSSL's
    random numbers) do see one then.
    """
    pid = os.fork()
    if pid == 0:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9, "parent-death signal")
        return
    syscalls.close_from(0)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else status >> 8)


class Template:
    """What a guest program calls when its init is done: `refusal`, then `wait`."""

    def __init__(self, blueprint: jail.Blueprint, has_proc: bool) -> None:
        self._blueprint = blueprint
        self._has_proc = has_proc
        self._descriptors = Descriptors()
        self._names: dict[int, tuple[str, int]] = {}
        """pidfd → sandbox id and pid, of the forks alive."""

    def refusal(self) -> str:
        """Why this process cannot be forked as it is; empty where it can."""
        if not self._has_proc:
            return "this host forbids a /proc of its own to a sandbox"
        threads = _count_threads()
        if threads > 1:
            # Libraries that can do without their threads end them before a fork (OpenBLAS).
            _fork_for_nothing()
            threads = _count_threads()
        if threads > 1:
            return "after its init the function has {} threads".format(threads)
        others = {name for name in os.listdir("/proc") if name.isdigit()} - {"1", "2"}
        if others:
            return "after its init the function has another process running"
        with open("/proc/self/maps") as maps:
            for line in maps:
                fields = line.split(None, 5)
                if fields[1][1] == "w" and fields[1][3] == "s":
                    return "after its init the function shares memory that can be written"
        return self._descriptors.look()

    def wait(self, channel: Any) -> tuple[Any, bytes]:
        """Fork whenever the server asks; returns in the forks only: their channel and program."""
        _data, rights, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(4))
        if not rights:
            os._exit(0)  # the server wants none
        control_fd = array.array("i", rights[0][2][:4])[0]
        control = _Socket(*_SEQPACKET, fileno=control_fd)
        _soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))
        waiting = poll()
        waiting.register(control_fd, POLLIN)
        while True:
            for descriptor, _ in waiting.poll():
                if descriptor != control_fd:
                    waiting.unregister(descriptor)
                    self._reap(control, descriptor)
                    continue
                born = self._receive(control, waiting)
                if born is not None:
                    return born

    def _receive(self, control: Any, waiting: Any) -> tuple[Any, bytes] | None:
        space = socket.CMSG_SPACE(_DESCRIPTORS_MAX * 4)
        data, ancillary, _, _ = control.recvmsg(_CONTROL_BYTES_MAX, space)
        if not data:
            os._exit(0)  # the server is gone: the kernel ends the forks with us
        descriptors = array.array("i")
        for level, kind, payload in ancillary:
            if (level, kind) == _RIGHTS:
                descriptors.frombytes(payload[: len(payload) // 4 * 4])
        request = _loads(data)
        sandbox_id = request["launch"]
        try:
            pid = syscalls.fork_into(_NAMESPACES)
            if pid == 0:
                return self._born(control, request, list(descriptors))
            pidfd = _libc.syscall(_SYS_PIDFD_OPEN, pid, 0)
            self._names[pidfd] = (sandbox_id, pid)
            waiting.register(pidfd, POLLIN)
        except OSError as error:
            control.send(_dumps({"refused": sandbox_id, "error": str(error)}).encode())
        for descriptor in descriptors:
            os.close(descriptor)
        return None

    def _reap(self, control: Any, pidfd: int) -> None:
        sandbox_id, pid = self._names.pop(pidfd)
        os.close(pidfd)
        try:
            status = os.waitpid(pid, 0)[1]
        except ChildProcessError:  # the function ignores SIGCHLD
            status = 0
        control.send(_dumps({"exited": sandbox_id, "status": status}).encode())

    # In the fork

    def _born(
        self, control: Any, request: dict[str, Any], descriptors: list[int]
    ) -> tuple[Any, bytes]:
        try:
            return self._become(control, request, descriptors)
        except BaseException as error:
            birth.report_failure(control, request["launch"], error)
            os._exit(EXIT_RESTORE_FAILED)

    def _become(
        self, control: Any, request: dict[str, Any], descriptors: list[int]
    ) -> tuple[Any, bytes]:
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9, "parent-death signal")
        channel_fd, output_fd, *groups = descriptors
        for group in groups:
            os.write(group, b"0")
        for descriptor in (*groups, *self._names):
            os.close(descriptor)
        self._names.clear()
        os.setsid()
        _map_own_user()
        jail.mount_proc(False)
        listeners = birth.listen(self._blueprint.ports)
        given = [listener.fileno() for listener in listeners]
        birth.announce(control, request["launch"], listeners)
        for fd in (control.detach(), *given):
            os.close(fd)
        channel = _Socket(*_STREAM, fileno=channel_fd)
        bound = birth.receive_all(channel, request["network"], self._blueprint)
        if bound is None:
            os._exit(0)
        settings, program = bound
        _renew_tmp(settings["tmp_mib"])
        self._descriptors.renew()
        socket.sethostname(settings["hostname"])
        for number in (1, 2):
            os.dup2(output_fd, number)
        os.dup2(channel.detach(), _CHANNEL_FD, inheritable=False)
        for fd in {output_fd, channel_fd} - {0, 1, 2, _CHANNEL_FD}:
            os.close(fd)
        _shut(self._blueprint, settings)
        return _Socket(*_STREAM, fileno=_CHANNEL_FD), program


def _count_threads() -> int:
    return len(os.listdir("/proc/self/task"))


def _fork_for_nothing() -> None:
    """By the C library, so that what was registered with it runs (pthread_atfork)."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _map_own_user() -> None:
    """The same user and group as before, and no other, in the new user namespace."""
    uid, gid = _IDS
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1, "dumpable")
    for name, text in (
        ("setgroups", b"deny"),
        ("uid_map", "{0} {0} 1".format(uid).encode()),
        ("gid_map", "{0} {0} 1".format(gid).encode()),
    ):
        fd = os.open("/proc/self/" + name, os.O_WRONLY)
        try:
            os.write(fd, text)
        finally:
            os.close(fd)


_IDS = (0, 0)


def remember_user() -> None:
    """Once the jail is shut: in a new user namespace nobody can say who he was."""
    global _IDS
    _IDS = (os.getuid(), os.getgid())


def _renew_tmp(size_mib: int) -> None:
    """A /tmp of one's own with what the init left there."""
    folder = os.getcwd()
    names = os.listdir("/tmp")
    old = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY)
    jail.mount_tmp(size_mib)
    if names:
        _copy_folder("/proc/self/fd/{}".format(old), "/tmp")
    os.close(old)
    if folder == "/tmp" or folder.startswith("/tmp/"):
        os.chdir(folder)


def _copy_folder(source: str, target: str) -> None:
    """Folders, files and links; what else may lie there is left out."""
    with os.scandir(source) as entries:
        for entry in entries:
            path = "{}/{}".format(target, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), path)
                continue
            if entry.is_dir():
                os.mkdir(path)
                _copy_folder(entry.path, path)
            elif entry.is_file():
                _copy_file(entry.path, path)
            else:
                continue
            status = entry.stat()
            os.chmod(path, stat.S_IMODE(status.st_mode))
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _copy_file(source: str, target: str) -> None:
    near = os.open(source, os.O_RDONLY)
    far = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while os.sendfile(far, near, None, _COPY_BYTES):
            pass
    finally:
        os.close(near)
        os.close(far)


def _shut(blueprint: jail.Blueprint, settings: dict[str, Any]) -> None:
    """As jail.shut, from inside a user namespace in which nobody else is."""
    jail.limit_resources(settings)
    syscalls.drop_bounding_set()
    syscalls.drop_capabilities()
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1, "dumpable")
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9, "parent-death signal")
    if blueprint.filter is not None:
        blueprint.filter.install()
