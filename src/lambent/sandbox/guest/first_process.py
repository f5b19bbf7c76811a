"""The first process of a sandbox, from its birth to the guest program.

Born by the zygote inside its namespaces and still privileged in them, it mounts what is its own,
opens the listening sockets, configures its network as the first message on its channel says, warms
up and waits. The *bind message* says what it is to be; with it the last mounts are made, every
other descriptor is closed and the jail shut. Then the guest program runs.

Both messages: u32 length of the JSON that follows, u32 length of the program after it, both
little-endian.
"""

from __future__ import annotations

# The public module turns numbers into enums, 0.1 ms in a fresh child.
import _signal  # type: ignore[import-not-found]  # typeshed leaves it out
import array
import fcntl
import gc
import json
import os
import socket
import struct
import sys
import traceback
from typing import Any, NoReturn

from . import compiler, interface_up, jail, syscalls

EXIT_JAIL_FAILED = 71  # EX_OSERR of sysexits.h

_BIND_HEADER = struct.Struct("<II")
_CHANNEL_FD = 3
_LISTEN_BACKLOG = 128
_SIOCSIFFLAGS = 0x8914
_LOOPBACK_UP = struct.pack("16sh22x", b"lo", 0x1 | 0x40)


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
        _report_failure(blueprint.control, sandbox_id, error)
        os._exit(code)
    if program is None:
        os._exit(0)
    try:
        code = _run_program(blueprint.program, program)
    finally:
        os._exit(code)


def _report_failure(control: socket.socket, sandbox_id: str, error: BaseException) -> None:
    """To the server; once the control socket is closed, as the sandbox's output."""
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    where = traceback.extract_tb(error.__traceback__)
    message = "{} (in {})".format(text, where[-1].name if where else "?")
    try:
        control.send(json.dumps({"failed": sandbox_id, "error": message[:2000]}).encode())
    except OSError:
        os.write(2, message.encode() + b"\n")


def _become_sandbox(
    blueprint: jail.Blueprint,
    sandbox_id: str,
    channel_fd: int,
    output_fd: int,
    with_network: bool,
    park: bool,
) -> bytes | None:
    """All up to the closed jail; returns the guest program's bytes, None when there is nothing."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, _signal.SIGKILL, "parent-death signal")
    # kill(0) reaches a whole process group, whatever pid namespaces its members are in: with the
    # zygote's an ordinary user's function could kill all others. A session has its own autogroup
    # too, so where no cgroup shares out the processors the scheduler still does.
    os.setsid()
    _signal.set_wakeup_fd(-1)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    has_proc = jail.mount_proc(blueprint.in_user_namespace)
    listeners = _listen(blueprint.ports)
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=channel_fd)
    if park:
        _warm_up(blueprint.program)
    _announce(blueprint.control, sandbox_id, listeners)
    bound = _receive_all(channel, with_network, blueprint)
    if bound is None:
        return None
    settings, program = bound
    if settings["kind"] == "compile":
        compiler.run(blueprint, settings, output_fd, has_proc)
        return None
    _take_descriptors(channel, output_fd, settings["uid"], blueprint.in_user_namespace)
    socket.sethostname(settings["hostname"])
    jail.shut(blueprint, settings, has_proc)
    os.chdir("/var/task")
    sys.path[:0] = blueprint.python_paths
    gc.enable()
    return program


def _listen(ports: tuple[int, ...]) -> list[socket.socket]:
    """Bring the loopback interface up and listen there; the server accepts."""
    listeners: list[socket.socket] = []
    control = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0)
    fcntl.ioctl(control, _SIOCSIFFLAGS, _LOOPBACK_UP)
    for port in ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0) if listeners else control
        listener.bind(("127.0.0.1", port))
        listener.listen(_LISTEN_BACKLOG)
        listeners.append(listener)
    return listeners


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


def _announce(control: socket.socket, sandbox_id: str, listeners: list[socket.socket]) -> None:
    message = json.dumps({"warmed": sandbox_id}).encode()
    descriptors = array.array("i", [listener.fileno() for listener in listeners])
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if listeners else []
    control.sendmsg([message], rights)  # blocks while the server is slow, as it should
    for listener in listeners:
        listener.detach()  # closed with all others; a finaliser would warn, for 0.1 ms


def _receive(channel: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """(settings, program), or None when the server let go of a parked sandbox."""
    header = channel.recv(_BIND_HEADER.size, socket.MSG_WAITALL)
    if len(header) < _BIND_HEADER.size:
        return None
    settings_length, program_length = _BIND_HEADER.unpack(header)
    total = settings_length + program_length
    body = channel.recv(total, socket.MSG_WAITALL)
    if len(body) < total:
        return None
    return json.loads(body[:settings_length]), body[settings_length:]


def _receive_all(
    channel: socket.socket, with_network: bool, blueprint: jail.Blueprint
) -> tuple[dict[str, Any], bytes] | None:
    """Take the messages in the order they come, acting on each at once; the bind message.

    A sandbox for which somebody waits is bound while the server still makes its interface.
    """
    bound = None
    while bound is None or with_network:
        message = _receive(channel)
        if message is None:
            return None
        settings = message[0]
        if settings["kind"] == "network":
            with_network = False
            if settings["name"]:
                interface_up.configure_interface(
                    settings["name"],
                    settings["address"],
                    settings["prefix_len"],
                    settings["gateway"],
                )
            continue
        bound = message
        if settings["kind"] == "run":
            jail.mount_code(blueprint, settings)
    return bound


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


def _run_program(module: Any, program: bytes) -> int:
    """The guest program's exit code."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=_CHANNEL_FD)
    try:
        module.run(channel, program)
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
