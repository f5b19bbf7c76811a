"""What every hostile program uses: an attempt and its outcome in one word."""

import ctypes
import errno
import os
import platform
import signal

libc = ctypes.CDLL(None, use_errno=True)
X86 = platform.machine() == "x86_64"


def attempt(action, *arguments):
    """`done`, or the name of the error that refused it."""
    try:
        action(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    except Exception as error:
        return type(error).__name__
    return "done"


def syscall(number_x86, number_arm, *arguments):
    """The outcome of a raw system call; texts and buffers are passed by address."""
    number = number_x86 if X86 else number_arm
    kept = [one.encode() if isinstance(one, str) else one for one in arguments]
    given = [ctypes.c_long(one) if isinstance(one, int) else one for one in kept]
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *given)
    if result >= 0:
        return "done"
    return errno.errorcode[ctypes.get_errno()]


def in_child(action):
    """How a forked child ended that did `action`: `exit N` or `signal NAME`."""
    pid = os.fork()
    if pid == 0:
        try:
            action()
        finally:
            os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return "signal " + signal.Signals(os.WTERMSIG(status)).name
    return "exit " + str(os.WEXITSTATUS(status))


def set_marker(name):
    """A name of this process that the host can find, at most 15 characters."""
    libc.prctl(15, name.encode(), 0, 0, 0)
