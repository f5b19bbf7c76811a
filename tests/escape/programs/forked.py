"""Has SnapStart, and acts in the moment in which its fork is not yet jailed again."""

import os
import signal

from attempts import attempt, syscall

SEEN = {}
CLONE_NEWUSER_AND_NET = 0x50000000


def look():
    """Runs in a fork before anything else does; what it found is told by the handler."""
    SEEN["secrets"] = {path: attempt(open, path) for path in PATHS}
    SEEN["killed"] = {str(pid): attempt(os.kill, pid, signal.SIGKILL) for pid in PIDS}
    SEEN["mounted"] = syscall(165, 40, b"/dev/vda", b"/tmp", b"ext4", 0, b"")
    SEEN["namespaces"] = syscall(272, 97, CLONE_NEWUSER_AND_NET)
    SEEN["pivoted"] = syscall(155, 41, b"/tmp", b"/tmp")
    SEEN["device"] = attempt(os.mknod, "/tmp/device", 0o60666, os.makedev(254, 0))
    SEEN["traced"] = syscall(101, 117, 16, 1, 0, 0)


PATHS = os.environ["PATHS"].split(",")
PIDS = [int(pid) for pid in os.environ["PIDS"].split(",")]
os.register_at_fork(after_in_child=look)


def handler(event, context):
    with open("/proc/self/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return {"seen": SEEN, "caps": fields["CapEff"].strip(), "bound": fields["CapBnd"].strip()}
