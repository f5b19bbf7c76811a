"""Leaves traps in /tmp, ends, and looks in its next life whether one of them caught anybody."""

import os
import shutil

from attempts import attempt


def handler(event, context):
    if "secret" in event:
        for name in ("passwd", "etc", "link"):
            os.symlink(event["secret"], "/tmp/" + name)
        shutil.copy("/proc/self/exe", "/tmp/program")
        os.chmod("/tmp/program", 0o6755)
        attempt(os.mknod, "/tmp/device", 0o60666, os.makedev(254, 0))
        os.mkfifo("/tmp/fifo")
        with open("/tmp/running", "w") as file:
            file.write("x")
        if os.fork() == 0:
            while True:
                os.utime("/tmp/running")
        attempt(os.chmod, "/tmp", 0)
        os._exit(1)
    attempt(os.chmod, "/tmp", 0o700)
    names = sorted(os.listdir("/tmp"))
    with open("/proc/self/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    with open("/proc/self/mounts") as mounts:
        tmp = [line.split()[3] for line in mounts if line.split()[1] == "/tmp"]
    with open("/etc/passwd") as passwd:
        users = passwd.read().count("\n")
    return {
        "names": names,
        "read": [attempt(open, "/tmp/" + name) for name in names if os.path.islink("/tmp/" + name)],
        "descriptors": [os.readlink("/proc/self/fd/" + name) for name in OPEN],
        "caps": fields["CapEff"].strip().strip("0"),
        "uids": len(set(fields["Uid"].split())),
        "no_new_privs": fields["NoNewPrivs"].strip(),
        "processes": [name for name in os.listdir("/proc") if name.isdigit()],
        "tmp": tmp,
        "users": users,
    }


OPEN = [name for name in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + name)]
