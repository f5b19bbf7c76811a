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


def run_template(channel, program, forks):
    """Runs the source, answers why it cannot be forked (`result`), then runs what forks are told.

    Names that the source leaves are there in the forks.
    """
    names = {"channel": channel}
    exec(compile(program, "program", "exec"), names)
    channel.sendall(json.dumps({"result": forks.refusal()}).encode() + b"\n")
    channel, program = forks.wait(channel)
    names.update({"channel": channel, "result": None})
    try:
        exec(compile(program, "program", "exec"), names)
        answer = {"result": names["result"]}
    except Exception:
        answer = {"error": traceback.format_exc()}
    channel.sendall(json.dumps(answer).encode() + b"\n")
    channel.recv(1)
