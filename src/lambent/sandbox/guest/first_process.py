"""The first process of a sandbox, from its birth to the guest program.

Born by the zygote inside its namespaces and still privileged in them, it mounts what is its own,
opens the listening sockets, configures its network as the first message on its channel says, warms
up and waits. The *bind message* says what it is to be; with it the last mounts are made, every
other descriptor is closed and the jail shut. Then the guest program runs.

Both messages: see birth.py.
"""

from __future__ import annotations

# The public module turns numbers into enums, 0.1 ms in a fresh child.
import _signal  # type: ignore[import-not-found]  # typeshed leaves it out
import gc
import json
import os
import random
import socket
import sys
import threading
import traceback
from typing import Any, NoReturn

from . import birth, compiler, jail, syscalls, template

EXIT_JAIL_FAILED = 71  # EX_OSERR of sysexits.h

_CHANNEL_FD = 3
_seed_random = super(random.Random, random._inst).seed
_set_native_id = threading.main_thread()._set_native_id  # type: ignore[attr-defined]


def run(
    blueprint: jail.Blueprint,
    sandbox_id: str,
    *,
    channel_fd: int,
    output_fd: int,
    cgroup_fds: list[int],
    with_network: bool,
    park: bool,
) -> NoReturn:
    """In the new process. `cgroup_fds`: `tasks` files; `with_network`: a message about it comes.

    `park`: nobody waits for it yet, so it warms up first.
    """
    code = EXIT_JAIL_FAILED
    try:
        for cgroup_fd in cgroup_fds:
            os.write(cgroup_fd, b"0")  # by our own hand it costs no grace period of the kernel's
        program = _become_sandbox(blueprint, sandbox_id, channel_fd, output_fd, with_network, park)
    except BaseException as error:
        birth.report_failure(blueprint.control, sandbox_id, error)
        os._exit(code)
    if program is None:
        os._exit(0)
    try:
        code = _run_program(blueprint.program, *program)
    finally:
        os._exit(code)


def _become_sandbox(
    blueprint: jail.Blueprint,
    sandbox_id: str,
    channel_fd: int,
    output_fd: int,
    with_network: bool,
    park: bool,
) -> tuple[bytes, Any] | None:
    """All up to the closed jail; returns the guest program's bytes, None when there is nothing.

    With them for a template what its program calls, see guest/template.py.
    """
    _seed_random()  # the two hooks of a fork that a sandbox needs, see syscalls.fork_into
    _set_native_id()
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, _signal.SIGKILL, "parent-death signal")
    # kill(0) reaches a whole process group, whatever pid namespaces its members are in: with the
    # zygote's an ordinary user's function could kill all others. A session has its own autogroup
    # too, so where no cgroup shares out the processors the scheduler still does.
    os.setsid()
    _signal.set_wakeup_fd(-1)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    has_proc = jail.mount_proc(blueprint.in_user_namespace)
    listeners = birth.listen(blueprint.ports)
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=channel_fd)
    if park:
        _warm_up(blueprint.program)
    birth.announce(blueprint.control, sandbox_id, listeners)
    bound = birth.receive_all(channel, with_network, blueprint)
    if bound is None:
        return None
    settings, program = bound
    if settings["kind"] == "compile":
        compiler.run(blueprint, settings, output_fd, has_proc)
        return None
    if settings["kind"] == "run":
        birth.lend_tmp(blueprint.control, sandbox_id)
    _take_descriptors(channel, output_fd, settings["uid"], blueprint.in_user_namespace)
    socket.sethostname(settings["hostname"])
    jail.shut(blueprint, settings, has_proc)
    if settings["root"] is None:
        os.chdir("/var/task")
    sys.path[:0] = blueprint.python_paths
    gc.enable()
    if settings["kind"] != "template":
        return program, None
    template.step_aside()
    template.remember_user()
    return program, template.Template(blueprint, has_proc)


def _warm_up(program: Any) -> None:
    """Touch what every program touches, so that its pages are our own before they are needed."""
    rehearse = getattr(program, "rehearse", None)
    if rehearse is not None:
        rehearse()
    json.loads(json.dumps({"warm": [1, 2.5, None, "up"]}))
    try:
        raise ValueError
    except ValueError:
        pass


def _take_descriptors(
    channel: socket.socket, output_fd: int, uid: int, in_user_namespace: bool
) -> None:
    """0 is /dev/null (from the zygote), 1 and 2 the output, 3 the channel, and no others."""
    if not in_user_namespace:
        os.fchown(output_fd, uid, uid)  # so that opening /dev/stdout works
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    if channel.fileno() != _CHANNEL_FD:
        os.dup2(channel.fileno(), _CHANNEL_FD, inheritable=False)
    channel.detach()
    syscalls.close_from(_CHANNEL_FD + 1)


def _run_program(module: Any, program: bytes, forks: Any) -> int:
    """The guest program's exit code."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=_CHANNEL_FD)
    try:
        if forks is None:
            module.run(channel, program)
        else:
            module.run_template(channel, program, forks)
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the function closed or replaced it
    return code & 0xFF
