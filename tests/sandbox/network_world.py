"""A small world of network namespaces, in which `test_network.py` tries the real thing.

Run as a program: it moves to a namespace of its own first, which plays the host, so that the
machine's own network is never touched. Prints one JSON document.

    sandboxes ── (what is tested) ── host 198.51.100.2 ── 198.51.100.1 outside
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from lambent.sandbox import network_veth
from lambent.sandbox import nftables as nft
from lambent.sandbox.guest import interface_up as up

OUTSIDE, HOST, DNS, METADATA = "198.51.100.1", "198.51.100.2", "198.51.100.53", "169.254.169.254"
HOST_DNS = "198.51.100.54"  # a name server that runs on the host itself
PORT = 8080
PROBE_S = 2.0


def unshare_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")


def rtnetlink(*messages: bytes) -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        up.send_all(netlink, list(messages))


def add_address(name: str, address: str, prefix_len: int) -> None:
    index = socket.if_nametoindex(name)
    rtnetlink(
        up.pack_message(up.NEW_LINK, 0, 1, up.pack_link(index, True)),
        up.pack_message(up.NEW_ADDRESS, up.CREATE, 1, up.pack_address(index, address, prefix_len)),
    )


def listen(kind: socket.SocketKind, port: int, address: str = "0.0.0.0") -> socket.socket:
    server = socket.socket(socket.AF_INET, kind)
    server.bind((address, port))
    if kind == socket.SOCK_STREAM:
        server.listen(16)
    return server


def serve(dns_address: str) -> None:
    """Tell every caller by which address it came, on TCP 8080 and 80 and on UDP 53."""
    tcp = [listen(socket.SOCK_STREAM, port) for port in (PORT, 80)]
    udp = listen(socket.SOCK_DGRAM, 53, dns_address)
    print(json.dumps("ready"), flush=True)
    while True:
        for ready in select.select([*tcp, udp], [], [])[0]:
            if ready is udp:
                _query, caller = udp.recvfrom(512)
                udp.sendto(caller[0].encode(), caller)
            else:
                connection, caller = ready.accept()
                connection.sendall(caller[0].encode())
                connection.close()


def outside() -> None:
    unshare_network()
    print(json.dumps("unshared"), flush=True)
    sys.stdin.readline()  # the host has given us eth0
    up.loopback_up()
    for address, prefix_len in ((OUTSIDE, 24), (DNS, 32), (METADATA, 32)):
        add_address("eth0", address, prefix_len)
    serve(DNS)


def inside() -> None:
    """One sandbox: configures itself as told, then serves and tries what it is told to."""
    unshare_network()
    print(json.dumps("unshared"), flush=True)
    told = json.loads(sys.stdin.readline())
    start = time.perf_counter()
    up.configure_interface(*told["interface"])
    configured_ms = (time.perf_counter() - start) * 1e3
    print(json.dumps(configured_ms), flush=True)
    if os.fork() == 0:
        serve("0.0.0.0")
    told = json.loads(sys.stdin.readline())
    with ThreadPoolExecutor(len(told)) as pool:  # most of them wait for an answer in vain
        found = {name: pool.submit(probe, *target) for name, target in told.items()}
    print(json.dumps({name: one.result() for name, one in found.items()}), flush=True)
    sys.stdin.readline()
    os.kill(0, signal.SIGKILL)  # with the one that serves


def probe(kind: str, address: str, port: int) -> str | None:
    """What the other side calls us; None when nothing answers."""
    socket_kind = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, socket_kind) as caller:
        caller.settimeout(PROBE_S)
        try:
            caller.connect((address, port))
            if kind == "udp":
                caller.send(b"?")
            return caller.recv(512).decode()
        except OSError:
            return None


@contextmanager
def actor(role: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, __file__, role],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def say(process: subprocess.Popen[str], text: object) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(text) + "\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@contextmanager
def world() -> Iterator[None]:
    """We become the host; next to us runs the outside."""
    unshare_network()
    network_veth._write_forwarding("0")  # a new namespace has the machine's own setting
    up.loopback_up()
    with actor("outside") as other:
        assert hear(other) == "unshared"
        rtnetlink(network_veth._new_pair("uplink", other.pid))
        add_address("uplink", HOST, 24)
        add_address("lo", HOST_DNS, 32)
        # Only the route back of the metadata address makes its blocking our own doing.
        route = struct.pack("=BBBBBBBBI", socket.AF_INET, 32, 0, 0, 254, 3, 253, 1, 0)
        route += up.pack_attribute(1, socket.inet_aton(METADATA))
        route += up.pack_attribute(4, struct.pack("=I", socket.if_nametoindex("uplink")))
        rtnetlink(up.pack_message(up.NEW_ROUTE, up.CREATE, 1, route))
        say(other, "go")
        assert hear(other) == "ready"
        with actor("host") as ours:
            assert hear(ours) == "ready"
            yield


def tables() -> list[str]:
    firewall = nft.Nftables()
    try:
        return sorted({chain.table for chain in firewall.list_base_chains()})
    finally:
        firewall.close()


def forwarding() -> str:
    with open("/proc/sys/net/ipv4/ip_forward") as file:
        return file.read().strip()


async def reach() -> dict[str, Any]:
    """Two sandboxes: what each reaches, and what is left when all is over."""
    found: dict[str, Any] = {"forwarding_before": forwarding()}
    firewall = nft.Nftables()
    dead = network_veth._chains("10.213.0.0/16", [], nat_name="nat_213_off")
    firewall.create_table("lambent_4999999", dead)
    network_veth._write_forwarding("1")  # as the dead one left it
    firewall.close()
    network = network_veth.VethNetwork()
    await network.start()
    found["tables"] = tables() == [f"lambent_{os.getpid()}"]
    found["report"] = [[item.enforced, item.how, item.hint] for item in network.report_items()]
    with actor("inside") as first, actor("inside") as second:
        addresses = []
        for number, sandbox in enumerate((first, second)):
            assert hear(sandbox) == "unshared"
            guest = await network.attach(f"s{number}", sandbox.pid)
            assert guest is not None
            addresses.append(guest.address)
            say(sandbox, {"interface": [guest.name, guest.address, 31, guest.gateway]})
            found["configured_ms"] = hear(sandbox)
            assert hear(sandbox) == "ready"
        targets = {
            "outside": ("tcp", OUTSIDE, PORT),
            "dns": ("udp", DNS, 53),
            "dns on the host": ("udp", HOST_DNS, 53),
            "own loopback": ("tcp", "127.0.0.1", PORT),
            "host by its uplink": ("tcp", HOST, PORT),
            "host by the gateway": ("tcp", guest.gateway, PORT),
            "host by its dns address": ("tcp", HOST_DNS, PORT),
            "the other sandbox": ("tcp", addresses[0], PORT),
            "metadata": ("tcp", METADATA, 80),
        }
        say(second, targets)
        found["reached"] = hear(second)
        found["sandbox from the host"] = probe("tcp", addresses[0], PORT)
        await network.detach("s0")
        await network.detach("s1")
    await network.stop()
    found["tables_after"] = tables()
    found["forwarding_after"] = forwarding()
    return found


async def many(count: int) -> dict[str, Any]:
    """`count` sandboxes attached at once; CPU and wall time of it."""
    network = network_veth.VethNetwork()
    await network.start()
    pids = []
    ready_read, ready_write = os.pipe()
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            unshare_network()
            os.write(ready_write, b"x")
            while True:
                signal.pause()
        pids.append(pid)
    left = count
    while left:
        left -= len(os.read(ready_read, left))
    cpu, wall = time.process_time(), time.perf_counter()
    interfaces = await asyncio.gather(
        *(network.attach(f"s{number}", pid) for number, pid in enumerate(pids))
    )
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    addresses = {interface.address for interface in interfaces if interface is not None}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    for number in range(count):
        await network.detach(f"s{number}")
    await network.stop()
    return {"addresses": len(addresses), "cpu_ms": cpu / count * 1e3, "wall_ms": wall / count * 1e3}


async def two_servers() -> dict[str, Any]:
    """A second server on the same host finds a range of its own; so does one beside a route."""
    rtnetlink(network_veth._new_pair("lan", os.getpid()))
    add_address("lan", "10.214.7.1", 24)  # makes a route
    firewall = nft.Nftables()
    running = network_veth._chains("10.213.0.0/16", [], nat_name="nat_213_on")
    firewall.create_table("lambent_1", running)
    docker = nft.NewChain(
        name="FORWARD", kind=nft.FILTER, hook=nft.FORWARD, priority=0, rules=[], drops=True
    )
    firewall.create_table("other", [docker])
    firewall.close()
    network = network_veth.VethNetwork()
    await network.start()
    chosen, report = network._range, network.report_items()
    await network.stop()
    items = [[item.enforced, item.hint] for item in report]
    return {"range": chosen, "tables": tables(), "report": items}


def main() -> None:
    role = sys.argv[1]
    if role in ("outside", "inside", "host"):
        {"outside": outside, "inside": inside, "host": lambda: serve(HOST_DNS)}[role]()
        return
    network_veth.upstream_resolv_conf = lambda: f"nameserver {DNS}\nnameserver {HOST_DNS}\n"
    if role == "reach":
        with world():
            result = asyncio.run(reach())
    else:
        unshare_network()
        result = asyncio.run(two_servers() if role == "two-servers" else many(int(sys.argv[2])))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
