"""Runs other programs of this folder for a function in another language: JSON in, JSON out."""

import importlib
import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from attempts import attempt, syscall


def answer(event):
    """Program → what it found, of those that the event names."""
    found = {}
    for name, given in event.items():
        program = probe if name == "strangers" else importlib.import_module(name).handler
        found[name] = program(given, None)
    return found


def probe(strangers, context):
    """As processes.py, without what ends the process that asks where that is not the first one."""
    return {
        "listed": {pid: parent(pid) for pid in os.listdir("/proc") if pid.isdigit()},
        "open": {name: target("/proc/1/fd/" + name) for name in os.listdir("/proc/1/fd")},
        "killed": {str(pid): attempt(os.kill, pid, signal.SIGKILL) for pid in strangers},
        "killed_groups": {str(pid): attempt(os.kill, -pid, signal.SIGKILL) for pid in strangers},
        "pidfd": {str(pid): syscall(434, 434, pid, 0) for pid in strangers},
        "priority": {str(p): attempt(os.setpriority, os.PRIO_PROCESS, p, 19) for p in strangers},
        "affinity": {str(pid): attempt(os.sched_setaffinity, pid, {0}) for pid in strangers},
    }


def parent(pid):
    with open("/proc/" + pid + "/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def target(path):
    try:
        return os.readlink(path)
    except OSError as error:
        return type(error).__name__


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin)), sys.stdout)
