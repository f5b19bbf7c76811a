"""Become another program: the runtime's, or an extension's.

Standard library only; runs on Python 3.8 and newer.
"""

from __future__ import annotations

import errno
import os
import signal
from typing import Any, Dict, List, NoReturn

CHANNEL_FD = 3

# What Python changes for itself and a program inherits.
_TO_DEFAULT = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGCHLD)


def become(settings: Dict[str, Any]) -> NoReturn:
    """Raises OSError with the program's path as `filename`."""
    command = find_command(settings["commands"])
    if settings.get("link") == "frames":
        os.set_inheritable(CHANNEL_FD, True)
    for number in _TO_DEFAULT:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execve(command[0], command, settings["environment"])
    except OSError as error:
        error.filename = command[0]
        raise


def find_command(commands: List[List[str]]) -> List[str]:
    """The first whose program is there; FileNotFoundError where none is."""
    for command in commands:
        if os.path.exists(command[0]):
            return command
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def describe(settings: Dict[str, Any], error: OSError) -> Dict[str, str]:
    """Why there is no such process, in the words of AWS's own agent (written in Go)."""
    if error.filename is None:
        paths = " ".join(command[0] for command in settings["commands"])
        text = f"Couldn't find valid bootstrap(s): [{paths}]"
    else:
        text = f"fork/exec {error.filename}: {os.strerror(error.errno or 0).lower()}"
    return {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": text}
