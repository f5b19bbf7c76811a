"""A guest program for tests: runs the Python source it is given, answers its `result` as JSON."""

import json
import traceback


def run(channel, program):
    names = {"channel": channel, "result": None}
    try:
        exec(compile(program, "program", "exec"), names)
        answer = {"result": names["result"]}
    except Exception:
        answer = {"error": traceback.format_exc()}
    channel.sendall(json.dumps(answer).encode() + b"\n")
    channel.recv(1)  # stays until it is killed or let go
