"""Lists the descriptors that it inherited and tries to reach sockets through them."""

import os
import socket
import struct
import subprocess

from attempts import attempt

LIST = "import os, json; print(json.dumps(sorted(os.listdir('/proc/self/fd'))))"


def handler(event, context):
    kept = socket.socket(fileno=os.dup(3))
    credentials = kept.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    peer = kept.getpeername()
    kept.close()
    return {
        "open": descriptors(),
        "in_subprocess": subprocess.check_output(
            ["/var/lang/bin/python3", "-c", LIST], close_fds=False, text=True
        ),
        "peer_pid": struct.unpack("iii", credentials)[0],
        "peer_name": repr(peer),
        "reopened_channel": attempt(os.open, "/proc/self/fd/3", os.O_RDWR),
        "unix": {name: attempt(connect, name) for name in event["unix"]},
        "listed_sockets": open("/proc/net/unix").read(),
    }


def descriptors():
    """What each descriptor is, without the one that lists them."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink("/proc/self/fd/" + name)
        except OSError:
            pass
    return found


def connect(name):
    """To a Unix socket; `@` stands for the zero byte of an abstract one."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        one.settimeout(1)
        one.connect("\0" + name[1:] if name.startswith("@") else name)
    finally:
        one.close()
