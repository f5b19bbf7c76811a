"""Hostile functions in every language: one probe, run from a process of each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.escape.languages import LANGUAGES, deploy, runtime_of
from tests.escape.servers import World
from tests.escape.test_host import files_event, strangers, what_goes
from tests.escape.test_kernel import FILES_REFUSED, NONE

OPEN_WITHIN = ("/dev/null", "/dev/urandom", "/proc/", "/sys/", "/tmp/", "/usr/", "/var/", "/opt/")
NAMELESS = ("pipe:", "socket:", "anon_inode:", "/memfd:")


@pytest.fixture(params=list(LANGUAGES))
def found(request: pytest.FixtureRequest, world: World) -> dict[str, Any]:
    """All that a function of the language found; it is asked once."""
    language: str = request.param
    if language not in world.probed:
        runtime = runtime_of(world, language)
        if runtime is None:
            pytest.skip(f"this host has no {language} for that user")
        deploy(world, language, runtime)

        def probe() -> dict[str, Any]:
            event = {"strangers": strangers(world), "host_files": files_event(world)}
            seen: dict[str, Any] = world.result(
                language, {**event, "kernel": None, "writing": None}
            )
            return seen

        seen, gone = what_goes(world, probe)
        world.probed[language] = {**seen, "gone": sorted(gone)}
    return world.probed[language]


def test_in_every_language_nothing_of_the_host_the_server_or_other_functions_is_read(
    world: World, found: dict[str, Any]
) -> None:
    files = found["host_files"]
    readable = {path: seen for path, seen in files["paths"].items() if seen in ("read", "listed")}
    readable.pop("/tmp", None)  # its own, where some languages leave something
    assert not readable, f"readable: {readable}"
    assert files["named"] == []
    assert files["in_memory"] == []
    assert set(files["planted"].values()) == {"ENOENT"}, "a link in /tmp led to the host's file"
    for secret in (world.canary.value, world.other.value):
        assert secret not in str(files["environ"]) + str(files["environment"])
    assert "LAMBENT" not in "".join(files["environment"])


def test_in_every_language_no_system_call_leads_out_and_no_privilege_is_left(
    world: World, found: dict[str, Any]
) -> None:
    kernel = found["kernel"]
    for group in ("mounting", "namespaces", "others", "kernel"):
        for name, outcome in kernel[group].items():
            expected = "ENOSYS" if name.startswith("clone3") else "EPERM"
            assert outcome == expected, f"{group}: {name} answered {outcome}"
    for name, outcome in kernel["files"].items():
        assert outcome in FILES_REFUSED, f"{name} answered {outcome}"
    status = kernel["status"]
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {NONE}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "0" not in status["Uid"].split() + status["Groups"].split()


def test_in_every_language_code_programs_and_settings_are_read_only(
    world: World, found: dict[str, Any]
) -> None:
    writing = found["writing"]
    for what in ("made", "changed", "removed", "modes"):
        for path, outcome in writing[what].items():
            assert outcome in FILES_REFUSED | {"EISDIR"}, f"{path} was {what}: {outcome}"
    assert writing["tmp"] == "done"


def test_in_every_language_only_own_processes_and_descriptors_are_there(
    world: World, found: dict[str, Any]
) -> None:
    seen = found["strangers"]
    parents = set(seen["listed"].values())
    assert seen["listed"]["1"] == 0
    assert parents <= {0, *(int(pid) for pid in seen["listed"])}, "a parent outside is named"
    for what in ("killed", "killed_groups", "pidfd", "priority", "affinity"):
        assert set(seen[what].values()) == {"ESRCH"}, (what, seen[what])
    assert not found["gone"], f"processes of the server or of others were killed: {found['gone']}"
    for number, target in seen["open"].items():
        if target == "FileNotFoundError":  # by which the list itself was read
            continue
        assert target.startswith(OPEN_WITHIN + NAMELESS), f"descriptor {number} is {target}"
