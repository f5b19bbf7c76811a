"""Where a hostile function connects to: its own endpoint answers, nothing else of the host does."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.escape.servers import World

REFUSED = {"ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "no answer", "EACCES", "EPERM"}
METADATA = ("169.254.169.254", 80)


@contextlib.contextmanager
def host_listener() -> Iterator[socket.socket]:
    """A service of the host's on all of its addresses."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        listener.setblocking(False)
        yield listener


def host_address() -> str:
    """The host's own address towards the outside; its loopback where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(one.getsockname()[0])


def test_the_hosts_services_cannot_be_reached_and_lambents_endpoint_can(world: World) -> None:
    own = world.result("listener", {"do": "listen", "port": 8999}, program="network")["address"]
    with host_listener() as listener:
        port = listener.getsockname()[1]
        hosts = ["127.0.0.1", "127.0.0.2", host_address(), "0.0.0.0"]
        if own:
            hosts.append(gateway_of(own))
        targets = [(host, one) for host in hosts for one in (port, world.server.port)]
        found = world.result("network", {"do": "connect", "targets": [*targets, METADATA]})
        reached = {name: seen for name, seen in found["tcp"].items() if seen not in REFUSED}
        assert not reached, f"reached: {reached}"
        try:
            listener.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError("a connection came to a service of the host")
    assert found["endpoint"] == 200, "AWS_ENDPOINT_URL does not answer"


def test_a_network_is_there_only_where_the_report_says_so(world: World) -> None:
    found = world.result("network", {"do": "connect", "targets": []})
    outbound = set(found["interfaces"]) - {"lo"}
    assert bool(outbound) == world.enforces("network"), (outbound, world.report["network"])


def test_another_environment_cannot_be_reached(world: World) -> None:
    port = 9999
    listener = world.result("listener", {"do": "listen", "port": port}, program="network")
    address = listener["address"] or "127.0.0.1"
    found = world.result("network", {"do": "connect", "targets": [(address, port)]})
    assert set(found["tcp"].values()) <= REFUSED, found["tcp"]
    heard = world.result("listener", {"do": "heard"})
    assert heard == {"tcp": "nothing", "udp": "nothing"}


def test_a_flood_of_connections_leaves_the_host_room_for_its_own(world: World) -> None:
    """A full connection tracking table would cut the host off."""
    if not world.enforces("network"):
        return
    tracking = Path("/proc/sys/net/netfilter")
    most = int((tracking / "nf_conntrack_max").read_text())
    before = int((tracking / "nf_conntrack_count").read_text())
    options = {"program": "network", "MemorySize": 1769, "Timeout": 30}
    world.result("network-flood", {"do": "flood", "count": most // 2}, **options)
    added = int((tracking / "nf_conntrack_count").read_text()) - before
    assert added < most * 2 // 5, f"{added} of {most} places for connections were taken"


def gateway_of(address: str) -> str:
    """The host's end of a sandbox's /31."""
    first, last = address.rsplit(".", 1)
    return f"{first}.{int(last) ^ 1}"
