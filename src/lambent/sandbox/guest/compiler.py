"""Compiles a deployment's *.py where its code can do no harm.

Two processes of one sandbox: a child in the shut jail compiles into /tmp; then, with that child and
all it may have started gone, the first process copies what lies there to its place in the store. It
never looks into those files. They say `unchecked-hash`: valid as they are, whatever the sources'
times.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import resource
import signal
import stat
import sys
from typing import Any

from . import jail, syscalls

_SOURCE = "/var/task"
_COMPILED_BYTES_MAX = 64 * 1024 * 1024


def run(
    blueprint: jail.Blueprint, settings: dict[str, Any], output_fd: int, has_proc: bool
) -> None:
    """Compile what lies in the folder; what does not compile is left out."""
    jail.mount_code(blueprint, settings)
    sources = _find_sources()
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(output_fd, 1)
            os.dup2(output_fd, 2)
            syscalls.close_from(3)
            resource.setrlimit(resource.RLIMIT_CPU, (settings["seconds_max"],) * 2)
            jail.shut(blueprint, settings, has_proc)
            _compile(sources)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    try:
        os.kill(-1, signal.SIGKILL)  # all but ourselves, who are the first process here
    except ProcessLookupError:
        pass
    syscalls.make_writable(_SOURCE)
    for number, source in enumerate(sources):
        _copy_compiled("/tmp/{}.pyc".format(number), importlib.util.cache_from_source(source))


def _find_sources() -> list[str]:
    found: list[str] = []
    for folder, _, names in os.walk(_SOURCE):
        found += [os.path.join(folder, name) for name in names if name.endswith(".py")]
    return sorted(found)


def _compile(sources: list[str]) -> None:
    sys.dont_write_bytecode = True
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for number, source in enumerate(sources):
        target = "/tmp/{}.pyc".format(number)
        try:
            py_compile.compile(source, cfile=target, doraise=True, invalidation_mode=mode)
        except (py_compile.PyCompileError, OSError, ValueError, RecursionError, MemoryError):
            pass  # it fails again, and visibly, when the function imports it


def _copy_compiled(result: str, target: str) -> None:
    """Copy a regular file and nothing else; one that the deployment brought along stays."""
    try:
        source_fd = os.open(result, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    with open(source_fd, "rb") as source:
        status = os.fstat(source_fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _COMPILED_BYTES_MAX:
            return
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            target_fd = os.open(target, flags, 0o644)
        except OSError:
            return
        with open(target_fd, "wb") as copy:
            copy.write(source.read(_COMPILED_BYTES_MAX))
