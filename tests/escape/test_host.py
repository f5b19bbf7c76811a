"""The host's files, processes, descriptors and settings, as hostile functions look for them."""

from __future__ import annotations

import os
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lambent
from tests.escape.servers import World
from tests.system.host import Process, descendants, environments, zygotes

TRIES = 5
KNOWN = ("LANG", "TZ", "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PWD", "SHLVL", "LC_CTYPE")


@pytest.fixture
def files(world: World) -> Any:
    """What one function finds that looks for everything."""
    return world.result("host_files", files_event(world))


def files_event(world: World) -> dict[str, Any]:
    """Where it shall look."""
    secret = str(world.secret_file)
    paths = [
        *("/etc/shadow", "/etc/hostname", "/root", "/home", "/work", "/run", "/sys", "/boot"),
        *("/var/lib", "/var/log", "/var/rapid/store", "/var/rapid/proc", "/mnt", "/srv"),
        *(str(world.server.data_dir), str(Path(lambent.__file__).parent), str(world.folder)),
        *(
            secret,
            f"/proc/1/root{secret}",
            f"/proc/self/root{secret}",
            f"/proc/self/cwd/..{secret}",
        ),
        *(f"/proc/{pid}/{name}" for pid in strangers(world) for name in ("environ", "root", "mem")),
        *("/dev/vda", "/dev/mem", "/dev/shm", "/proc/kcore", "/tmp"),
    ]
    return {
        "paths": paths,
        "file_name": world.file_name,
        "secret": secret,
        "needles": {"canary": world.canary.halves, "other": world.other.halves},
    }


def strangers(world: World) -> list[int]:
    """Processes that exist and are none of a function's business."""
    pid = world.server.pid
    return [pid, *zygotes(pid), *environments(pid)[:2], os.getpid()]


def what_goes(world: World, attack: Callable[[], Any]) -> tuple[Any, set[Process]]:
    """What the attack found, and which processes of the server went while it ran.

    A server lets a parked sandbox go once in a while, and what it starts has helpers that end: the
    attack is made again then. One that could kill others would do so each time.
    """
    for _ in range(TRIES):
        alive = descendants(world.server.pid)
        found = attack()
        gone = alive - descendants(world.server.pid)
        if not gone:
            break
    return found, gone


def test_a_function_reads_nothing_of_the_host_the_server_or_other_functions(
    world: World, files: Any
) -> None:
    readable = {path: seen for path, seen in files["paths"].items() if seen in ("read", "listed")}
    assert not readable, f"readable: {readable}"
    assert files["named"] == [], "a file of the host or of another function was found"
    for link, outcome in files["planted"].items():
        assert outcome == "ENOENT", f"a link in /tmp ({link}) led to the host's file"
    assert files["passwd"].count("\n") == 3, "the list of users is the sandbox's own"


def test_the_servers_environment_and_other_functions_variables_are_not_there(
    world: World, files: Any
) -> None:
    for secret in (world.canary.value, world.other.value):
        assert secret not in str(files["environ"]), "in an environment block of /proc"
        assert secret not in str(files["environment"]), "in the function's environment"
    assert files["in_memory"] == [], "left in memory that was inherited from the server"
    inherited = [
        name for name in files["environment"] if not name.startswith(("AWS_", "_", "LAMBDA_"))
    ]
    assert set(inherited) <= set(KNOWN), inherited


def test_links_that_a_function_leaves_in_tmp_lead_the_server_nowhere(
    world: World, files: Any
) -> None:
    """Nothing of the server follows them: the function's code is still what was deployed."""
    client = world.server.client("lambda")
    location = client.get_function(FunctionName="host_files")["Code"]["Location"]
    with urllib.request.urlopen(location, timeout=60) as answer:
        assert answer.read(2) == b"PK"
    assert world.secret_file.read_text() == "of the host"


def test_a_function_sees_and_signals_only_its_own_processes(world: World) -> None:
    before = world.result("neighbour")["instance"]
    found, gone = what_goes(
        world, lambda: world.result("processes", {"strangers": strangers(world)})
    )
    assert set(found["listed"]) == {"1"}, f"other processes are listed: {found['listed']}"
    assert found["own"] == [1, 0]
    for what in ("killed", "killed_groups", "pidfd", "priority", "affinity"):
        assert set(found[what].values()) == {"ESRCH"}, (what, found[what])
    assert found["session"] == [1, 1], "it shares a session or group with processes outside"
    assert found["group_killed"] == "signal SIGKILL"
    assert found["faster"] in ("EPERM", "EACCES")
    assert world.result("neighbour")["instance"] == before, "the neighbour was killed"
    assert not gone, f"processes of the server or of others were killed: {gone}"
    for pid in zygotes(world.server.pid):
        assert os.getpriority(os.PRIO_PROCESS, pid) == 0, "a process outside was slowed"


def test_a_function_inherits_its_streams_and_its_channel_only(world: World) -> None:
    address = f"@lambent-escape-{world.marker}"
    path = str(world.folder / "socket")
    with socket.socket(socket.AF_UNIX) as abstract, socket.socket(socket.AF_UNIX) as named:
        abstract.bind("\0" + address[1:])
        abstract.listen()
        named.bind(path)
        named.listen()
        os.chmod(path, 0o777)
        event = {"unix": [address, path, "/run/dbus/system_bus_socket", "/var/run/docker.sock"]}
        found = world.result("descriptors", event)
    assert set(found["open"]) == {"0", "1", "2", "3"}, found["open"]
    assert found["open"]["0"] == "/dev/null"
    assert found["open"]["1"].startswith("pipe:")
    assert found["open"]["2"] == found["open"]["1"]
    assert found["open"]["3"].startswith("socket:")
    assert found["in_subprocess"].strip() == '["0", "1", "2", "3"]'  # 3 is of its own listing
    assert found["peer_pid"] == 0, "the process at the other end has a name inside"
    assert found["reopened_channel"] == "ENXIO"
    assert "done" not in found["unix"].values(), found["unix"]
    assert address[1:] not in found["listed_sockets"], "the host's sockets are listed"
