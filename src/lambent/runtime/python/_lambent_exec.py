"""Become another program: the runtime's, or an extension's.

Standard library only; runs on Python 3.8 and newer.
"""

from __future__ import annotations

import errno
import os
import signal
from typing import Any, Dict, List, NoReturn, Tuple

CHANNEL_FD = 3

# What Python changes for itself and a program inherits.
_TO_DEFAULT = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGCHLD)


# ELF's e_machine (elf.h) → Lambda's name of the architecture.
_MACHINES = {b"\x3e\x00": "x86_64", b"\xb7\x00": "arm64"}
_MACHINE_AT = slice(18, 20)

# A shell's exit codes for what it cannot run.
_IS_NO_PROGRAM = 126
_NOT_FOUND = 127
_SHELLS = ("/bin/bash", "/bin/sh")


class NoDirectory(OSError):
    """The working directory of an image is not there."""


def become(settings: Dict[str, Any]) -> NoReturn:
    """Raises OSError with the program's path as `filename`.

    With "wrapper" the program is begun by a script of the function's; where that cannot be run the
    process ends as the bootstrap of AWS's runtimes does.
    """
    wrapper = settings.get("wrapper")
    if wrapper:
        _require_script(wrapper)
    if settings.get("directory") is None:
        path, command = _first(settings["commands"])
    else:
        path, command = _in_image(settings)
    if "architecture" in settings:
        _check_machine(path, settings["architecture"])
    if settings.get("link") == "frames":
        os.set_inheritable(CHANNEL_FD, True)
    for number in _TO_DEFAULT:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.execve(path, command, settings["environment"])
    except OSError as error:
        if path == wrapper:
            _become_script(command, settings["environment"], error)
        error.filename = path
        raise


def _require_script(path: str) -> None:
    """Words and codes are those of AWS's bootstraps for Python and Node.js."""
    if not os.path.isfile(path):
        _leave(f"{path}: does not exist", _NOT_FOUND)
    if not os.access(path, os.X_OK):
        _leave(f"{path}: is not an executable", _IS_NO_PROGRAM)


def _become_script(command: List[str], environment: Dict[str, str], error: OSError) -> NoReturn:
    """What names no interpreter is executed by the shell, as by AWS's bootstrap in bash."""
    if error.errno == errno.ENOEXEC:
        shell = next(shell for shell in _SHELLS if os.path.exists(shell))
        os.execve(shell, [shell, *command], environment)
    missing = error.errno == errno.ENOENT  # its interpreter
    _leave(
        f"{command[0]}: {os.strerror(error.errno or 0)}", _NOT_FOUND if missing else _IS_NO_PROGRAM
    )


def _leave(text: str, status: int) -> NoReturn:
    os.write(1, f"{text}\n".encode("utf-8", "surrogateescape"))
    os._exit(status)


def _first(commands: List[List[str]]) -> Tuple[str, List[str]]:
    """The first whose program is there; FileNotFoundError where none is."""
    for command in commands:
        if os.path.exists(command[0]) or len(commands) == 1:
            return command[0], command
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _check_machine(path: str, architecture: str) -> None:
    """Raise ENOEXEC for machine code of another architecture than the function's, as on AWS.

    The host may well run it, by its processor or an emulator.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_MACHINE_AT.stop)
    except OSError:
        return  # exec knows why
    if head.startswith(b"\x7fELF") and _MACHINES.get(head[_MACHINE_AT]) != architecture:
        raise OSError(errno.ENOEXEC, os.strerror(errno.ENOEXEC), path)


def _in_image(settings: Dict[str, Any]) -> Tuple[str, List[str]]:
    """The image's program, looked for in its PATH where it is a bare name; in its directory."""
    try:
        os.chdir(settings["directory"])
    except OSError as error:
        raise NoDirectory(error.errno, error.strerror, settings["directory"]) from None
    command = settings["commands"][0]
    if "/" in command[0]:
        return command[0], command
    for folder in settings["environment"].get("PATH", "").split(":"):
        path = os.path.join(folder, command[0])
        if command[0] and os.path.isfile(path) and os.access(path, os.X_OK):
            return path, command
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])


def describe(settings: Dict[str, Any], error: OSError) -> Dict[str, str]:
    """Why there is no such process, in the words of AWS's own agent (written in Go)."""
    if isinstance(error, NoDirectory):
        text = f"chdir {error.filename}: {os.strerror(error.errno or 0).lower()}"
        return {"errorType": "Runtime.InvalidWorkingDir", "errorMessage": text}
    if error.filename is not None and "/" not in error.filename:
        text = f'exec: "{error.filename}": executable file not found in $PATH'
    elif error.filename is None:
        paths = " ".join(command[0] for command in settings["commands"])
        text = f"Couldn't find valid bootstrap(s): [{paths}]"
    else:
        text = f"fork/exec {error.filename}: {os.strerror(error.errno or 0).lower()}"
    kind = settings.get("launch_error", "Runtime.InvalidEntrypoint")
    return {"errorType": kind, "errorMessage": text}
