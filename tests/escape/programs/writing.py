"""Writes wherever code, programs and settings lie."""

import os

from attempts import attempt

FOLDERS = (
    "/",
    "/bin",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/opt",
    "/proc",
    "/root",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/var",
    "/var/lang",
    "/var/lang/bin",
    "/var/lang/lib",
    "/var/rapid",
    "/var/runtime",
    "/var/task",
    "/var/tmp",
)
FILES = (
    "/etc/passwd",
    "/etc/resolv.conf",
    "/var/task/app.py",
    "/var/runtime/bootstrap.py",
    "/usr/bin/env",
    "/bin/sh",
)


def handler(event, context):
    python = os.path.realpath("/var/lang/bin/python3")
    return {
        "made": {folder: attempt(make, folder) for folder in FOLDERS},
        "changed": {path: attempt(change, path) for path in (*FILES, python)},
        "removed": {path: attempt(os.unlink, path) for path in FILES},
        "modes": {path: attempt(os.chmod, path, 0o777) for path in (*FILES, "/dev/null")},
        "tmp": attempt(make, "/tmp"),
    }


def make(folder):
    with open(folder + "/escape-made", "w") as file:
        file.write("mine")


def change(path):
    with open(path, "ab") as file:
        file.write(b"# mine\n")
