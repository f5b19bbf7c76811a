"""Misuses its channel to the server, which is descriptor 3."""

import array
import os
import socket
import struct
import time

HEAD = struct.Struct("<IB")
READY, RESPONSE, ERROR, BAD_EVENT, LOG, OUTPUT = 0x10, 0x12, 0x13, 0x14, 0x15, 0x16
STREAM_START, STREAM_CHUNK, STREAM_END = 0x17, 0x18, 0x19


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
    time.sleep(60)


def garbage_and_on(channel):
    """Then answers as if nothing had been."""
    channel.sendall(bytes(range(256)) * 64)


def giant(channel):
    channel.sendall(HEAD.pack(0xFFFFFFFF, RESPONSE) + b"x" * 65536)
    time.sleep(60)


def servers_own_kind(channel):
    channel.sendall(HEAD.pack(10, 0x01) + b"x" * 10)
    time.sleep(60)


def never_finished(channel):
    """A frame that begins and does not end."""
    channel.sendall(HEAD.pack(6_000_000, RESPONSE) + b"x" * 1_000_000)
    time.sleep(60)


def every_kind(channel):
    """Frames of every kind that the server knows, none of them when it is due."""
    for kind in (READY, 0x11, LOG, OUTPUT, READY):
        channel.sendall(HEAD.pack(2, kind) + b"{}")


def not_json(channel):
    """An answer that no runtime would give."""
    channel.sendall(HEAD.pack(4, ERROR) + b"\xff\xfe\x00[")


def bad_event(channel):
    """Blames the caller, who sent a good one."""
    channel.sendall(HEAD.pack(2, BAD_EVENT) + b"{}")


def tiny_frames(channel):
    """As many frames as can be, with nothing in them."""
    flood(channel, HEAD.pack(0, LOG) * 10_000)


def tiny_outputs(channel):
    """A long line that grows by one byte a frame."""
    channel.sendall(HEAD.pack(250_000, OUTPUT) + b"x" * 250_000)
    flood(channel, (HEAD.pack(1, OUTPUT) + b"x") * 10_000)


def large_logs(channel):
    flood(channel, HEAD.pack(6_000_000, LOG) + b"x" * 6_000_000)


def empty_lines(channel):
    flood(channel, HEAD.pack(50_000, OUTPUT) + b"\n" * 50_000)


def flood(channel, data):
    while True:
        channel.sendall(data)


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


def stream_without_start(channel):
    channel.sendall(HEAD.pack(1, STREAM_CHUNK) + b"x")


def stream_end_without_start(channel):
    channel.sendall(HEAD.pack(0, STREAM_END))


def stream_started_twice(channel):
    channel.sendall(HEAD.pack(1, STREAM_START) + b"x" + HEAD.pack(1, STREAM_START) + b"x")


def response_amid_stream(channel):
    channel.sendall(HEAD.pack(1, STREAM_START) + b"x" + HEAD.pack(2, RESPONSE) + b"{}")


def bad_event_amid_stream(channel):
    channel.sendall(HEAD.pack(1, STREAM_START) + b"x" + HEAD.pack(2, BAD_EVENT) + b"{}")


def ready_amid_stream(channel):
    channel.sendall(HEAD.pack(1, STREAM_START) + b"x" + HEAD.pack(0, READY))


def chunk_after_end(channel):
    channel.sendall(HEAD.pack(1, STREAM_START) + b"x" + HEAD.pack(0, STREAM_END))
    channel.sendall(HEAD.pack(1, STREAM_CHUNK) + b"x")


def endless_stream(channel):
    channel.sendall(HEAD.pack(1, STREAM_START) + b"x")
    flood(channel, HEAD.pack(60_000, STREAM_CHUNK) + b"x" * 60_000)


def tiny_chunks(channel):
    channel.sendall(HEAD.pack(1, STREAM_START) + b"x")
    flood(channel, (HEAD.pack(1, STREAM_CHUNK) + b"x") * 10_000)
