"""Inside a sandbox, once the jail is shut: become the runtime's program.

The zygote that forks this is no part of the runtime; of it nothing is left after the exec. What
cannot be started is told as an INIT_ERROR frame; where all went well the channel either closes
(the program speaks the Runtime API) or is the program's descriptor 3.

`program` is JSON: {"commands": [[…], …], "environment": {…}, "link": "frames" | "http"}.

Standard library only; everything is imported here, for nothing can be once the jail is shut.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
from typing import Any, NoReturn

_HEAD = struct.Struct("<IB")
_INIT_ERROR = 0x11
_CHANNEL_FD = 3

# What Python changes for itself and a program inherits.
_TO_DEFAULT = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGCHLD)


def preload() -> None:
    """Nothing beyond this module's own imports."""


def run(channel: socket.socket, program: bytes) -> NoReturn:
    """Ends in the exec, or with an error frame and exit code 1."""
    settings = json.loads(program)
    try:
        become(settings)
    except OSError as error:
        fail(channel, settings, error)
    os._exit(1)


def become(settings: dict[str, Any]) -> NoReturn:
    """Raises OSError with the program's path as `filename`."""
    command = find_command(settings["commands"])
    if settings["link"] == "frames":
        os.set_inheritable(_CHANNEL_FD, True)
    for number in _TO_DEFAULT:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execve(command[0], command, settings["environment"])
    except OSError as error:
        error.filename = command[0]
        raise


def find_command(commands: list[list[str]]) -> list[str]:
    """The first whose program is there; FileNotFoundError where none is."""
    for command in commands:
        if os.path.exists(command[0]):
            return command
    raise FileNotFoundError(2, "No such file or directory")


def fail(channel: socket.socket, settings: dict[str, Any], error: OSError) -> None:
    """Tell why there is no runtime, in the words of AWS's own agent (written in Go)."""
    if error.filename is None:
        paths = " ".join(command[0] for command in settings["commands"])
        text = f"Couldn't find valid bootstrap(s): [{paths}]"
    else:
        reason = os.strerror(error.errno or 0).lower()
        text = f"fork/exec {error.filename}: {reason}"
    payload = json.dumps(
        {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": text}, separators=(",", ":")
    ).encode()
    try:
        channel.sendall(_HEAD.pack(len(payload), _INIT_ERROR) + payload)
    except OSError:
        pass  # nobody is there to hear it
