"""A firewall table of our own by nfnetlink: no `nft` or `iptables` binary is needed.

Written by hand because it is one table with a dozen rules; see docs/decisions/0005-network.md.
Numbers are those of linux/netfilter/nf_tables.h. Values of netfilter's own are big-endian.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .guest.interface_up import CREATE, DONE, ERROR, pack_attribute, pack_message, unpack_messages

_NETLINK_NETFILTER = 12
_SUBSYSTEM = 10
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN, _GET_CHAIN, _NEW_RULE = 0, 2, 3, 4, 6
_BATCH_BEGIN, _BATCH_END = 16, 17
_INET = 1  # NFPROTO_INET: rules see IPv4 and IPv6
_APPEND, _DUMP = 0x800, 0x300
_NESTED = 0x8000
_TIMEOUT_S = 5

FILTER, NAT = "filter", "nat"
INPUT, FORWARD, OUTPUT, POSTROUTING = 1, 2, 3, 4
_DROP, _ACCEPT = 0, 1

Expression = bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChain:
    """A chain at a hook, as the kernel lists it."""

    family: int
    table: str
    name: str
    hook: int
    drops: bool
    """Whether its policy drops what no rule accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChain:
    """A chain to be made, with its rules."""

    name: str
    kind: str
    hook: int
    priority: int
    rules: Sequence[Sequence[Expression]]
    drops: bool = False
    """Its policy: what becomes of packets that no rule decides on."""


def interface_in(prefix: str) -> list[Expression]:
    """Matches packets that came in by an interface whose name begins so."""
    return [_meta(6), _compare(prefix.encode())]


def interface_out(prefix: str, *, other: bool = False) -> list[Expression]:
    """Matches packets that leave by an interface whose name begins so (`other`: does not)."""
    return [_meta(7), _compare(prefix.encode(), equal=not other)]


def ipv6() -> list[Expression]:
    return [_meta(15), _compare(bytes([socket.AF_INET6]))]


def source(network: str, prefix_len: int) -> list[Expression]:
    return _address(12, network, prefix_len)


def destination(network: str, prefix_len: int) -> list[Expression]:
    return _address(16, network, prefix_len)


def port(protocol: int, number: int) -> list[Expression]:
    """Matches the destination port of TCP (6) or UDP (17)."""
    return [_meta(16), _compare(bytes([protocol])), _payload(2, 2, 2), _compare(_be16(number))]


def established() -> list[Expression]:
    """Matches replies: connection tracking's states established (2) and related (4)."""
    return _state(6)


def new_beyond(per_second: int, burst: int) -> list[Expression]:
    """Matches packets that open a connection (state 8) faster than that."""
    pace = pack_attribute(1, struct.pack("!Q", per_second)) + pack_attribute(
        2, struct.pack("!Q", 1)
    )
    return [*_state(8), _expression("limit", pace + _number(3, burst) + _number(5, 1))]


def _state(bits: int) -> list[Expression]:
    state = _expression("ct", _number(1, 1) + _number(2, 0))
    return [state, _mask(struct.pack("=I", bits)), _compare(bytes(4), equal=False)]


def accept() -> list[Expression]:
    return [_verdict(_ACCEPT)]


def drop() -> list[Expression]:
    return [_verdict(_DROP)]


def masquerade() -> list[Expression]:
    return [_expression("masq", b"")]


