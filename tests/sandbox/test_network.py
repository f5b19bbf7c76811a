"""The network of sandboxes as root, in a world of namespaces of its own (network_world.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces: needs root"),
]


def play(*arguments: str) -> dict[str, Any]:
    """Run the world in a process of its own, since it leaves this network namespace for good."""
    program = Path(__file__).with_name("network_world.py")
    done = subprocess.run(
        [sys.executable, str(program), *arguments], stdout=subprocess.PIPE, timeout=240, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def reached() -> dict[str, Any]:
    return play("reach")


def test_a_sandbox_reaches_the_outside_by_the_hosts_address(reached: dict[str, Any]) -> None:
    assert reached["reached"]["outside"] == "198.51.100.2"


def test_names_are_resolved_outside_and_on_the_host(reached: dict[str, Any]) -> None:
    assert reached["reached"]["dns"] == "198.51.100.2"
    assert reached["reached"]["dns on the host"] == "10.213.0.3"


def test_a_sandbox_reaches_its_own_loopback(reached: dict[str, Any]) -> None:
    assert reached["reached"]["own loopback"] == "127.0.0.1"


@pytest.mark.parametrize(
    "target",
    [
        "host by its uplink",
        "host by the gateway",
        "host by its dns address",
        "the other sandbox",
        "metadata",
    ],
)
def test_a_sandbox_does_not_reach(reached: dict[str, Any], target: str) -> None:
    assert reached["reached"][target] is None


def test_the_host_does_not_reach_into_a_sandbox(reached: dict[str, Any]) -> None:
    assert reached["sandbox from the host"] is None


def test_the_table_of_a_dead_server_is_removed_at_the_start(reached: dict[str, Any]) -> None:
    assert reached["tables"] is True


def test_nothing_is_left_behind_and_forwarding_is_as_before(reached: dict[str, Any]) -> None:
    assert reached["tables_after"] == []
    assert (reached["forwarding_before"], reached["forwarding_after"]) == ("0", "0")


def test_the_report_tells_that_forwarding_was_switched_on(reached: dict[str, Any]) -> None:
    ((enforced, how, hint),) = reached["report"]
    assert enforced
    assert "10.213.0.0/16" in how
    assert "ip_forward was switched on" in how
    assert hint == ""


def test_a_range_in_use_by_a_route_or_another_server_is_left_alone() -> None:
    found = play("two-servers")
    assert found["range"] == "10.215.0.0/16"
    assert found["tables"] == ["lambent_1", "other"]


def test_a_firewall_of_the_host_that_drops_forwarded_packets_is_reported() -> None:
    ((enforced, hint),) = play("two-servers")["report"]
    assert not enforced
    assert "table other, chain FORWARD" in hint
    assert "iptables -I FORWARD -i lmb+ -j ACCEPT" in hint


def test_a_hundred_sandboxes_are_attached_at_once_for_little() -> None:
    found = play("many", "100")
    assert found["addresses"] == 100
    assert found["cpu_ms"] < 4, "0.45 on an idle machine"
