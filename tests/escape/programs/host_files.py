"""Reads what belongs to the host, to the server or to other functions, by every way there is."""

import os

from attempts import attempt

READ_BYTES = 4096


def handler(event, context):
    return {
        "paths": {path: look(path) for path in event["paths"]},
        "named": find_named(event["file_name"]),
        "environ": environ_of_all(),
        "environment": dict(os.environ),
        "in_memory": [name for name, halves in event["needles"].items() if in_memory(*halves)],
        "passwd": open("/etc/passwd").read(),
        "planted": plant(event["secret"]),
    }


def look(path):
    """Why it cannot be read; `read` or `listed` is a hole."""
    if os.path.isdir(path):
        try:
            return "listed" if os.listdir(path) else "empty"
        except OSError as error:
            return type(error).__name__
    return attempt(read, path).replace("done", "read")


def read(path):
    with open(path, "rb") as file:
        file.read(READ_BYTES)


def find_named(name):
    """Where a file of that name is anywhere but in the host's own programs."""
    found = []
    for folder, folders, files in os.walk("/"):
        if folder == "/":
            folders[:] = set(folders) - {"proc", "usr"}
        found += [os.path.join(folder, one) for one in files if one == name]
    return found


def environ_of_all():
    """Every environment block that /proc shows."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/" + entry + "/environ", "rb") as file:
                    found.append(file.read().decode("utf-8", "replace"))
            except OSError:
                pass
    return found


def in_memory(first, second):
    """Whether the two halves stand one after the other anywhere in this process's memory."""
    first, second = first.encode(), second.encode()
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            span, permissions = line.split()[:2]
            if "r" not in permissions or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, OverflowError, ValueError):
                continue
            at = data.find(first)
            while at >= 0:
                if data[at + len(first) : at + len(first) + len(second)] == second:
                    return True
                at = data.find(first, at + 1)
    return False


def plant(secret):
    """Links in /tmp to what is outside: read by us, and left for whoever looks from outside."""
    outcomes = {}
    for name in ("link", "app.py", "bootstrap"):
        path = "/tmp/" + name
        if not os.path.islink(path):
            os.symlink(secret, path)
        outcomes[name] = look(path)
    return outcomes
