"""What is decided and packed for the network, without touching one."""

from __future__ import annotations

import asyncio
import os
import struct
from pathlib import Path

import pytest

from lambent.sandbox import network_veth
from lambent.sandbox import nftables as nft
from lambent.sandbox.guest import interface_up as up
from lambent.sandbox.network import NoNetwork, make_network, nameservers, upstream_resolv_conf
from lambent.sandbox.network_slirp import SlirpNetwork
from lambent.sandbox.network_veth import VethNetwork


def test_a_stub_on_the_hosts_loopback_is_replaced_by_the_real_servers() -> None:
    files = {
        "/etc/resolv.conf": "nameserver 127.0.0.53\noptions edns0\nsearch stub\n",
        "/run/systemd/resolve/resolv.conf": "# real\nnameserver 192.0.2.1\nsearch lan\n",
    }
    assert upstream_resolv_conf(files.__getitem__) == "nameserver 192.0.2.1\nsearch lan\n"


def test_servers_that_are_reachable_are_kept_with_search_and_options() -> None:
    text = "nameserver ::1\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions rotate\n"
    expected = "nameserver 192.0.2.1\nnameserver 192.0.2.2\noptions rotate\n"
    assert upstream_resolv_conf(lambda _path: text) == expected


def test_without_a_reachable_server_none_is_invented() -> None:
    files = {"/etc/resolv.conf": "nameserver 127.0.0.11\nsearch lan\n"}
    assert upstream_resolv_conf(lambda path: files.get(path, "")) == "search lan\n"


@pytest.mark.parametrize(
    "text",
    ["", "nameserver", "nameserver fe80::1%eth0", "nameserver nonsense", "server 192.0.2.1"],
)
def test_lines_without_a_usable_server_are_passed_over(text: str) -> None:
    assert nameservers(text) == []


def test_the_mode_and_the_user_choose_the_network() -> None:
    def find(_program: str) -> str | None:
        return "/usr/bin/slirp4netns"

    assert isinstance(make_network("none", True), NoNetwork)
    assert isinstance(make_network("auto", True), VethNetwork)
    found = make_network("auto", False, which=find, accessible=lambda _path, _mode: True)
    assert isinstance(found, SlirpNetwork)


def test_what_an_ordinary_user_lacks_is_said_with_a_hint() -> None:
    missing = make_network("auto", False, which=lambda _program: None).report_items()
    closed = make_network(
        "auto", False, which=lambda program: program, accessible=lambda _path, _mode: False
    ).report_items()
    assert [(item.enforced, item.hint) for item in (*missing, *closed)] == [
        (False, "apt install slirp4netns, or run as root"),
        (False, "chmod 666 /dev/net/tun, or run as root"),
    ]


def test_no_network_as_set_counts_as_enforced() -> None:
    (item,) = make_network("none", False).report_items()
    assert item.enforced
    assert make_network("none", False).resolv_conf() == ""


def test_a_host_that_refuses_netlink_is_said_and_starts_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_self: VethNetwork) -> None:
        raise PermissionError(1, "Operation not permitted")

    async def main() -> None:
        veth = VethNetwork()
        await veth.start()
        assert await veth.attach("s", 1) is None
        (item,) = veth.report_items()
        assert not item.enforced
        assert "Operation not permitted" in item.how
        assert "CAP_NET_ADMIN" in item.hint
        await veth.stop()

    monkeypatch.setattr(network_veth.VethNetwork, "_set_up", refuse)
    asyncio.run(main())


def test_messages_and_attributes_are_padded_to_four_bytes() -> None:
    packed = up.pack_attribute(3, b"lmb\0x")
    assert packed == struct.pack("=HH", 9, 3) + b"lmb\0x" + bytes(3)
    message = up.pack_message(16, 0, 7, packed)
    assert struct.unpack_from("=IHHII", message) == (28, 16, 5, 7, 0)
    assert up.unpack_messages(message + message) == [(16, 7, packed), (16, 7, packed)]


def test_attributes_are_read_back_without_their_flags() -> None:
    data = up.pack_attribute(1 | 0x8000, b"abc") + up.pack_attribute(2, b"")
    assert nft.parse_attributes(data) == {1: b"abc", 2: b""}
    assert nft.parse_attributes(b"\0\0\0\0\0\0\0\0") == {}


def test_only_another_tables_forward_policy_counts_as_dropping() -> None:
    def chain(table: str, hook: int, *, drops: bool) -> nft.BaseChain:
        return nft.BaseChain(family=2, table=table, name="FORWARD", hook=hook, drops=drops)

    quiet = [chain("filter", nft.INPUT, drops=True), chain("nat", nft.FORWARD, drops=False)]
    assert network_veth._dropping_firewall(quiet) == ""
    loud = [*quiet, chain("filter", nft.FORWARD, drops=True)]
    assert "table filter" in network_veth._dropping_firewall(loud)


def test_pairs_of_addresses_follow_the_slot() -> None:
    veth = VethNetwork()
    veth._range = "10.213.0.0/16"
    assert veth._addresses(0) == ("10.213.0.0", "10.213.0.1")
    assert veth._addresses(300) == ("10.213.2.88", "10.213.2.89")
    assert veth._name(31_999) == "lmbd57cff"


FAKE = """#!/bin/sh
for word in "$@"; do
    case $word in --ready-fd=*) ready=${word#*=};; --exit-fd=*) leave=${word#*=};; esac
done
echo "$@" > "$0.arguments"
"""


def fake_slirp(tmp_path: Path, rest: str) -> str:
    program = tmp_path / "slirp4netns"
    program.write_text(FAKE + rest)
    program.chmod(0o755)
    return str(program)


def test_slirp_is_ready_when_it_says_so_and_ends_at_detach(tmp_path: Path) -> None:
    program = fake_slirp(
        tmp_path,
        "printf 1 > /proc/self/fd/$ready\n"
        "exec 0< /proc/self/fd/$leave\nread line\necho over > $0.over\n",
    )

    async def main() -> None:
        slirp = SlirpNetwork(program)
        await slirp.start()
        assert await slirp.attach("one", os.getpid()) is None
        await slirp.detach("one")
        await slirp.detach("one")
        assert (tmp_path / "slirp4netns.over").exists(), "it ended by itself"
        await slirp.attach("two", os.getpid())
        descriptors = len(os.listdir("/proc/self/fd"))
        await slirp.stop()
        assert len(os.listdir("/proc/self/fd")) < descriptors

    asyncio.run(main())
    words = (tmp_path / "slirp4netns.arguments").read_text().split()
    assert {"--configure", "--disable-host-loopback"} < set(words)
    assert f"--userns-path=/proc/{os.getpid()}/ns/user" in words
    assert words[-2:] == [str(os.getpid()), "tap0"]


def test_slirp_that_ends_at_once_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    program = fake_slirp(tmp_path, "exit 1\n")

    async def main() -> None:
        slirp = SlirpNetwork(program)
        with pytest.raises(OSError, match="ended before"):
            await slirp.attach("one", os.getpid())
        assert slirp._running == {}

    asyncio.run(main())


def test_the_slirp_report_tells_what_it_does_not_keep_away() -> None:
    items = {item.name: item for item in SlirpNetwork("slirp4netns").report_items()}
    assert items["network"].enforced
    assert not items["host addresses"].enforced
    assert items["host addresses"].hint == "run as root"
