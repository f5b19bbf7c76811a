"""Bring up a network namespace's interfaces by raw rtnetlink, before the jail is shut.

Runs inside, on Python 3.8 and newer, with the standard library only; the server uses its packing
functions as well. Everything goes out in one send; formats are those of netlink(7), rtnetlink(7).
"""

import os
import socket
import struct

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, index, flags, change mask
_ADDRESS = struct.Struct("=BBBBI")  # ifaddrmsg: family, prefix, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # rtmsg: family, dst, src, tos, table, protocol, scope, type

ERROR, DONE = 2, 3
REQUEST, ACK = 0x1, 0x4
REPLACE, EXCLUSIVE, CREATE = 0x100, 0x200, 0x400
NEW_LINK, NEW_ADDRESS, NEW_ROUTE = 16, 20, 24
_IFF_UP = 0x1
_LOOPBACK_INDEX = 1  # every network namespace is born with it


def pack_message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """One netlink message, padded; asks for an acknowledgement."""
    length = _HEADER.size + len(body)
    return _HEADER.pack(length, kind, flags | REQUEST | ACK, sequence, 0) + body + _padding(length)


def pack_attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded."""
    length = _ATTRIBUTE.size + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + _padding(length)


def pack_link(index: int, up: bool, attributes: bytes = b"") -> bytes:
    """Body of a NEW_LINK message; index 0 is one that is to be made."""
    flags = _IFF_UP if up else 0
    return _LINK.pack(0, 0, index, flags, flags) + attributes


def pack_address(index: int, address: str, prefix_len: int) -> bytes:
    """Body of a NEW_ADDRESS message: IFA_ADDRESS and IFA_LOCAL."""
    raw = socket.inet_aton(address)
    head = _ADDRESS.pack(socket.AF_INET, prefix_len, 0, 0, index)
    return head + pack_attribute(1, raw) + pack_attribute(2, raw)


def pack_default_route(index: int, gateway: str) -> bytes:
    """Body of a NEW_ROUTE message: main table, protocol boot, unicast; RTA_GATEWAY and RTA_OIF."""
    head = _ROUTE.pack(socket.AF_INET, 0, 0, 0, 254, 3, 0, 1, 0)
    gateway_attribute = pack_attribute(5, socket.inet_aton(gateway))
    return head + gateway_attribute + pack_attribute(4, struct.pack("=I", index))


def unpack_messages(data: bytes) -> "list[tuple[int, int, bytes]]":
    """The (type, sequence, body) of each message in what one receive gave."""
    messages = []
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _flags, sequence, _port = _HEADER.unpack_from(data, at)
        messages.append((kind, sequence, data[at + _HEADER.size : at + length]))
        at += (length + 3) & ~3
    return messages


def send_all(netlink: socket.socket, messages: "list[bytes]") -> None:
    """Send the packed messages at once and wait for their acknowledgements, in any order.

    Raises the kernel's OSError for the first that failed, once all are answered.
    """
    netlink.send(b"".join(messages))
    failed = 0
    waiting = len(messages)
    while waiting > 0:
        for kind, _sequence, body in unpack_messages(netlink.recv(65536)):
            if kind == ERROR:
                waiting -= 1
                failed = failed or -struct.unpack_from("=i", body)[0]
    if failed:
        raise OSError(failed, os.strerror(failed) + ", configuring a network interface")


def loopback_up() -> None:
    """Bring up `lo` of the namespace we are in; needs CAP_NET_ADMIN there. Raises OSError."""
    with _open() as netlink:
        send_all(netlink, [pack_message(NEW_LINK, 0, 1, pack_link(_LOOPBACK_INDEX, True))])


def configure_interface(name: str, address: str, prefix_len: int, gateway: str) -> None:
    """Bring up `lo` and interface `name` with its address and a default route. Raises OSError."""
    index = socket.if_nametoindex(name)
    # IFLA_AF_SPEC { AF_INET6 { IFLA_INET6_ADDR_GEN_MODE: none } }: IPv6 is not routed, so no
    # address of it either (a function would wait for it in vain).
    no_ipv6 = pack_attribute(26, pack_attribute(socket.AF_INET6, pack_attribute(8, b"\x01")))
    added = CREATE | REPLACE
    bodies = [
        (NEW_LINK, 0, pack_link(_LOOPBACK_INDEX, True)),
        (NEW_LINK, 0, pack_link(index, True, no_ipv6)),
        (NEW_ADDRESS, added, pack_address(index, address, prefix_len)),
        (NEW_ROUTE, added, pack_default_route(index, gateway)),
    ]
    with _open() as netlink:
        send_all(netlink, [pack_message(kind, flags, 1, body) for kind, flags, body in bodies])


def _open() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    netlink = socket.socket(socket.AF_NETLINK, kind, 0)  # NETLINK_ROUTE
    netlink.settimeout(5)
    return netlink


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)
