"""What a Python function logs and prints, from threads, forks and signal handlers too."""

from __future__ import annotations

import json
import re

import pytest

from lambent.runtime.frames import Kind
from tests.runtime.conftest import Start
from tests.runtime.guest import REQUEST_ID


def test_text_logs_have_awss_form(start: Start) -> None:
    source = """
import logging
logging.getLogger().setLevel("INFO")
logging.info("at init")
def handler(event, context):
    logging.getLogger("x").info("caf\\u00e9 %d", 1)
    logging.debug("hidden")
"""
    guest = start(source).ready()
    assert guest.invoke() == (Kind.RESPONSE, None)
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"\[INFO\]\t{time}\t\tat init\n", guest.logs[0])
    assert re.fullmatch(rf"\[INFO\]\t{time}\t{REQUEST_ID}\tcaf\u00e9 1\n", guest.logs[1])
    assert len(guest.logs) == 2


def test_json_logs_have_awss_keys(start: Start) -> None:
    source = """
import logging
def handler(event, context):
    logging.debug("d", extra={"order": 7})
    try:
        1 / 0
    except ZeroDivisionError:
        logging.getLogger("x").exception("oh")
    raise RuntimeError("end")
"""
    level = {"AWS_LAMBDA_LOG_LEVEL": "TRACE"}
    guest = start(source, log_format="JSON", environment=level).ready()
    assert guest.invoke()[0] is Kind.ERROR
    first, second, third = (json.loads(text) for text in guest.logs)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("timestamp"))
    assert first == {
        "level": "DEBUG", "message": "d", "logger": "root", "requestId": REQUEST_ID, "order": 7,
    }  # fmt: skip
    assert second["errorType"] == "ZeroDivisionError"
    assert second["errorMessage"] == "division by zero"
    assert second["location"] == f"{guest.task}/app.py:handler:8"
    assert "1 / 0" in second["stackTrace"][0]
    assert (third["level"], third["errorType"]) == ("ERROR", "RuntimeError")


def test_output_keeps_its_order_and_comes_before_the_answer(start: Start) -> None:
    source = """
import logging, sys
def handler(event, context):
    print("one", "two")
    print("part", end="")
    sys.stderr.write("|err")
    logging.warning("log")
    sys.stdout.buffer.write(b"\\xffbytes\\n")
    print("caf\\u00e9\\n" * 2 + "rest", end="")
    return sys.stdout.fileno()
"""
    guest = start(source).ready().send()
    seen = []
    while not seen or seen[-1][0] is not Kind.RESPONSE:
        frame = guest.frame()
        assert frame
        seen.append(frame)
    assert [body for kind, body in seen if kind is not Kind.LOG] == [
        b"one two\n", b"part|err", b"\xffbytes\n", "caf\u00e9\ncaf\u00e9\nrest".encode(), b"1",
    ]  # fmt: skip
    assert [kind for kind, _ in seen].index(Kind.LOG) == 2


def test_threads_that_log_and_print_never_corrupt_the_frames(start: Start) -> None:
    source = """
import logging, threading
def talk(n):
    for i in range(200):
        print("p%d-%d" % (n, i) * 20)
        logging.error("l%d-%d" % (n, i) * 20)
def handler(event, context):
    threads = [threading.Thread(target=talk, args=(n,)) for n in range(8)]
    for t in threads: t.start()
    for t in threads: t.join()
    return "x" * 200000
"""
    guest = start(source).ready()
    assert guest.invoke() == (Kind.RESPONSE, "x" * 200_000)
    assert len(guest.logs) == 1600
    assert guest.output.count(b"\n") == 1600


def test_a_forked_child_prints_to_the_real_output_and_cannot_answer(start: Start) -> None:
    source = """
import logging, os
def handler(event, context):
    print("before", end="")
    pid = os.fork()
    if not pid:
        print("child")
        logging.error("child log")
        return "answer of the child"
    os.waitpid(pid, 0)
    return "answer"
"""
    guest = start(source).ready()
    assert guest.invoke() == (Kind.RESPONSE, "answer")
    assert guest.invoke() == (Kind.RESPONSE, "answer")
    assert guest.output == b"beforebefore"
    assert guest.logs == []
    raw = guest.raw()
    assert raw.count(b"child\n") == 2
    assert raw.count(b"\tchild log\n") == 2


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_works(start: Start, method: str) -> None:
    source = """
import multiprocessing
def work(sender, n):
    print("in the child")
    sender.send(n * 2)
def handler(event, context):
    context = multiprocessing.get_context(event)
    mine, theirs = context.Pipe(False)
    child = context.Process(target=work, args=(theirs, 21))
    child.start()
    child.join()
    return [mine.recv(), child.exitcode]
"""
    guest = start(source).ready()
    assert guest.invoke(method) == (Kind.RESPONSE, [42, 0])
    assert b"in the child" in guest.raw_until(b"child\n")


def test_a_subprocess_writes_to_the_real_output_and_has_no_channel(start: Start) -> None:
    source = """
import os, subprocess, sys
def handler(event, context):
    return subprocess.check_output(["ls", "/proc/self/fd"]).split().__len__()
"""
    guest = start(source, environment={"PATH": "/usr/bin:/bin"}).ready()
    assert guest.invoke()[1] <= 4  # the three standard ones and the folder itself


def test_a_log_event_over_cloudwatchs_bound_is_split(start: Start) -> None:
    guest = start("def handler(e, c): c.log('\\u20ac' * 100000)").ready()
    assert guest.invoke() == (Kind.RESPONSE, None)
    assert [len(text.encode()) <= 262_144 for text in guest.logs] == [True, True]
    assert "".join(guest.logs) == "\u20ac" * 100_000


def test_a_signal_handler_that_raises_while_printing_leaves_the_frames_whole(start: Start) -> None:
    source = """
import signal
class Late(Exception): pass
def ring(*_):
    print("ring")
    raise Late
signal.signal(signal.SIGALRM, ring)
def handler(event, context):
    for _ in range(100):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            while True: print("x" * 500)
        except Late:
            pass
    return "done"
"""
    guest = start(source).ready()
    assert guest.invoke() == (Kind.RESPONSE, "done")
    assert guest.output.count(b"ring\n") == 100
