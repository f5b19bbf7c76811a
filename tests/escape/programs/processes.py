"""Looks for processes that are not its own, and signals whatever it can name."""

import os
import signal

from attempts import attempt, in_child, syscall


def handler(event, context):
    strangers = event["strangers"]
    return {
        "listed": {pid: cmdline(pid) for pid in os.listdir("/proc") if pid.isdigit()},
        "own": [os.getpid(), os.getppid()],
        "session": [os.getsid(0), os.getpgid(0)],
        "killed": {str(pid): attempt(os.kill, pid, signal.SIGKILL) for pid in strangers},
        "killed_groups": {str(pid): attempt(os.kill, -pid, signal.SIGKILL) for pid in strangers},
        "pidfd": {str(pid): syscall(434, 434, pid, 0) for pid in strangers},
        "priority": {str(p): attempt(os.setpriority, os.PRIO_PROCESS, p, 19) for p in strangers},
        "affinity": {str(pid): attempt(os.sched_setaffinity, pid, {0}) for pid in strangers},
        "own_group_slowed": attempt(os.setpriority, os.PRIO_PGRP, 0, 1),
        "all_slowed": attempt(os.setpriority, os.PRIO_USER, os.getuid(), 2),
        "all_stopped": in_child(lambda: os.kill(-1, signal.SIGSTOP)),
        "group_killed": in_child(lambda: os.kill(0, signal.SIGKILL)),
        "all_killed": in_child(lambda: os.kill(-1, signal.SIGKILL)),
        "faster": attempt(os.nice, -20),
    }


def cmdline(pid):
    try:
        with open("/proc/" + pid + "/cmdline") as file:
            return file.read().replace("\0", " ")
    except OSError as error:
        return str(error)
