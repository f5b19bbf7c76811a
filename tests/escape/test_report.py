"""What the host cannot enforce for this user is said, with the way to get it."""

from __future__ import annotations

from tests.escape.servers import World

ALWAYS = ("filesystem", "processes", "users", "capabilities", "seccomp", "tmp")
BY_CGROUPS = ("memory", "cpu", "pids")


def test_doctor_and_the_running_server_report_the_same_items(world: World) -> None:
    of_server = {item["name"]: item for item in world.health["isolation"]["items"]}
    assert set(of_server) == set(world.report)
    for name, item in of_server.items():
        assert item["enforced"] == world.report[name]["enforced"], name
    assert world.health["isolation"]["as_root"] == (world.user.name == "root")


def test_what_needs_no_privilege_is_enforced_for_every_user(world: World) -> None:
    for name in ALWAYS:
        assert world.enforces(name), world.report[name]


def test_each_item_that_is_not_enforced_says_why_and_how_to_get_it(world: World) -> None:
    for name, item in world.report.items():
        assert item["how"], name
        if not item["enforced"]:
            assert item["hint"], f"{name} is not enforced and nothing says how to get it"


def test_limits_without_cgroups_are_reported_as_what_they_are(world: World) -> None:
    missing = [name for name in BY_CGROUPS if not world.enforces(name)]
    if world.user.name == "root":
        assert not missing, f"root has cgroups here: {missing}"
    if missing:
        fallback = world.report["resource limits"]
        assert "RLIMIT_DATA" in fallback["how"]
        assert "RLIMIT_NPROC" in fallback["how"]
        for name in missing:
            assert "root" in world.report[name]["hint"], world.report[name]
    else:
        assert "resource limits" not in world.report


def test_an_ordinary_users_report_names_the_network_and_the_users_it_has(world: World) -> None:
    network = world.report["network"]
    if world.user.name == "root":
        assert network["enforced"], network
        assert "own uid" in world.report["users"]["how"]
    else:
        assert "slirp4netns" in network["how"] + network["hint"]
        assert "run as root" in world.report["users"]["hint"]
