"""Builds the root that every sandbox of one interpreter starts from, then becomes its zygote.

Started by the server with the server's own interpreter. One message on the control socket holds
the plan (see `lambent.sandbox.root_plan`); what fails goes to standard error, with exit code 1.
With the argument `probe` it only tries whether this host can give namespaces.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Callable
from typing import Any

from . import syscalls

# Covered by the new root until it becomes the root. Nothing of a sandbox comes from these.
_MOUNT_POINTS = ("/sys", "/mnt", "/media", "/srv")
_READ_ONLY = syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV
_ROOT_OPTIONS = "mode=755,size=16m"
_DEVICE_OPTIONS = "mode=755,size=64k,nr_inodes=64"
_DEVICES = (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9))
_MEMORY_DEVICES_MAJOR = 1
_PLAN_BYTES_MAX = 200_000


def main(arguments: list[str]) -> None:
    if arguments[0] == "probe":
        print(json.dumps(_probe()))
        return
    control = socket.socket(fileno=int(arguments[0]))
    plan = json.loads(control.recv(_PLAN_BYTES_MAX))
    in_user_namespace = enter_mount_namespace()
    root = next(path for path in _MOUNT_POINTS if os.path.isdir(path))
    syscalls.mount("tmpfs", root, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, _ROOT_OPTIONS)
    _build(root, plan, in_user_namespace)
    os.chdir(root)
    syscalls.pivot_root_here()
    control.set_inheritable(True)
    command = plan["command"] + [str(control.fileno()), "1" if in_user_namespace else "0"]
    os.execve(command[0], command, plan["environment"])


def enter_mount_namespace() -> bool:
    """A private copy of the mounts; True when only a user namespace of our own allowed it."""
    in_user_namespace = False
    try:
        syscalls.unshare(syscalls.CLONE_NEWNS)
    except PermissionError:
        _enter_user_namespace(syscalls.CLONE_NEWNS)
        in_user_namespace = True
    syscalls.mount("", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    return in_user_namespace


def _enter_user_namespace(more: int) -> None:
    """Be root of a user namespace that maps to nobody but our own user and group."""
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWUSER | more)
    # "deny" comes before gid_map: the kernel asks for it of the unprivileged.
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", "0 {} 1".format(uid)),
        ("gid_map", "0 {} 1".format(gid)),
    ):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)


def _build(root: str, plan: dict[str, Any], in_user_namespace: bool) -> None:
    for path in plan["directories"]:
        os.makedirs(root + path, exist_ok=True)
    for target, path in plan["symlinks"]:
        os.symlink(target, root + path)
    for text, path in plan["files"]:
        with open(root + path, "w") as file:
            file.write(text)
    for source, path in plan["copies"]:
        _copy(source, root + path)
    _make_devices(root + "/dev")
    for source, path in plan["binds"]:
        _make_target(source, root + path)
        syscalls.bind(source, root + path, _READ_ONLY)
    for source, path in plan["writable_binds"]:
        syscalls.bind(source, root + path, _READ_ONLY & ~syscalls.MS_RDONLY)
    for path in plan["masks"]:
        if os.path.isdir(root + path):
            syscalls.bind(root + "/var/empty", root + path, _READ_ONLY)
    if in_user_namespace:
        # The kernel lets a user namespace mount /proc only beside one that is wholly visible.
        syscalls.mount("/proc", root + plan["host_proc"], "", syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.mount(
        "",
        root,
        "",
        syscalls.MS_BIND | syscalls.MS_REMOUNT | _READ_ONLY,
    )


def _make_target(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))


def _copy(source: str, target: str) -> None:
    with open(source, "rb") as original, open(target, "wb") as copy:
        copy.write(original.read())


def _make_devices(folder: str) -> None:
    """The five devices that hold nothing, by mknod or, where that is forbidden, by binds."""
    flags = syscalls.MS_NOSUID | syscalls.MS_NOEXEC
    syscalls.mount("tmpfs", folder, "tmpfs", flags, _DEVICE_OPTIONS)
    for name, minor in _DEVICES:
        path = "{}/{}".format(folder, name)
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(_MEMORY_DEVICES_MAJOR, minor))
            os.chmod(path, 0o666)
            with open(path, "rb"):  # a user namespace may make the node and not open it
                pass
        except OSError:
            if os.path.exists(path):
                os.unlink(path)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666))
            syscalls.mount("/dev/" + name, path, "", syscalls.MS_BIND)
    for target, name in (
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ):
        os.symlink(target, "{}/{}".format(folder, name))
    syscalls.mount("", folder, "", syscalls.MS_REMOUNT | syscalls.MS_RDONLY | flags)


def _probe() -> dict[str, object]:
    """What this host gives: {"namespaces", "user_namespace", "proc", "tmp"}.

    Each is why not, or ""; `tmp`: why a /tmp cannot outlive its sandbox. `user_namespace`: bool.
    """
    try:
        in_user_namespace = enter_mount_namespace()
    except OSError as error:
        return {"namespaces": str(error), "user_namespace": False}
    read, write = os.pipe()
    namespaces = (
        syscalls.CLONE_NEWNS
        | syscalls.CLONE_NEWPID
        | syscalls.CLONE_NEWNET
        | syscalls.CLONE_NEWIPC
        | syscalls.CLONE_NEWUTS
    )
    try:
        pid = syscalls.fork_into(namespaces)
    except OSError as error:
        return {"namespaces": str(error), "user_namespace": in_user_namespace}
    if pid == 0:
        found = {
            "proc": _why_not(lambda: syscalls.mount("proc", "/proc", "proc", _READ_ONLY)),
            "tmp": _why_not(_pass_on_tmp),
        }
        os.write(write, json.dumps(found).encode())
        os._exit(0)
    os.close(write)
    told = os.read(read, 1000)
    os.waitpid(pid, 0)
    return {"namespaces": "", "user_namespace": in_user_namespace, **json.loads(told)}


def _why_not(attempt: Callable[[], None]) -> str:
    try:
        attempt()
    except OSError as error:
        return str(error)
    return ""


def _pass_on_tmp() -> None:
    """As from one sandbox to the next."""
    syscalls.mount("tmpfs", "/tmp", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=64k")
    kept = syscalls.clone_mount("/tmp")
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.attach_mount(kept, "/tmp")
