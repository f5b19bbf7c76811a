"""Connects to what it should not reach, and listens for a neighbour that should not reach it."""

import errno
import os
import selectors
import socket
import time
import urllib.request

ANSWER_S = 1.5
held = {}


def handler(event, context):
    if event["do"] == "listen":
        held["tcp"] = socket.create_server(("0.0.0.0", event["port"]))
        held["tcp"].setblocking(False)
        held["udp"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        held["udp"].bind(("0.0.0.0", event["port"]))
        held["udp"].setblocking(False)
        return {"address": own_address()}
    if event["do"] == "flood":
        return flood(event["count"])
    if event["do"] == "heard":
        return {"tcp": heard(held["tcp"].accept), "udp": heard(lambda: held["udp"].recv(100))}
    for host, port in event["targets"]:
        send_datagram(host, port)
    with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_lambent/health") as answer:
        endpoint = answer.status
    return {
        "tcp": connect_all(event["targets"]),
        "endpoint": endpoint,
        "interfaces": [name for _, name in socket.if_nameindex()],
    }


def flood(count):
    """One datagram to each of `count` destinations; 198.51.100.0/24 is nobody's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setblocking(False)
        for sent in range(count):
            try:
                one.sendto(b"x", (f"198.51.100.{sent % 250 + 1}", 1024 + sent // 250))
            except OSError:
                pass
    return count


def own_address():
    """The address that others would use; empty without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return one.getsockname()[0]


def heard(ask):
    try:
        ask()
    except BlockingIOError:
        return "nothing"
    return "something"


def send_datagram(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.sendto(b"hello", (host, port))
        except OSError:
            pass


def connect_all(targets):
    """Outcome by `host:port`, all tried at the same time."""
    outcomes = {}
    with selectors.DefaultSelector() as waiting:
        for host, port in targets:
            name = f"{host}:{port}"
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            one.setblocking(False)
            code = one.connect_ex((host, port))
            if code == errno.EINPROGRESS:
                outcomes[name] = "no answer"
                waiting.register(one, selectors.EVENT_WRITE, name)
            else:
                outcomes[name] = errno.errorcode.get(code, "connected")
        deadline = time.monotonic() + ANSWER_S
        while waiting.get_map() and time.monotonic() < deadline:
            for key, _ in waiting.select(deadline - time.monotonic()):
                code = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                outcomes[key.data] = errno.errorcode.get(code, "connected")
                waiting.unregister(key.fileobj)
    return outcomes
