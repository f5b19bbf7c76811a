"""What a hostile function asks of the kernel: refused by it, on the same terms for every user."""

from __future__ import annotations

from typing import Any

import pytest

from tests.escape.servers import RESTORED, World

FILES_REFUSED = {"EACCES", "EPERM", "ENOENT", "EROFS", "ENXIO", "EIO", "ENODEV"}
NONE = "0000000000000000"


@pytest.fixture(params=["started", "restored"])
def found(world: World, request: pytest.FixtureRequest) -> Any:
    if request.param == "restored":
        return world.result("kernel-restored", program="kernel", SnapStart=RESTORED)
    return world.result("kernel")


def test_no_system_call_that_leads_out_is_allowed(world: World, found: Any) -> None:
    for group in ("mounting", "namespaces", "others", "kernel"):
        for name, outcome in found[group].items():
            expected = "ENOSYS" if name.startswith("clone3") else "EPERM"
            assert outcome == expected, f"{group}: {name} answered {outcome}"
    for name, outcome in found["sockets"].items():
        assert outcome == "EPERM", f"socket: {name} answered {outcome}"
    for abi, outcome in found["foreign"].items():
        assert outcome == "signal SIGSYS", f"a call of {abi} ended with {outcome}"


def test_no_privilege_can_be_had_again(world: World, found: Any) -> None:
    for name, outcome in found["privileges"].items():
        assert outcome in ("EPERM", "EACCES", "EINVAL", "ValueError"), f"{name} answered {outcome}"
    status = found["status"]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert status[name] == NONE, f"{name} is {status[name]}"
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert "0" not in status["Uid"].split(), status["Uid"]
    assert "0" not in status["Groups"].split(), status["Groups"]


def test_the_kernels_files_and_devices_are_closed(world: World, found: Any) -> None:
    for name, outcome in found["files"].items():
        assert outcome in FILES_REFUSED, f"{name} answered {outcome}"


def test_code_programs_and_settings_are_read_only(world: World) -> None:
    found = world.result("writing")
    refused = FILES_REFUSED | {"EISDIR"}
    for what in ("made", "changed", "removed", "modes"):
        for path, outcome in found[what].items():
            assert outcome in refused, f"{path} was {what}: {outcome}"
    assert found["made"]["/var/task"] == "EROFS"
    assert found["made"]["/opt"] == "EROFS"
    assert found["tmp"] == "done", "/tmp is there to be written"
