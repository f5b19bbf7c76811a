"""The jail: what a sandbox mounts for itself, and the end of every privilege.

The order of `shut` matters:

    user → limits → capabilities → parent-death signal → no_new_privs → seccomp
"""

from __future__ import annotations

import os
import resource
import socket
from typing import Any

from . import image_root, syscalls

NAMESPACES = (
    syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWNET
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUTS
)
STORE = "/var/rapid/store"
HOST_PROC = "/var/rapid/proc"

_SIGKILL = 9
_OPEN_FILES_MAX = 1024  # AWS's own, see "Lambda quotas"
_INSIDE_UID, _INSIDE_GID = 993, 990  # sbx_user1051, as on AWS
_USERS = (
    "root:x:0:0:root:/root:/sbin/nologin\n"
    "sbx_user1051:x:{0}:{0}::/home/sbx_user1051:/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
)
_TMPFS_FLAGS = syscalls.MS_NOSUID | syscalls.MS_NODEV
_PROC_FLAGS = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
_INODES_PER_MIB = 256  # one for each page: bounds the kernel memory that empty files take


class Blueprint:
    """What all sandboxes of one zygote share."""

    def __init__(
        self,
        *,
        ports: tuple[int, ...],
        python_paths: tuple[str, ...],
        filter: syscalls.SeccompFilter | None,
        program: Any,
        control: socket.socket,
        in_user_namespace: bool,
        template_filter: syscalls.SeccompFilter | None = None,
        hidden: tuple[str, ...] = (),
    ) -> None:
        """`program` is the guest program's module; `python_paths` come first in sys.path.

        `hidden` are mounts that no guest program needs any more.
        """
        self.ports = ports
        self.python_paths = python_paths
        self.filter = filter
        self.template_filter = template_filter
        self.program = program
        self.control = control
        self.in_user_namespace = in_user_namespace
        self.hidden = hidden


def mount_proc(in_user_namespace: bool) -> bool:
    """False where a container around us forbids it (and nothing is then in /proc)."""
    try:
        syscalls.mount("proc", "/proc", "proc", _PROC_FLAGS)
    except PermissionError:
        if not in_user_namespace:
            raise
        return False
    return True


def mount_code(blueprint: Blueprint, settings: dict[str, Any]) -> None:
    """/tmp of its size, /var/task, /opt; then nothing of the store is left to see.

    Or an image as the whole root.
    """
    if settings["root"] is not None:
        image_root.enter(settings, lambda path: _give_tmp(settings, path))
        return
    named = not blueprint.in_user_namespace
    if named and "tmp" in settings:
        # What lies in there is the function's, and may fill it: ours goes by way of another.
        mount_tmp(1)
        _name_user(settings["uid"])
        syscalls.umount_detach("/tmp")
        named = False
    _give_tmp(settings, "/tmp")
    if named:
        _name_user(settings["uid"])
    # A bind of a part of the store inherits the flags of the whole: read-only, no setuid.
    flags = syscalls.MS_BIND
    if settings["task"] is not None:
        syscalls.mount(STORE + "/" + settings["task"], "/var/task", "", flags)
    if settings["opt"] is not None:
        syscalls.mount(STORE + "/" + settings["opt"], "/opt", "", flags)
    for staged, target in settings["folders"]:
        syscalls.mount(staged, target, "", flags | syscalls.MS_REC)
        syscalls.umount_detach(staged)
    syscalls.umount_detach(STORE)
    for path in blueprint.hidden:
        syscalls.umount_detach(path)
    if blueprint.in_user_namespace:
        syscalls.umount_detach(HOST_PROC)


def mount_tmp(size_mib: int, path: str = "/tmp") -> None:
    options = "mode=1777,size={}m,nr_inodes={}".format(size_mib, size_mib * _INODES_PER_MIB)
    syscalls.mount("tmpfs", path, "tmpfs", _TMPFS_FLAGS, options)


def _give_tmp(settings: dict[str, Any], path: str) -> None:
    """A new one; or the one of the sandbox before, all of whose processes have ended."""
    if "tmp" in settings:
        syscalls.attach_mount(settings["tmp"], path)
    else:
        mount_tmp(settings["tmp_mib"], path)


def _name_user(uid: int) -> None:
    """AWS's name for the user, whose number is the sandbox's own here.

    The file lies in /tmp, without a name, for nothing else can be written: 4 KB of it are taken.
    """
    path = "/tmp/passwd"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    os.fchmod(file, 0o644)
    os.write(file, _USERS.format(uid).encode())
    os.close(file)
    syscalls.mount(path, "/etc/passwd", "", syscalls.MS_BIND)
    os.unlink(path)


def shut(blueprint: Blueprint, settings: dict[str, Any], has_proc: bool) -> None:
    """End every privilege of this process and of all that it will start."""
    os.umask(0o022)
    if blueprint.in_user_namespace:
        _become_user_of_own_namespace(has_proc)
    else:
        uid = settings["uid"]
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    limit_resources(settings)
    syscalls.drop_capabilities()
    # A change of user clears both of these.
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1, "dumpable")
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, _SIGKILL, "parent-death signal")
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1, "no_new_privs")
    template = settings["kind"] == "template"
    chosen = blueprint.template_filter if template else blueprint.filter
    if chosen is not None:
        chosen.install()


def limit_resources(settings: dict[str, Any]) -> None:
    """After the user namespace is made: its ceiling for *all* of our user's processes is our own
    limit at that time.
    """
    limits = {
        resource.RLIMIT_NOFILE: _OPEN_FILES_MAX,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NPROC: settings["processes_max"],
    }
    if settings["data_bytes_max"] is not None:
        limits[resource.RLIMIT_DATA] = settings["data_bytes_max"]
    for limit, value in limits.items():
        most = value
        if limit == resource.RLIMIT_NPROC and settings["kind"] == "template":
            # What it has when it makes a user namespace bounds all of these together.
            most = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (value, most))


def _become_user_of_own_namespace(has_proc: bool) -> None:
    """Without root: an ordinary uid in a user namespace of its own, whose NPROC is its own too."""
    if not has_proc:
        return  # the maps are written through /proc; uid 0 without capabilities remains
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1, "dumpable")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", "{} 0 1".format(_INSIDE_UID)),
        ("gid_map", "{} 0 1".format(_INSIDE_GID)),
    ):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
    syscalls.drop_bounding_set()
