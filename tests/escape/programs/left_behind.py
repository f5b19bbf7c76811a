"""Leaves processes and threads behind that outlive its answer."""

import os
import signal
import threading

from attempts import set_marker

LINE = b"left behind\n"


def handler(event, context):
    if event.get("do") != "leave":
        return "again"
    threading.Thread(target=chatter, daemon=True).start()
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            daemon(event["marker"], write)
        os._exit(0)
    os.wait()
    return {"daemon": int(os.read(read, 20))}


def chatter():
    """Logs for as long as the environment is there."""
    pause = threading.Event()
    while True:
        print("left behind")
        pause.wait(0.01)


def daemon(marker, ready):
    """Deaf to every signal that can be refused; busy and talkative."""
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    set_marker(marker)
    os.write(ready, str(os.getpid()).encode())
    pause = threading.Event()
    while True:
        os.write(1, LINE)
        pause.wait(0.01)
