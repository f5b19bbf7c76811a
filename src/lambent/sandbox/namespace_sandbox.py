"""One sandbox of the namespaces backend, as the server sees it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from .cgroups import Cgroup
from .freezing import continue_all, pids_below, stop_all
from .interface import HostFolder, Remains, SandboxExit, SandboxSpec
from .network import Network
from .remains import NamespaceRemains, Uids
from .root_plan import stage
from .zygote_process import Spawned

_BIND_HEADER = struct.Struct("<II")
_MIB = 1024 * 1024
COMPILE_SECONDS_MAX = 10


class Parent(Protocol):
    """What a sandbox is forked by: a zygote, or a template."""

    async def spawn(
        self,
        sandbox: Spawned,
        descriptors: list[int],
        *,
        cgroup: str,
        network: bool,
        park: bool,
    ) -> int: ...

    def knows(self, sandbox_id: str) -> bool: ...

    def kill(self, sandbox_id: str) -> None: ...

    def terminate(self, sandbox_id: str) -> None: ...


class NamespaceSandbox:
    """Lives from `launch` to `close`; see interface.Sandbox."""

    def __init__(
        self,
        sandbox_id: str,
        *,
        zygote: Parent,
        channel: socket.socket,
        output: int,
        uid: int,
        uids: Uids,
        code_root: Path,
        folders: Sequence[HostFolder],
        on_listeners: Callable[[str, list[int]], None],
        release: Callable[[NamespaceSandbox], Awaitable[None]],
        template: NamespaceSandbox | None = None,
    ) -> None:
        """`template`: what it is the fork of; it then has its code already."""
        loop = asyncio.get_running_loop()
        self.sandbox_id = sandbox_id
        self.channel = channel
        self.output = output
        self.exited: asyncio.Future[SandboxExit] = loop.create_future()
        self.warmed: asyncio.Future[None] = loop.create_future()
        """Done when it waits for `bind`; also done, without a result's meaning, when it ended."""
        self.failure = ""
        """Why the jail could not be shut; the exit code is then 71."""
        self.pid = 0
        """Of its first process, in the host's numbers; 0 before it is known."""
        self.uid = uid
        self._uids = uids
        self._tmp = -1
        self.cgroup: Cgroup | None = None
        self.network: Network | None = None
        """Where its interface is still to be attached."""
        self.zygote = zygote
        self._code_root = code_root
        self._folders = [[staged, folder.target] for staged, folder in stage(folders)]
        self._on_listeners = on_listeners
        self._release = release
        self._restored = template is not None
        self._shared_bytes = 0 if template is None else template.memory_peak_bytes()
        self._out_of_memory = False
        self._bound = False
        self._closed = False

    async def attach_network(self) -> None:
        """Make its interface and tell it, once; it then brings that up. Raises OSError."""
        network, self.network = self.network, None
        if network is None:
            return
        interface = await network.attach(self.sandbox_id, self.pid)
        settings = {"name": ""} if interface is None else dataclasses.asdict(interface)
        await self._send({"kind": "network", **settings}, b"")

    async def bind(self, spec: SandboxSpec, remains: Remains | None = None) -> None:
        """Set limits and hand over the code; returns when it is told, not when it runs.

        A jail that cannot be shut shows as an exit with code 71 and `failure`. Raises OSError
        (cgroup limits), ValueError (code outside of the code root).
        """
        assert not self._bound, "a sandbox is bound once"
        assert remains is None or isinstance(remains, NamespaceRemains)
        if remains is not None:
            self.uid, remains.uid = remains.uid, self.uid
        settings = self._settings(spec)
        self._bound = True
        try:
            await self._bind(spec, settings, [] if remains is None else [remains.tmp])
        finally:
            if remains is not None:
                remains.close()

    async def _bind(
        self, spec: SandboxSpec, settings: Mapping[str, object], descriptors: Sequence[int]
    ) -> None:
        if self.cgroup is not None:
            self.cgroup.limit(
                memory_mib=spec.memory_mib,
                tmp_mib=spec.tmp_mib,
                vcpus=spec.vcpus,
                processes_max=spec.processes_max,
            )
        await self._send(settings, spec.program, descriptors)
        await self.attach_network()
        if self.cgroup is not None and not self.exited.done():
            self.cgroup.watch(self._on_out_of_memory)  # 0.1 ms, while the jail is being shut

    async def bind_compiler(self, folder: Path, *, memory_mib: int, tmp_mib: int) -> None:
        """Have it compile `folder` instead of running a program."""
        self._bound = True
        if self.cgroup is not None:
            self.cgroup.limit(memory_mib=memory_mib, tmp_mib=tmp_mib, vcpus=1.0, processes_max=16)
        settings: dict[str, object] = {
            "kind": "compile",
            "root": None,
            "task": self._relative(folder),
            "opt": None,
            "folders": [],
            "tmp_mib": tmp_mib,
            "hostname": "compile",
            "processes_max": 16,
            "uid": self.uid,
            "data_bytes_max": memory_mib * _MIB,
            "seconds_max": COMPILE_SECONDS_MAX,
        }
        await self._send(settings, b"")

    def remains(self) -> Remains | None:
        if self._tmp < 0:
            return None
        tmp, self._tmp = self._tmp, -1
        return NamespaceRemains(tmp, self.uid, self._uids)

    def memory_peak_bytes(self) -> int:
        """Highest use of memory so far; without cgroups what the first process held, or 0.

        A fork's with all that it has of its template, though much of that is there but once.
        """
        if self.cgroup is not None:
            return self._shared_bytes + self.cgroup.peak_bytes()
        if self.exited.done() or not self.pid:
            return 0
        try:
            with open(f"/proc/{self.pid}/status") as status:
                line = next(line for line in status if line.startswith("VmHWM:"))
        except (OSError, StopIteration):
            return 0
        return int(line.split()[1]) * 1024

    def kill(self) -> None:
        """SIGKILL to the first process, with which its whole pid namespace goes; idempotent."""
        if not self.exited.done():
            self.zygote.kill(self.sandbox_id)

    def freeze(self) -> None:
        if self.exited.done():
            return
        if self.cgroup is not None:
            self.cgroup.freeze()
        elif self.pid:
            stop_all(lambda: pids_below(self.pid))

    def thaw(self) -> None:
        if self.exited.done():
            return
        if self.cgroup is not None:
            self.cgroup.thaw()
        elif self.pid:
            continue_all(lambda: pids_below(self.pid))

    def terminate(self) -> None:
        if not self.exited.done():
            self.zygote.terminate(self.sandbox_id)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self.kill()
        await asyncio.shield(self.exited)
        self.channel.close()
        os.close(self.output)
        if self._tmp >= 0:
            os.close(self._tmp)
            self._tmp = -1
        await self._release(self)
        if self.cgroup is not None:
            await self.cgroup.close()

    def on_warmed(self, listeners: list[int]) -> None:
        if not self.warmed.done():
            self.warmed.set_result(None)
        self._on_listeners(self.sandbox_id, listeners)

    def on_tmp(self, descriptor: int) -> None:
        self._tmp = descriptor

    def on_failed(self, error: str) -> None:
        self.failure = error

    def on_exited(self, status: int) -> None:
        """`status` is as of waitpid(2); also called when the zygote took it down with it."""
        if not self.warmed.done():
            self.warmed.set_result(None)
        if self.exited.done():
            return
        killed = os.WIFSIGNALED(status)
        number = os.WTERMSIG(status) if killed else None
        out_of_memory = self._out_of_memory
        if self.cgroup is not None and not out_of_memory and number == signal.SIGKILL:
            out_of_memory = self.cgroup.was_out_of_memory()
        code = None if killed else os.WEXITSTATUS(status)
        self.exited.set_result(SandboxExit(code=code, signal=number, out_of_memory=out_of_memory))

    def _on_out_of_memory(self) -> None:
        self._out_of_memory = True
        self.kill()

    def _settings(self, spec: SandboxSpec) -> dict[str, object]:
        return {
            "kind": "restore" if self._restored else "template" if spec.template else "run",
            "root": None if spec.root_dir is None else self._relative(spec.root_dir),
            "task": None if spec.task_dir is None else self._relative(spec.task_dir),
            "opt": None if spec.opt_dir is None else self._relative(spec.opt_dir),
            "folders": self._folders,
            "tmp_mib": spec.tmp_mib,
            "hostname": spec.hostname,
            "processes_max": spec.processes_max,
            "uid": self.uid,
            # Without cgroups the kernel can still bound what one process takes.
            "data_bytes_max": None if self.cgroup is not None else spec.memory_mib * _MIB,
        }

    def _relative(self, folder: Path) -> str:
        relative = folder.relative_to(self._code_root)
        if ".." in relative.parts:
            raise ValueError(f"{folder} is not inside {self._code_root}")
        return str(relative)

    async def _send(
        self, settings: Mapping[str, object], program: bytes, descriptors: Sequence[int] = ()
    ) -> None:
        encoded = json.dumps(settings).encode()
        message = _BIND_HEADER.pack(len(encoded), len(program)) + encoded + program
        try:
            if descriptors:
                sent = socket.send_fds(self.channel, [message], descriptors)
            else:
                sent = self.channel.send(message)
        except BlockingIOError:
            if descriptors:
                raise  # nothing was sent before but a few bytes about its network
            sent = 0
        except (BrokenPipeError, ConnectionResetError):
            return  # it ended: `exited` says how
        if sent < len(message):
            await asyncio.get_running_loop().sock_sendall(self.channel, message[sent:])
