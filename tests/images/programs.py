"""A base layer of the host's own shell, curl and the like, with the libraries that they need."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

from .building import Entry, file, folder, link, tar

PROGRAMS = ("sh", "curl", "cat", "grep", "tr", "cut", "ls", "env", "id", "sleep")
PYTHON = "/opt/python/bin/python3"
_NOT_NEEDED = {"__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib"}
_LIBRARY = re.compile(r"(/\S+) \(0x")

RUNTIME = r"""#!/bin/sh
# Answers with what the shell commands in the event say.
set -u
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while true; do
  EVENT=$(curl -sSL -D /tmp/headers "$API/invocation/next") || exit 1
  ID=$(grep -i Lambda-Runtime-Aws-Request-Id /tmp/headers | tr -d '[:space:]' | cut -d: -f2)
  COMMAND=$(echo "$EVENT" | cut -d'"' -f2)
  RESULT=$(eval "$COMMAND" 2>&1 | tr '\n"\\\t' '|   ')
  curl -sS "$API/invocation/$ID/response" -d "\"$RESULT\"" > /dev/null
done
"""

CLIENT = """#!{python} -I
import http.client, json, os, sys
sys.path.insert(0, "/app")
app = __import__(sys.argv[1])
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
path = "/2018-06-01/runtime/invocation/"
while True:
    api.request("GET", path + "next")
    event = api.getresponse()
    request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
    result = app.handler(json.loads(event.read()), None)
    api.request("POST", path + request_id + "/response", json.dumps(result))
    api.getresponse().read()
"""


@functools.cache
def base_layer() -> bytes:
    paths: dict[str, str] = {}
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found is not None, f"{name} is not on this host"
        paths[f"/usr/bin/{name}"] = found
    entries: list[Entry] = [folder("bin"), link("bin/sh", "../usr/bin/sh"), folder("tmp", 0o1777)]
    return tar(*entries, *_files({**paths, **_libraries(paths.values())}))


@functools.cache
def python_layer() -> bytes:
    """The interpreter that runs the tests, with its standard library, in /opt/python."""
    executable = os.path.realpath(sys.executable)
    library = Path(sysconfig.get_paths()["stdlib"])
    paths = {PYTHON: executable}
    for path in sorted(library.rglob("*")):
        relative = path.relative_to(library)
        if path.is_file() and not _NOT_NEEDED & set(relative.parts):
            paths[f"/opt/python/lib/{library.name}/{relative}"] = str(path)
    programs = [path for path in paths.values() if path == executable or path.endswith(".so")]
    return tar(*_files({**paths, **_libraries(programs)}))


def program_layer(path: str, source: str) -> bytes:
    """One program of the host's, with the libraries that it needs."""
    return tar(*_files({path: source, **_libraries([source])}))


def python_client_layer(files: Mapping[str, str | bytes]) -> bytes:
    """Functions in Python: `files` in /app; of the module named by Cmd `handler` is called."""
    run = CLIENT.format(python=PYTHON)
    entries = [file("app/run", run, 0o755), file("etc/passwd", "a:x:1:1::/:\n" * 3)]
    return tar(*entries, *(file(f"app/{name}", text) for name, text in files.items()))


def _files(paths: Mapping[str, str]) -> list[Entry]:
    """`paths`: where in the image → where on the host."""
    return [
        file(path, Path(os.path.realpath(source)).read_bytes(), 0o755)
        for path, source in sorted(paths.items())
    ]


def _libraries(programs: Iterable[str]) -> dict[str, str]:
    """Where the loader looks → where on the host; an interpreter's own in /opt/python/lib."""
    ran = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True)
    own = sys.base_prefix if sys.base_prefix != "/usr" else "/none"
    return {
        f"/opt/python/lib/{os.path.basename(path)}" if path.startswith(own) else path: path
        for path in _LIBRARY.findall(ran.stdout)
    }


def runtime_layer(greeting: str) -> bytes:
    """A runtime in /app that says something in its log each time."""
    script = RUNTIME.replace("  RESULT", f'  echo {greeting} "$@"\n  RESULT', 1)
    return tar(
        folder("app"),
        file("app/run", script, 0o755),
        file("app/greeting", greeting),
        file("app/sudo", "x", 0o4755),
    )
