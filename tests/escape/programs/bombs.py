"""Takes as much as it can get of one thing, named by the event."""

import ctypes
import mmap
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from attempts import libc, set_marker

MIB = 1024 * 1024
TAKE = (
    "held = []\nwhile len(held) < {limit}: held.append(bytearray(b'x' * 2**20))\nprint(len(held))\n"
)


def handler(event, context):
    return globals()[event["bomb"]](event)


def processes(event):
    """Forks until it is stopped, in every process."""
    set_marker(event["marker"])
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.05)


def memory(event):
    held = []
    while len(held) < event["limit_mib"]:
        held.append(bytearray(b"x" * MIB))
    return len(held)


def memory_in_a_subprocess(event):
    program = TAKE.format(limit=event["limit_mib"])
    done = subprocess.run(
        [sys.executable or "/var/lang/bin/python3", "-c", program], capture_output=True, text=True
    )
    return {"code": done.returncode, "said": done.stdout, "error": done.stderr[-300:]}


def shared_memory(event):
    """Pages of a file in memory, which are nobody's own."""
    size = event["limit_mib"] * MIB
    if event["by"] == "mmap":
        pages = mmap.mmap(-1, size)
        for at in range(0, size, 4096):
            pages[at] = 1
    else:
        descriptor = os.memfd_create("bomb")
        for _ in range(event["limit_mib"]):
            os.write(descriptor, b"x" * MIB)
    return size


def disk(event):
    """Fills /tmp; how much it took and what ended it."""
    written, block = 0, b"x" * MIB
    path = "/tmp/fill"
    try:
        with open(path, "wb", buffering=0) as file:
            while written < event["limit_mib"] * MIB:
                written += file.write(block)
    except OSError as error:
        return {"mib": written // MIB, "error": error.errno}
    finally:
        os.unlink(path)
    return {"mib": written // MIB, "error": 0}


def files(event):
    """As many empty files as it can have."""
    made = 0
    try:
        while made < event["limit"]:
            os.mknod(f"/tmp/{made}")
            made += 1
    except OSError as error:
        return {"made": made, "error": error.errno}
    return {"made": made, "error": 0}


def descriptors(event):
    """Opens files, sockets and pipes until it gets no more, in several processes at once."""
    workers = []
    for _ in range(event["processes"]):
        ours, theirs = os.pipe()
        if os.fork() == 0:
            os.close(ours)
            os.write(theirs, f"{open_all()} ".encode())
            time.sleep(60)
            os._exit(0)
        os.close(theirs)
        workers.append(ours)
    return [int(os.read(worker, 100)) for worker in workers]


def open_all():
    count = 0
    try:
        while count < 100_000:
            os.dup(0)
            count += 1
    except OSError:
        pass
    return count


def connections(event):
    """Opens connections to Lambent's endpoint, in several processes, and says nothing on them."""
    workers = []
    for _ in range(event["processes"]):
        ours, theirs = os.pipe()
        if os.fork() == 0:
            held = connect_until_refused()
            os.write(theirs, f"{len(held)} ".encode())
            time.sleep(60)
            os._exit(0)
        os.close(theirs)
        workers.append(ours)
    counts = [int(os.read(worker, 100)) for worker in workers]
    time.sleep(event["hold_s"])
    return counts


def connect_until_refused():
    """For 3 s; a full queue drops a connection and is tried again."""
    held = []
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        try:
            held.append(socket.create_connection(("127.0.0.1", 4566), 0.2))
        except TimeoutError:
            continue
        except OSError:
            break
    return held


def processor(event):
    """Busy in many processes and threads, until it is stopped."""
    set_marker(event["marker"])
    for _ in range(event["processes"] - 1):
        if os.fork() == 0:
            break
    for _ in range(3):
        threading.Thread(target=spin, daemon=True).start()
    spin()


def spin():
    while True:
        pass


def log(event):
    """Prints without end, in the way that the event says."""
    line = "flood " * 20
    if event["by"] == "raw":
        data = (line + "\n").encode() * 500
        while True:
            os.write(1, data)
    if event["by"] == "one line":
        while True:
            sys.stdout.write(line)
    if event["by"] == "subprocess":
        subprocess.run(["yes", line])
    while True:
        print(line)


def stack(event):
    """Runs over its own stack in C."""
    sys.setrecursionlimit(10**9)
    ctypes.memset(0, 1, 1)


def outlive(event):
    """Goes on when its parent is gone: without the signal that the parent's death sends."""
    set_marker(event["marker"])
    libc.prctl(1, 0, 0, 0, 0)
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    spin()
