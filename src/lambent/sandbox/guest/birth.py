"""What a newborn sandbox says to the server and hears from it.

The messages it hears come on its channel: u32 length of the JSON that follows, u32 length of the
program after it, both little-endian. With the bind message may come a descriptor: the /tmp that it
takes over, which no other process has any more.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import socket
import struct
import traceback
from typing import Any

from . import interface_up, jail, syscalls

_BIND_HEADER = struct.Struct("<II")
_LISTEN_BACKLOG = 128
_ONE_DESCRIPTOR = socket.CMSG_SPACE(4)
_decode_json = json.JSONDecoder().raw_decode
_SIOCSIFFLAGS = 0x8914
_LOOPBACK_UP = struct.pack("16sh22x", b"lo", 0x1 | 0x40)


def report_failure(control: socket.socket, sandbox_id: str, error: BaseException) -> None:
    """To the server; once the control socket is closed, as the sandbox's output."""
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    where = traceback.extract_tb(error.__traceback__)
    message = "{} (in {})".format(text, where[-1].name if where else "?")
    try:
        control.send(json.dumps({"failed": sandbox_id, "error": message[:2000]}).encode())
    except OSError:
        os.write(2, message.encode() + b"\n")


def listen(ports: tuple[int, ...]) -> list[socket.socket]:
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


def announce(control: socket.socket, sandbox_id: str, listeners: list[socket.socket]) -> None:
    message = '{{"warmed": "{}"}}'.format(sandbox_id).encode()
    descriptors = array.array("i", [listener.fileno() for listener in listeners])
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)] if listeners else []
    control.sendmsg([message], rights)  # blocks while the server is slow, as it should
    for listener in listeners:
        listener.detach()  # closed with all others; a finaliser would warn, for 0.1 ms


def lend_tmp(control: socket.socket, sandbox_id: str) -> None:
    """Have the server keep /tmp, so that it may outlive us; where the kernel lets nobody, nothing.

    A clone while it is still attached: of one that is not older kernels allow none.
    """
    try:
        descriptor = syscalls.clone_mount("/tmp")
    except OSError:
        return
    message = '{{"tmp": "{}"}}'.format(sandbox_id).encode()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
    control.sendmsg([message], rights)
    os.close(descriptor)


def _receive(channel: socket.socket) -> tuple[dict[str, Any], bytes] | None:
    """(settings, program), or None when the server let go of a parked sandbox."""
    header, rights, _, _ = channel.recvmsg(_BIND_HEADER.size, _ONE_DESCRIPTOR, socket.MSG_WAITALL)
    if len(header) < _BIND_HEADER.size:
        return None
    settings_length, program_length = _BIND_HEADER.unpack(header)
    total = settings_length + program_length
    body = channel.recv(total, socket.MSG_WAITALL)
    if len(body) < total:
        return None
    settings, _ = _decode_json(body[:settings_length].decode())
    if rights:
        settings["tmp"] = array.array("i", rights[0][2][:4])[0]
    return settings, body[settings_length:]


def receive_all(
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
        if settings["kind"] in ("run", "template"):
            jail.mount_code(blueprint, settings)
    return bound