class Nftables:
    """A netlink socket to the firewall of the network namespace we are in."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, _NETLINK_NETFILTER)
        self._socket.settimeout(_TIMEOUT_S)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def create_table(self, name: str, chains: Sequence[NewChain]) -> None:
        """Make a table, whole or not at all; raises OSError."""
        table = _text(1, name)
        messages = [self._message(_NEW_TABLE, CREATE, table)]
        for chain in chains:
            hook = _number(1, chain.hook) + _number(2, chain.priority)
            described = _text(3, chain.name) + _nested(4, hook)
            described += _number(5, _DROP if chain.drops else _ACCEPT)
            described += _text(7, chain.kind)
            messages.append(self._message(_NEW_CHAIN, CREATE, table + described))
        for chain in chains:
            for rule in chain.rules:
                listed = b"".join(_nested(1, expression) for expression in rule)
                body = table + _text(2, chain.name) + _nested(4, listed)
                messages.append(self._message(_NEW_RULE, CREATE | _APPEND, body))
        self._commit(messages)

    def delete_table(self, name: str) -> None:
        """Remove a table with all in it; raises FileNotFoundError, OSError."""
        self._commit([self._message(_DELETE_TABLE, 0, _text(1, name))])

    def list_base_chains(self) -> list[BaseChain]:
        """Every chain at a hook, of all families and tables."""
        self._sequence += 1
        body = struct.pack("=BBH", 0, 0, 0)
        kind = _SUBSYSTEM << 8 | _GET_CHAIN
        self._socket.send(pack_message(kind, _DUMP, self._sequence, body))
        chains = []
        for kind, body in self._replies():
            if kind == _SUBSYSTEM << 8 | _NEW_CHAIN:
                chain = _parse_chain(body)
                if chain is not None:
                    chains.append(chain)
            elif kind in (DONE, ERROR):
                break
        return chains

    def _message(self, kind: int, flags: int, body: bytes) -> bytes:
        head = struct.pack("=BBH", _INET, 0, 0)
        return pack_message(_SUBSYSTEM << 8 | kind, flags, self._sequence + 1, head + body)

    def _commit(self, messages: list[bytes]) -> None:
        self._sequence += 1
        frame = struct.pack("=BB", 0, 0) + _be16(_SUBSYSTEM)
        begin, end = (
            pack_message(kind, 0, self._sequence, frame) for kind in (_BATCH_BEGIN, _BATCH_END)
        )
        self._socket.send(b"".join([begin, *messages, end]))
        waiting = len(messages) + 2
        failed = 0
        for kind, body in self._replies():
            if kind == ERROR:
                waiting -= 1
                failed = failed or -struct.unpack_from("=i", body)[0]
            if waiting == 0 or failed:
                break
        if failed:
            raise OSError(failed, f"{os.strerror(failed)}, changing the nftables firewall")

    def _replies(self) -> Iterator[tuple[int, bytes]]:
        """Answers to the latest request; what is left of an earlier one is passed over."""
        while True:
            for kind, sequence, body in unpack_messages(self._socket.recv(1 << 17)):
                if sequence == self._sequence:
                    yield kind, body


def parse_attributes(data: bytes) -> dict[int, bytes]:
    """Attribute type → payload; of repeated ones the last."""
    found = {}
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[at + 4 : at + length]
        at += (length + 3) & ~3
    return found


def _parse_chain(body: bytes) -> BaseChain | None:
    attributes = parse_attributes(body[4:])
    if 4 not in attributes:
        return None
    hook = parse_attributes(attributes[4])
    return BaseChain(
        family=body[0],
        table=_string(attributes[1]),
        name=_string(attributes[3]),
        hook=int.from_bytes(hook[1], "big"),
        drops=int.from_bytes(attributes.get(5, b"\x01"), "big") == _DROP,
    )


def _string(raw: bytes) -> str:
    return raw.rstrip(b"\0").decode(errors="replace")


def _text(kind: int, text: str) -> bytes:
    return pack_attribute(kind, text.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return pack_attribute(kind, struct.pack("!i", value))


def _nested(kind: int, payload: bytes) -> bytes:
    return pack_attribute(kind | _NESTED, payload)


def _be16(value: int) -> bytes:
    return struct.pack("!H", value)


def _expression(name: str, data: bytes) -> Expression:
    return _text(1, name) + _nested(2, data)


def _meta(key: int) -> Expression:
    return _expression("meta", _number(1, 1) + _number(2, key))  # into register 1


def _payload(base: int, offset: int, length: int) -> Expression:
    data = _number(1, 1) + _number(2, base) + _number(3, offset) + _number(4, length)
    return _expression("payload", data)


def _compare(value: bytes, *, equal: bool = True) -> Expression:
    data = _number(1, 1) + _number(2, 0 if equal else 1) + _nested(3, pack_attribute(1, value))
    return _expression("cmp", data)


def _mask(mask: bytes) -> Expression:
    data = _number(1, 1) + _number(2, 1) + _number(3, len(mask))
    data += _nested(4, pack_attribute(1, mask)) + _nested(5, pack_attribute(1, bytes(len(mask))))
    return _expression("bitwise", data)


def _address(offset: int, network: str, prefix_len: int) -> list[Expression]:
    mask = struct.pack("!I", 0xFFFFFFFF << (32 - prefix_len) & 0xFFFFFFFF)
    return [
        _meta(15),
        _compare(bytes([socket.AF_INET])),
        _payload(1, offset, 4),
        _mask(mask),
        _compare(socket.inet_aton(network)),
    ]


def _verdict(code: int) -> Expression:
    verdict = _nested(2, _nested(2, _number(1, code)))  # data { verdict { code } }
    return _expression("immediate", _number(1, 0) + verdict)
