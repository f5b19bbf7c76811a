"""Network as root: a veth pair for each sandbox, NAT to the outside, and a firewall table.

A pair is made with its far end in the sandbox's namespace already; the near end gets the lower
address of a /31, the far end the upper. Pairs vanish with the namespace. All of it talks netlink
(see docs/decisions/0005-network.md) in one thread, since the kernel's RTNL lock may be held for
tens of milliseconds while it takes namespaces down.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from . import nftables as nft
from .guest.interface_up import (
    CREATE,
    EXCLUSIVE,
    NEW_ADDRESS,
    NEW_LINK,
    pack_address,
    pack_attribute,
    pack_link,
    pack_message,
    send_all,
)
from .interface import IsolationItem
from .network import GuestInterface, nameservers, upstream_resolv_conf

T = TypeVar("T")

PREFIX = "lmb"
_GUEST_NAME = "eth0"
_TABLE = "lambent_"
_FORWARDING = "/proc/sys/net/ipv4/ip_forward"
_TRACKED_MAX = "/proc/sys/net/netfilter/nf_conntrack_max"
_TRACKED_MAX_DEFAULT = 65_536
_UNANSWERED_S = 120  # nf_conntrack_tcp_timeout_syn_sent; UDP's is 30
_RANGES = tuple(f"10.{second}.0.0/16" for second in range(213, 255))
_SLOTS = 32_000  # pairs of addresses in a /16, with room to spare
_ATTEMPTS_MAX = 64  # names still held by namespaces that the kernel is taking down
_ATTACH_TIMEOUT_S = 5


class VethNetwork:
    """Outbound network by veth pairs and masquerading."""

    def __init__(self) -> None:
        self._range = ""
        self._failure = ""
        self._warning = ""
        self._table = f"{_TABLE}{os.getpid()}"
        self._resolv_conf = ""
        self._forwarding_was = ""
        # First in, first out: an address is used again as late as possible.
        self._free: deque[int] = deque(range(_SLOTS))
        self._held: dict[str, int] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._rtnetlink: socket.socket | None = None

    async def start(self) -> None:
        try:
            await self._in_thread(self._set_up)
        except OSError as error:
            self._failure = str(error)

    async def attach(self, sandbox_id: str, pid: int) -> GuestInterface | None:
        """Raises OSError when the kernel refuses (e.g. the process has ended)."""
        if self._failure:
            return None
        async with asyncio.timeout(_ATTACH_TIMEOUT_S):
            slot = await self._in_thread(self._connect, sandbox_id, pid)
        near, far = self._addresses(slot)
        return GuestInterface(name=_GUEST_NAME, address=far, prefix_len=31, gateway=near)

    async def detach(self, sandbox_id: str) -> None:
        slot = self._held.pop(sandbox_id, None)
        if slot is not None:
            self._free.append(slot)  # the pair goes with its namespace

    async def stop(self) -> None:
        await self._in_thread(self._tear_down)
        self._thread.shutdown()

    def report_items(self) -> tuple[IsolationItem, ...]:
        if self._failure:
            how = f"functions have no outbound network: {self._failure}"
            hint = "a kernel with veth and nf_tables, CAP_NET_ADMIN and a writable /proc/sys/net"
            return (IsolationItem(name="network", enforced=False, how=how, hint=hint),)
        how = f"veth and NAT from {self._range}, IPv4 only; no way to this host or other sandboxes"
        if self._forwarding_was == "0":
            how += "; net.ipv4.ip_forward was switched on, and is switched off at the end"
        if not nameservers(self._resolv_conf):
            how += "; no DNS: the host's servers are on its own loopback"
        hint = ""
        if self._warning:
            hint = (
                f"{self._warning} drops forwarded packets: iptables -I FORWARD -i {PREFIX}+ "
                f"-j ACCEPT; iptables -I FORWARD -o {PREFIX}+ -j ACCEPT"
            )
            how += f"; but {self._warning} may drop what functions send"
        return (IsolationItem(name="network", enforced=not hint, how=how, hint=hint),)

    def resolv_conf(self) -> str:
        return self._resolv_conf or upstream_resolv_conf()

    def _set_up(self) -> None:
        self._resolv_conf = upstream_resolv_conf()
        self._rtnetlink = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._rtnetlink.settimeout(_ATTACH_TIMEOUT_S)
        firewall = nft.Nftables()
        try:
            self._forwarding_was = _forwarding_before_lambent(firewall)
            self._remove_dead_tables(firewall)
            self._claim_range(firewall)
            self._warning = _dropping_firewall(firewall.list_base_chains())
        finally:
            firewall.close()
        _write_forwarding("1", only_from="0")

    def _remove_dead_tables(self, firewall: nft.Nftables) -> None:
        tables = {chain.table for chain in firewall.list_base_chains()}
        for table in tables:
            pid = table.removeprefix(_TABLE)
            if pid == table or not pid.isdigit():
                continue
            if table == self._table or not os.path.exists(f"/proc/{pid}"):
                try:
                    firewall.delete_table(table)
                except FileNotFoundError:  # another server that starts was quicker
                    pass

    def _claim_range(self, firewall: nft.Nftables) -> None:
        """Take the first range that no route and no other server has; others yield to lower pids.

        Our NAT chain's name holds the range, which makes the claim visible to other servers, and
        whether forwarding was off, which the next one must know should we be killed.
        """
        taken_by_routes = _routes()
        for candidate in _RANGES:
            network = ipaddress.ip_network(candidate)
            if any(network.overlaps(route) for route in taken_by_routes):
                continue
            claim = f"nat_{candidate.split('.')[1]}_"
            name = claim + ("off" if self._forwarding_was == "0" else "on")
            chains = _chains(candidate, nameservers(self._resolv_conf), nat_name=name)
            if _claimants(firewall, claim):
                continue
            firewall.create_table(self._table, chains)
            if min(_claimants(firewall, claim)) < os.getpid():
                firewall.delete_table(self._table)  # another server came at the same moment
                continue
            self._range = candidate
            return
        raise OSError(f"every range from {_RANGES[0]} to {_RANGES[-1]} is in use")

    def _connect(self, sandbox_id: str, pid: int) -> int:
        assert self._rtnetlink is not None, "start comes first"
        for _ in range(min(_ATTEMPTS_MAX, len(self._free))):
            slot = self._free.popleft()
            name = self._name(slot)
            try:
                send_all(self._rtnetlink, [_new_pair(name, pid)])
            except FileExistsError:  # its last namespace is still being taken down
                self._free.append(slot)
                continue
            except OSError:
                self._free.append(slot)
                raise
            self._held[sandbox_id] = slot  # here: also when nobody waits for us any more
            index = socket.if_nametoindex(name)
            near, _far = self._addresses(slot)
            address = pack_address(index, near, 31)
            send_all(
                self._rtnetlink,
                [
                    pack_message(NEW_LINK, 0, 1, pack_link(index, True, _NO_IPV6)),
                    pack_message(NEW_ADDRESS, CREATE | EXCLUSIVE, 1, address),
                ],
            )
            return slot
        raise OSError("no network address is free")

    def _tear_down(self) -> None:
        if self._rtnetlink is not None:
            self._rtnetlink.close()
            self._rtnetlink = None
        if not self._range:
            return
        self._range, self._failure = "", "the server has stopped"
        firewall = nft.Nftables()
        try:
            firewall.delete_table(self._table)
            others = any(c.table.startswith(_TABLE) for c in firewall.list_base_chains())
        except FileNotFoundError:  # someone flushed the whole firewall
            others = False
        finally:
            firewall.close()
        if self._forwarding_was == "0" and not others:
            _write_forwarding("0")

    def _addresses(self, slot: int) -> tuple[str, str]:
        first = int(ipaddress.ip_network(self._range).network_address) + 2 * slot
        near, far = (socket.inet_ntoa(struct.pack("!I", first + end)) for end in (0, 1))
        return near, far

    def _name(self, slot: int) -> str:
        return f"{PREFIX}{int(self._range.split('.')[1]):02x}{slot:04x}"

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, function, *arguments)


_NO_IPV6 = pack_attribute(26, pack_attribute(socket.AF_INET6, pack_attribute(8, b"\x01")))
"""IFLA_AF_SPEC { AF_INET6 { IFLA_INET6_ADDR_GEN_MODE: none } }: no address, no neighbour talk."""


def _new_pair(name: str, pid: int) -> bytes:
    """The request for a veth pair whose far end is born in the namespace of `pid`."""
    one_queue = pack_attribute(31, struct.pack("=I", 1)) + pack_attribute(32, struct.pack("=I", 1))
    far = pack_attribute(3, _GUEST_NAME.encode() + b"\0") + one_queue
    far += pack_attribute(19, struct.pack("=I", pid))  # IFLA_NET_NS_PID
    peer = pack_attribute(1, pack_link(0, False, far))  # VETH_INFO_PEER
    kind = pack_attribute(1, b"veth") + pack_attribute(2, peer)  # IFLA_INFO_KIND, IFLA_INFO_DATA
    near = pack_attribute(3, name.encode() + b"\0") + one_queue + pack_attribute(18, kind)
    return pack_message(NEW_LINK, CREATE | EXCLUSIVE, 1, pack_link(0, False, near))


def _chains(network: str, servers: Iterable[str], *, nat_name: str) -> list[nft.NewChain]:
    """The firewall: sandboxes may open connections to the outside, and nothing else.

    Rules go by the interface's name, so the tables of several servers on a host agree. The name
    servers come first, since they may be addresses of the host or link-local ones (EC2, GCP); the
    other link-local addresses are instance metadata, which would hand out the host's credentials.
    """
    inside, outside = nft.interface_in(PREFIX), nft.interface_out(PREFIX)
    too_many = inside + nft.new_beyond(*_new_connections()) + nft.drop()
    lookups = [
        inside + nft.destination(server, 32) + nft.port(protocol, 53) + nft.accept()
        for server in servers
        for protocol in (socket.IPPROTO_UDP, socket.IPPROTO_TCP)
    ]
    to_host = [inside + nft.established() + nft.accept(), too_many, *lookups, inside + nft.drop()]
    through = [
        inside + outside + nft.drop(),
        inside + nft.ipv6() + nft.drop(),
        too_many,
        *lookups,
        inside + nft.destination("169.254.0.0", 16) + nft.drop(),
        outside + nft.established() + nft.accept(),
        outside + nft.drop(),
    ]
    from_host = [outside + nft.established() + nft.accept(), outside + nft.drop()]
    address, _, prefix_len = network.partition("/")
    nat = nft.source(address, int(prefix_len)) + nft.interface_out(PREFIX, other=True)
    chain, kind = nft.NewChain, nft.FILTER
    return [
        chain(name="input", kind=kind, hook=nft.INPUT, priority=0, rules=to_host),
        chain(name="forward", kind=kind, hook=nft.FORWARD, priority=0, rules=through),
        chain(name="output", kind=kind, hook=nft.OUTPUT, priority=0, rules=from_host),
        chain(
            name=nat_name,
            kind=nft.NAT,
            hook=nft.POSTROUTING,
            priority=100,
            rules=[nat + nft.masquerade()],
        ),
    ]


def _new_connections() -> tuple[int, int]:
    """(per second, burst) that leave the host a quarter of its connection tracking table.

    A full table means that the host itself opens no connection any more, and one function fills
    it within seconds. What gets no answer stays in it for up to 120 s.
    """
    try:
        with open(_TRACKED_MAX, encoding="ascii") as file:
            most = int(file.read())
    except (OSError, ValueError):  # the module is loaded with the first rule that asks for a state
        most = _TRACKED_MAX_DEFAULT
    return max(1, most // 2 // _UNANSWERED_S), max(1, most // 4)


def _claimants(firewall: nft.Nftables, claim: str) -> list[int]:
    """Servers (process ids) whose table holds a chain whose name begins so."""
    return [
        int(chain.table.removeprefix(_TABLE))
        for chain in firewall.list_base_chains()
        if chain.name.startswith(claim) and chain.table.removeprefix(_TABLE).isdigit()
    ]


def _dropping_firewall(chains: Iterable[nft.BaseChain]) -> str:
    """The name of another table that drops what it does not know when forwarding; or nothing."""
    for chain in chains:
        if chain.hook == nft.FORWARD and chain.drops and not chain.table.startswith(_TABLE):
            return f"the host's firewall (table {chain.table}, chain {chain.name})"
    return ""


def _routes() -> list[ipaddress.IPv4Network]:
    """The host's own routes but the default ones; of the main table."""
    routes = []
    with open("/proc/net/route", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            address, mask = (int(fields[column], 16) for column in (1, 7))
            if mask:
                raw = (socket.inet_ntoa(struct.pack("=I", value)) for value in (address, mask))
                routes.append(ipaddress.IPv4Network("/".join(raw)))
    return routes


def _forwarding_before_lambent(firewall: nft.Nftables) -> str:
    """`0` or `1`: now, or before another server switched it on that runs still or was killed."""
    for chain in firewall.list_base_chains():
        if chain.table.startswith(_TABLE) and chain.name.endswith("_off"):
            return "0"
    with open(_FORWARDING, encoding="ascii") as file:
        return file.read().strip()


def _write_forwarding(value: str, *, only_from: str = "") -> None:
    """Whether the kernel forwards packets. Raises OSError."""
    with open(_FORWARDING, encoding="ascii") as file:
        if only_from and file.read().strip() != only_from:
            return
    with open(_FORWARDING, "w", encoding="ascii") as file:
        file.write(value)
