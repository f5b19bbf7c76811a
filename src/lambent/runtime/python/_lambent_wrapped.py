"""A Python runtime that a wrapper script starts (AWS_LAMBDA_EXEC_WRAPPER): no fork of a zygote.

The script is called as AWS calls it, with the interpreter's path and its arguments. What the
runtime has to know goes along in a variable that the function does not get; what the script sets,
it does.

Standard library only; runs on Python 3.8 and newer.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from typing import Any, Callable, Dict, NoReturn

# Top-level inside an environment (/var/runtime).
import _lambent_exec  # type: ignore[import-not-found]

_PROGRAM = "_LAMBENT_PROGRAM"
_HEAD = struct.Struct("<IB")
_INIT_ERROR = 0x11


def become(channel: socket.socket, program: Dict[str, Any], bootstrap: str) -> NoReturn:
    """Ends in the exec, or with an error frame and exit code 1."""
    wrapper = program.pop("wrapper")
    environment = program.pop("environment")
    settings = {
        "commands": [[wrapper, sys.executable, bootstrap]],
        "environment": {**environment, _PROGRAM: json.dumps(program)},
        "link": "frames",
        "wrapper": wrapper,
    }
    if channel.fileno() != _lambent_exec.CHANNEL_FD:
        os.dup2(channel.fileno(), _lambent_exec.CHANNEL_FD)
    try:
        _lambent_exec.become(settings)
    except OSError as error:
        payload = json.dumps(_lambent_exec.describe(settings, error)).encode()
        channel.sendall(_HEAD.pack(len(payload), _INIT_ERROR) + payload)
    os._exit(1)


def begin(run: Callable[[socket.socket, Dict[str, Any]], NoReturn]) -> NoReturn:
    """In the interpreter that the script has started."""
    environment = dict(os.environ)
    program = {**json.loads(environment.pop(_PROGRAM)), "environment": environment}
    os.set_inheritable(_lambent_exec.CHANNEL_FD, False)
    run(
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=_lambent_exec.CHANNEL_FD),
        program,
    )
