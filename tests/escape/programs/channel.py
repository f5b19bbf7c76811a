"""Misuses its channel to the server, which is descriptor 3."""

import array
import os
import socket
import struct
import time

HEAD = struct.Struct("<IB")
RESPONSE, ERROR, LOG = 0x12, 0x13, 0x15


def handler(event, context):
    misuse = event.get("misuse")
    if misuse is None:
        return "well"
    channel = socket.socket(fileno=os.dup(3))
    globals()[misuse](channel)
    return "after " + misuse


def close(channel):
    channel.close()
    os.close(3)


def shutdown(channel):
    channel.shutdown(socket.SHUT_RDWR)


def garbage(channel):
    channel.sendall(bytes(range(256)) * 64)


def giant(channel):
    channel.sendall(HEAD.pack(0xFFFFFFFF, RESPONSE) + b"x" * 65536)


def servers_own_kind(channel):
    channel.sendall(HEAD.pack(10, 0x01) + b"x" * 10)


def never_finished(channel):
    """A frame that begins and does not end."""
    channel.sendall(HEAD.pack(6_000_000, RESPONSE) + b"x" * 1_000_000)
    time.sleep(60)


def every_kind(channel):
    """Frames of every kind that the server knows, none of them when it is due."""
    for kind in (0x10, 0x11, 0x14, 0x15, 0x16, 0x10):
        channel.sendall(HEAD.pack(2, kind) + b"{}")


def not_json(channel):
    """An answer that no runtime would give."""
    channel.sendall(HEAD.pack(4, ERROR) + b"\xff\xfe\x00[")


def many_answers(channel):
    for _ in range(1000):
        channel.sendall(HEAD.pack(7, RESPONSE) + b'"wrong"')


def descriptors(channel):
    """Hands over descriptors with the bytes, as many as the kernel takes."""
    read, write = os.pipe()
    rights = array.array("i", [read, write] * 100)
    for _ in range(20):
        channel.sendmsg(
            [HEAD.pack(2, LOG) + b"hi"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
        )
