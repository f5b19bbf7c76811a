"""Inside a sandbox, once the jail is shut: become the runtime's program.

The zygote that forks this is no part of the runtime; of it nothing is left after the exec. What
cannot be started is told as an INIT_ERROR frame; where all went well the channel either closes
(the program speaks the Runtime API) or is the program's descriptor 3.

`program` is JSON: {"commands": [[…], …], "environment": {…}, "link": "frames" | "http"}; with
"supervised": true the runtime is one of several processes (see _lambent_supervisor.py).

Standard library only; everything is imported here, for nothing can be once the jail is shut.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Dict, NoReturn

# Top-level inside a sandbox.
import _lambent_exec  # type: ignore[import-not-found]
import _lambent_supervisor  # type: ignore[import-not-found]

_HEAD = struct.Struct("<IB")
_INIT_ERROR = 0x11


def preload() -> None:
    """Nothing beyond this module's own imports."""


def run(channel: socket.socket, program: bytes) -> NoReturn:
    """Ends in the exec, or with an error frame and exit code 1."""
    settings = json.loads(program)
    if settings.get("supervised"):
        _lambent_supervisor.supervise(channel, settings)
    try:
        _lambent_exec.become(settings)
    except OSError as error:
        _fail(channel, _lambent_exec.describe(settings, error))
    os._exit(1)


def _fail(channel: socket.socket, error: Dict[str, str]) -> None:
    payload = json.dumps(error, separators=(",", ":")).encode()
    try:
        channel.sendall(_HEAD.pack(len(payload), _INIT_ERROR) + payload)
    except OSError:
        pass  # nobody is there to hear it
