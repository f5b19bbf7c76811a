"""Hostile functions in container images, for whose root nothing of the host is needed."""

from __future__ import annotations

from typing import Any

from tests.escape.servers import PROGRAMS, World
from tests.escape.test_host import files_event, strangers, what_goes
from tests.escape.test_kernel import FILES_REFUSED
from tests.images.building import build, write_layout
from tests.images.programs import base_layer, python_client_layer, python_layer


def run(world: World, program: str, event: Any = None) -> Any:
    """The result of a program of `programs`, as the function of an image."""
    name = f"image-{program}"
    layout = world.folder / "layout"
    if not layout.exists():
        programs = {path.name: path.read_text() for path in PROGRAMS.glob("*.py")}
        image = build(
            [base_layer(), python_layer(), python_client_layer(programs)],
            settings={
                "Entrypoint": ["/app/run"],
                "Env": ["PATH=/usr/bin:/bin", "LD_LIBRARY_PATH=/opt/python/lib"],
            },
        )
        write_layout(layout, {"v1": image})
    if name not in world.deployed:
        world.deploy_image(name, f"oci:{layout}:v1", Command=[program])
    return world.result(name, event)


def test_a_function_of_an_image_reads_nothing_of_the_host_the_server_or_other_functions(
    world: World,
) -> None:
    files = run(world, "host_files", files_event(world))
    readable = {path: seen for path, seen in files["paths"].items() if seen in ("read", "listed")}
    assert not readable, f"readable: {readable}"
    assert files["named"] == []
    assert files["in_memory"] == []
    for outcome in files["planted"].values():
        assert outcome == "ENOENT", "a link in /tmp led to the host's file"
    for secret in (world.canary.value, world.other.value):
        assert secret not in str(files["environ"]) + str(files["environment"])


def test_a_function_of_an_image_leads_no_system_call_out(world: World) -> None:
    found = run(world, "kernel")
    for group in ("mounting", "namespaces", "others", "kernel"):
        for name, outcome in found[group].items():
            assert outcome == ("ENOSYS" if name.startswith("clone3") else "EPERM"), name
    for name, outcome in found["files"].items():
        assert outcome in FILES_REFUSED, f"{name} answered {outcome}"
    assert {found["status"][name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
    assert "0" not in found["status"]["Uid"].split()


def test_a_function_of_an_image_writes_nowhere_but_in_tmp(world: World) -> None:
    found = run(world, "writing")
    for what in ("made", "changed", "removed", "modes"):
        for path, outcome in found[what].items():
            assert outcome in FILES_REFUSED | {"EISDIR"}, f"{path} was {what}: {outcome}"
    assert found["tmp"] == "done"


def test_a_function_of_an_image_sees_and_signals_only_its_own_processes(world: World) -> None:
    found, gone = what_goes(world, lambda: run(world, "processes", {"strangers": strangers(world)}))
    assert set(found["listed"]) == {"1"}
    for what in ("killed", "killed_groups", "pidfd", "priority", "affinity"):
        assert set(found[what].values()) == {"ESRCH"}, (what, found[what])
    assert not gone, f"processes of the server or of others were killed: {gone}"
