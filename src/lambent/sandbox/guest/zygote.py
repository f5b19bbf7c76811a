"""One warm interpreter that forks every sandbox of its version.

Single-threaded: it waits for the server's requests and for the end of its children, nothing else.
Messages on the control socket (one JSON object each, SOCK_SEQPACKET):

    server → zygote   {"launch": id, "cgroup": "" | "clone_into" | "write_zero",
                       "network": bool, "park": bool} with descriptors: output, and the cgroup's
                      (see CgroupEntry); `network`: a message about it will come
                      {"kill": id}; {"terminate": id}
    zygote → server   {"ready": {…}} once; {"spawned": id, "pid": n}; {"exited": id, "status": n};
                      {"refused": id, "error": text}
    child  → server   {"warmed": id} with its listening sockets; {"tmp": id} with its /tmp, to be
                      kept; {"failed": id, "error": text}

The end of the server is the end of the control socket: the zygote then exits, and the kernel kills
each child, whose parent-death signal it is.
"""

from __future__ import annotations

import array
import collections
import gc
import importlib
import json
import os
import platform
import select
import signal
import socket
import sys
import threading
from typing import Any, NoReturn

from . import first_process, jail, seccomp, syscalls

_MESSAGE_BYTES_MAX = 65536
_DESCRIPTORS_MAX = 8


def main(arguments: list[str]) -> None:
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    gc.disable()  # a collection here leaves holes all over, which forks would fill page by page
    in_user_namespace = arguments[1] == "1"
    config = json.loads(control.recv(_MESSAGE_BYTES_MAX))
    program = _load_program(config)
    machine = platform.machine()
    try:
        code = seccomp.build_filter(machine)
        template_code = seccomp.build_filter(machine, template=True)
    except ValueError:
        code = template_code = b""
    syscalls.drop_bounding_set()
    blueprint = jail.Blueprint(
        ports=tuple(config["ports"]),
        python_paths=tuple(config["python_paths"]),
        filter=syscalls.SeccompFilter(code) if code else None,
        template_filter=syscalls.SeccompFilter(template_code) if template_code else None,
        program=program,
        control=control,
        in_user_namespace=in_user_namespace,
        hidden=tuple(config["hidden"]),
    )
    _forget_own_modules()
    ready = {
        "version": platform.python_version(),
        "machine": machine,
        "user_namespace": in_user_namespace,
        "seccomp": bool(code),
        "bounding_set": True,
    }
    # A fork takes along one thread only; locks that another holds would stay locked for ever.
    if threading.active_count() != 1:
        raise RuntimeError("the guest program's preload left a thread running")
    gc.freeze()
    Zygote(control, blueprint).serve(ready)


def _load_program(config: dict[str, Any]) -> Any:
    """The guest program's module, warm; the path is then as a function sees it."""
    stdlib = [path for path in sys.path if path != "/var/rapid"]
    sys.path[:] = [config["program_path"]] + [path for path in stdlib if "-packages" not in path]
    program = importlib.import_module(config["program"])
    preload = getattr(program, config["preload"], None)
    if preload is not None:
        preload()
    os.environ.clear()
    return program


def _forget_own_modules() -> None:
    """A function may have a module named `guest` too."""
    for name in list(sys.modules):
        if name == "guest" or name.startswith("guest."):
            del sys.modules[name]
    sys.path_importer_cache.clear()


class Zygote:
    """The loop: requests in, children out."""

    def __init__(self, control: socket.socket, blueprint: jail.Blueprint) -> None:
        self._control = control
        self._blueprint = blueprint
        self._pids: dict[str, int] = {}
        self._ids: dict[int, str] = {}
        self._unsent: collections.deque[bytes] = collections.deque()
        self._wakeup, wakeup_write = socket.socketpair()
        self._wakeup.setblocking(False)
        wakeup_write.setblocking(False)
        self._wakeup_write = wakeup_write
        signal.signal(signal.SIGCHLD, _ignore)
        signal.set_wakeup_fd(wakeup_write.fileno(), warn_on_full_buffer=False)

    def serve(self, ready: dict[str, object]) -> None:
        self._send({"ready": ready})
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._wakeup, select.POLLIN)
        while True:
            for descriptor, events in poll.poll():
                if descriptor == self._wakeup.fileno():
                    self._reap()
                elif events & select.POLLOUT:
                    self._flush()
                elif not self._receive():
                    self._end()
            wanted = select.POLLIN | (select.POLLOUT if self._unsent else 0)
            poll.modify(self._control, wanted)

    def _receive(self) -> bool:
        """Do one request; False when the server is gone."""
        space = socket.CMSG_SPACE(_DESCRIPTORS_MAX * 4)
        try:
            data, ancillary, _, _ = self._control.recvmsg(_MESSAGE_BYTES_MAX, space)
        except ConnectionError:
            return False
        if not data:
            return False
        descriptors = array.array("i")
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(payload[: len(payload) // 4 * 4])
        request = json.loads(data)
        if "launch" in request:
            self._launch(request, list(descriptors))
        elif "terminate" in request:
            self._signal(request["terminate"], signal.SIGTERM)
        else:
            self._signal(request["kill"], signal.SIGKILL)
        return True

    def _launch(self, request: dict[str, Any], descriptors: list[int]) -> None:
        sandbox_id = request["launch"]
        channel, output, *cgroup = descriptors
        into = cgroup.pop() if request["cgroup"] == "clone_into" else None
        try:
            pid = syscalls.fork_into(jail.NAMESPACES, into, as_parent=True)
        except OSError as error:
            self._send({"refused": sandbox_id, "error": str(error)})
        else:
            if pid == 0:
                first_process.run(
                    self._blueprint,
                    sandbox_id,
                    channel_fd=channel,
                    output_fd=output,
                    cgroup_fds=cgroup,
                    with_network=request["network"],
                    park=request["park"],
                )
            self._pids[sandbox_id] = pid
            self._ids[pid] = sandbox_id
            self._send({"spawned": sandbox_id, "pid": pid})
        for descriptor in descriptors:
            os.close(descriptor)

    def _signal(self, sandbox_id: str, number: int) -> None:
        # Only this process reaps, so the pid cannot have passed to another.
        pid = self._pids.get(sandbox_id)
        if pid is not None:
            os.kill(pid, number)

    def _reap(self) -> None:
        try:
            while self._wakeup.recv(4096):
                pass
        except BlockingIOError:
            pass
        while self._ids:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            sandbox_id = self._ids.pop(pid, None)
            if sandbox_id is not None:
                del self._pids[sandbox_id]
                self._send({"exited": sandbox_id, "status": status})

    def _send(self, message: dict[str, object]) -> None:
        """In order, never blocking: while the server is slow its messages wait here.

        Bounded by three for each sandbox, whose number the server bounds.
        """
        self._unsent.append(json.dumps(message).encode())
        self._flush()

    def _flush(self) -> None:
        while self._unsent:
            try:
                self._control.send(self._unsent[0], socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except ConnectionError:
                self._end()
            self._unsent.popleft()

    def _end(self) -> NoReturn:
        """The server is gone. A function may have switched off its own parent-death signal."""
        for pid in self._ids:
            os.kill(pid, signal.SIGKILL)
        os._exit(0)


def _ignore(number: int, frame: object) -> None:
    """SIGCHLD needs a handler to reach the wakeup descriptor."""
