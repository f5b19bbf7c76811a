"""What of the network a sandbox sees beyond its own loopback: outbound only, or nothing.

`make_network` chooses: as root a veth pair and NAT (network_veth), else slirp4netns where it is
installed (network_slirp), else none. None lets a sandbox reach another one or this host's loopback;
the first also keeps it from the host's other addresses and from instance metadata.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .interface import IsolationItem

_TUN = "/dev/net/tun"
_RESOLV_CONF = "/etc/resolv.conf"
_UPSTREAM_RESOLV_CONF = "/run/systemd/resolve/resolv.conf"
"""Where systemd-resolved keeps the real servers behind its stub 127.0.0.53."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestInterface:
    """What the sandbox has to configure by itself; see guest/interface_up.py."""

    name: str
    address: str
    prefix_len: int
    gateway: str


class Network(Protocol):
    """Gives sandboxes their network. One task at a time for each sandbox."""

    async def start(self) -> None:
        """Once, before the first attach; never raises: what fails is said in the report."""
        ...

    async def attach(self, sandbox_id: str, pid: int) -> GuestInterface | None:
        """Connect the namespace of `pid`; None: nothing (more) for the guest to configure."""
        ...

    async def detach(self, sandbox_id: str) -> None:
        """After the sandbox has ended; idempotent."""
        ...

    async def stop(self) -> None:
        """Leave nothing behind."""
        ...

    def report_items(self) -> tuple[IsolationItem, ...]: ...

    def resolv_conf(self) -> str:
        """Content of /etc/resolv.conf inside."""
        ...


class NoNetwork:
    """The sandbox has its own loopback and nothing else."""

    def __init__(self, item: IsolationItem) -> None:
        self._item = item

    async def start(self) -> None:
        return

    async def attach(self, sandbox_id: str, pid: int) -> GuestInterface | None:
        return None

    async def detach(self, sandbox_id: str) -> None:
        return

    async def stop(self) -> None:
        return

    def report_items(self) -> tuple[IsolationItem, ...]:
        return (self._item,)

    def resolv_conf(self) -> str:
        return ""


def make_network(
    mode: str,
    as_root: bool,
    *,
    which: Callable[[str], str | None] = shutil.which,
    accessible: Callable[[str, int], bool] = os.access,
) -> Network:
    """The network for `mode` (`auto` | `none`) that this user can have."""
    # The kinds are imported on use: an ordinary user's server never loads the firewall code.
    if mode == "none":
        how = "own namespace with a loopback only, as LAMBENT_NETWORK=none says"
        return NoNetwork(IsolationItem(name="network", enforced=True, how=how))
    if as_root:
        from .network_veth import VethNetwork

        return VethNetwork()
    program = which("slirp4netns")
    if program is None:
        return _unreachable(
            "not root, and slirp4netns is not on PATH", "apt install slirp4netns, or run as root"
        )
    if not accessible(_TUN, os.R_OK | os.W_OK):
        return _unreachable(f"{_TUN} is not open to this user", f"chmod 666 {_TUN}, or run as root")
    from .network_slirp import SlirpNetwork

    return SlirpNetwork(program)


def _unreachable(why: str, hint: str) -> NoNetwork:
    how = f"functions have no outbound network: {why}"
    return NoNetwork(IsolationItem(name="network", enforced=False, how=how, hint=hint))


def nameservers(text: str) -> list[str]:
    """IPv4 name servers of a resolv.conf that are reachable from another namespace."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 2 and fields[0] == "nameserver":
            try:
                address = ipaddress.ip_address(fields[1].partition("%")[0])
            except ValueError:
                continue
            if address.version == 4 and not address.is_loopback:
                found.append(str(address))
    return found


def upstream_resolv_conf(read: Callable[[str], str] | None = None) -> str:
    """The host's resolv.conf with servers that a sandbox can reach; without any if there are none.

    Keeps `search` and `options`.
    """
    read = read or _read
    text = read(_RESOLV_CONF)
    servers = nameservers(text)
    if not servers:
        upstream = read(_UPSTREAM_RESOLV_CONF)
        servers = nameservers(upstream)
        text = upstream if servers else text
    kept = [line for line in text.splitlines() if line.startswith(("search ", "options "))]
    return "".join(f"{line}\n" for line in [*(f"nameserver {ip}" for ip in servers), *kept])


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(64 * 1024)
    except OSError:
        return ""
