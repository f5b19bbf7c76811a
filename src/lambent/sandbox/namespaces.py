"""Sandboxes of Linux namespaces: the default backend, as root or not.

One zygote for each interpreter, started on first need, forks every sandbox; see zygote_process.py
for our side of it and guest/ for what runs inside.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import secrets
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lambent.domain.errors import PlatformFault
from lambent.domain.interpreter import Interpreter

from .cgroups import CgroupBackend, CgroupsUnavailable
from .interface import GuestProgram, HostFolder, IsolationReport, Sandbox, Template
from .namespace_report import HostFacts, describe_isolation
from .namespace_sandbox import COMPILE_SECONDS_MAX, NamespaceSandbox, Parent
from .network import Network
from .remains import Uids
from .root_plan import RootPlan, plan_root
from .template_link import TemplateLink
from .zygote_process import ZygoteFailed, ZygoteProcess, launcher_command

__all__ = ["NamespaceBackend", "NamespacesUnavailable", "ZygoteFailed", "probe_host"]

PRELOAD = "preload"
"""The guest program's function that a zygote calls unless told otherwise."""
_IDLE_FOLDER_ZYGOTES_MAX = 4
"""A zygote with folders of the host serves few functions: no more wait for them than this."""
_UID_OF_TEMPLATE = -1
_PROBE_TIMEOUT_S = 10.0
_COMPILE_TIMEOUT_S = COMPILE_SECONDS_MAX + 2.0
_COMPILE_MEMORY_MIB = 1024
_COMPILE_TMP_MIB = 512
_PYTHON_PATHS = ("/var/task", "/opt/python/lib/{python}/site-packages", "/opt/python")


class NamespacesUnavailable(PlatformFault):
    """This host gives no namespaces; the text says why and what would help."""


async def probe_host() -> HostFacts:
    """Try once, in a process of its own (about 30 ms). Raises NamespacesUnavailable."""
    process = await asyncio.create_subprocess_exec(
        *launcher_command("probe"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},
        cwd="/",
    )
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        raise NamespacesUnavailable("this host cannot give namespaces: the trial hung") from None
    if process.returncode != 0:
        text = errors.decode(errors="replace").strip().splitlines()
        raise NamespacesUnavailable(f"this host cannot give namespaces: {text[-1:]}")
    found = json.loads(output)
    if found["namespaces"]:
        raise NamespacesUnavailable(
            f"this host cannot give namespaces: {found['namespaces']}. As an ordinary user they "
            "need sysctl user.max_user_namespaces > 0, kernel.unprivileged_userns_clone = 1 "
            "(Debian) and kernel.apparmor_restrict_unprivileged_userns = 0 (Ubuntu); in a "
            "container, CAP_SYS_ADMIN."
        )
    return HostFacts(
        as_root=os.geteuid() == 0 and not found["user_namespace"],
        user_namespace=found["user_namespace"],
        proc_error=found["proc"],
        tmp_error=found["tmp"],
        machine=os.uname().machine,
    )


ZygoteKey = tuple[Path, str, tuple[HostFolder, ...], tuple[int, ...]]
"""Interpreter, what is loaded, folders, and their inodes: a folder may go and come back."""


class NamespaceBackend:
    """See interface.SandboxBackend."""

    def __init__(
        self,
        *,
        code_root: Path,
        programs: Callable[[Interpreter], GuestProgram],
        inside_ports: Sequence[int],
        on_listener: Callable[[str, int, socket.socket], None],
        on_closed: Callable[[str], None] = lambda _: None,
        cgroups: CgroupBackend | CgroupsUnavailable,
        network: Network,
        hidden: Sequence[Path] = (),
    ) -> None:
        """`code_root` holds every folder that is ever bound. `on_listener` gets each sandbox's
        listening sockets (id, port, socket) and owns them until `on_closed` of that id: an open
        one keeps the sandbox's whole network alive.
        """
        self._code_root = code_root.resolve()
        self._programs = programs
        self._ports = tuple(inside_ports)
        self._on_listener = on_listener
        self._on_closed = on_closed
        self._cgroups = cgroups
        self._network = network
        self._hidden = tuple(hidden)
        self._facts: HostFacts | None = None
        self._zygotes: dict[ZygoteKey, ZygoteProcess] = {}
        self._starting: dict[ZygoteKey, asyncio.Lock] = {}
        self._sandboxes: dict[str, NamespaceSandbox] = {}
        self._uids = Uids()
        self._stopped = False

    async def start(self) -> None:
        """Raises NamespacesUnavailable."""
        self._facts = await probe_host()
        _raise_open_files_limit()
        if not isinstance(self._cgroups, CgroupsUnavailable):
            await self._cgroups.clean_leftovers()
        await self._network.start()

    async def launch(
        self,
        interpreter: Interpreter,
        *,
        preload: str = PRELOAD,
        park: bool = False,
        folders: tuple[HostFolder, ...] = (),
    ) -> NamespaceSandbox:
        """A blank sandbox whose process exists; it warms up meanwhile (`warmed`).

        Raises ZygoteFailed, OSError.
        """
        return await self._launch(
            interpreter, preload, with_network=True, park=park, folders=folders
        )

    async def compile(
        self, interpreter: Interpreter, folder: Path, *, preload: str = PRELOAD
    ) -> None:
        """Compile *.py under `folder`; whatever goes wrong leaves it as it was, or partly done."""
        try:
            sandbox = await self._launch(interpreter, preload, with_network=False, park=False)
        except (ZygoteFailed, OSError):
            return
        try:
            await sandbox.bind_compiler(
                folder, memory_mib=_COMPILE_MEMORY_MIB, tmp_mib=_COMPILE_TMP_MIB
            )
            async with asyncio.timeout(_COMPILE_TIMEOUT_S):
                await asyncio.shield(sandbox.exited)
        except (TimeoutError, OSError):
            pass
        finally:
            await sandbox.close()

    def open_template(self, sandbox: Sandbox) -> TemplateLink:
        assert isinstance(sandbox, NamespaceSandbox)
        return TemplateLink(sandbox)

    async def restore(self, template: Template) -> NamespaceSandbox:
        """Raises ZygoteFailed, OSError."""
        assert isinstance(template, TemplateLink)
        return await self._fork(template, _UID_OF_TEMPLATE, with_network=True, park=False)

    async def stop(self) -> None:
        self._stopped = True
        for sandbox in list(self._sandboxes.values()):
            sandbox.kill()
        for zygote in list(self._zygotes.values()):
            await zygote.stop()
        self._zygotes.clear()
        for sandbox in list(self._sandboxes.values()):
            await sandbox.close()
        await self._network.stop()
        if not isinstance(self._cgroups, CgroupsUnavailable):
            await self._cgroups.remove_all()

    def report(self) -> IsolationReport:
        """What is enforced; before `start` nothing is known to be."""
        return describe_isolation(
            self._facts,
            cgroup_items=self._cgroups.report_items(),
            network_items=self._network.report_items(),
            freezing=self._cgroups.describe_freezer(),
        )

    async def _launch(
        self,
        interpreter: Interpreter,
        preload: str,
        *,
        with_network: bool,
        park: bool,
        folders: tuple[HostFolder, ...] = (),
    ) -> NamespaceSandbox:
        zygote = await self._zygote(interpreter, preload, folders)
        return await self._fork(
            zygote, self._uids.take(), with_network=with_network, park=park, folders=folders
        )

    async def _fork(
        self,
        parent: Parent,
        uid: int,
        *,
        with_network: bool,
        park: bool,
        folders: tuple[HostFolder, ...] = (),
    ) -> NamespaceSandbox:
        ours, theirs = socket.socketpair()
        output, output_write = os.pipe()
        ours.setblocking(False)
        os.set_blocking(output, False)
        sandbox = NamespaceSandbox(
            secrets.token_hex(8),
            zygote=parent,
            channel=ours,
            output=output,
            uid=uid,
            uids=self._uids,
            code_root=self._code_root,
            folders=folders,
            on_listeners=self._pass_listeners,
            release=self._release,
            template=parent.sandbox if isinstance(parent, TemplateLink) else None,
        )
        self._sandboxes[sandbox.sandbox_id] = sandbox
        inside = [theirs.detach(), output_write]
        try:
            how, cgroup_fds = self._make_cgroup(sandbox)
            inside += cgroup_fds
            handed, inside = inside, []
            sandbox.pid = await parent.spawn(
                sandbox, handed, cgroup=how, network=with_network, park=park
            )
            if with_network:
                sandbox.network = self._network
                if park:  # else `bind` does it, while the sandbox mounts its code
                    await sandbox.attach_network()
        except BaseException:
            for descriptor in inside:
                os.close(descriptor)
            if not parent.knows(sandbox.sandbox_id):
                sandbox.on_exited(signal.SIGKILL)  # it never was
            await sandbox.close()
            raise
        return sandbox

    def _make_cgroup(self, sandbox: NamespaceSandbox) -> tuple[str, tuple[int, ...]]:
        """How the new process enters its cgroup, and the descriptors for it."""
        if isinstance(self._cgroups, CgroupsUnavailable):
            return "", ()
        sandbox.cgroup = self._cgroups.create(sandbox.sandbox_id)
        entry = sandbox.cgroup.entry()
        if entry.clone_into is not None:
            return "clone_into", (entry.clone_into,)
        return "write_zero", entry.write_zero

    async def _zygote(
        self, interpreter: Interpreter, preload: str, folders: tuple[HostFolder, ...]
    ) -> ZygoteProcess:
        """The running one, else a new one; those who ask meanwhile wait for the same."""
        if self._stopped:
            raise ZygoteFailed("the backend is stopped")
        inodes = tuple(os.stat(folder.source).st_ino for folder in folders)
        key = (interpreter.executable, preload, folders, inodes)
        zygote = self._zygotes.get(key)
        if zygote is not None and zygote.alive:
            return zygote
        async with self._starting.setdefault(key, asyncio.Lock()):
            zygote = self._zygotes.get(key)
            if zygote is not None and zygote.alive:
                return zygote
            zygote = ZygoteProcess(interpreter)
            self._zygotes[key] = zygote
            program = self._programs(interpreter)
            plan = self._plan(interpreter, program, folders)
            await zygote.start(
                plan.to_json(), self._zygote_config(interpreter, program, plan, preload)
            )
            return zygote

    async def _stop_idle_zygotes(self) -> None:
        """Those with folders of the host that nothing was forked from any more; oldest first."""
        used = {sandbox.zygote for sandbox in self._sandboxes.values()}
        idle = [
            key
            for key, zygote in self._zygotes.items()
            if key[2] and zygote not in used and not self._starting[key].locked()
        ]
        for key in idle[: max(0, len(idle) - _IDLE_FOLDER_ZYGOTES_MAX)]:
            self._starting.pop(key)
            await self._zygotes.pop(key).stop()

    def _plan(
        self, interpreter: Interpreter, program: GuestProgram, folders: tuple[HostFolder, ...]
    ) -> RootPlan:
        return plan_root(
            interpreter,
            code_root=self._code_root,
            program=program,
            resolv_conf=self._network.resolv_conf(),
            hidden=(self._code_root, *self._hidden),
            folders=folders,
        )

    def _zygote_config(
        self, interpreter: Interpreter, program: GuestProgram, plan: RootPlan, preload: str
    ) -> Mapping[str, object]:
        return {
            "ports": self._ports,
            "python_paths": [path.format(python=interpreter.runtime) for path in _PYTHON_PATHS],
            "program": program.module,
            "program_path": plan.program_path,
            "hidden": plan.hidden,
            "preload": preload,
        }

    def _pass_listeners(self, sandbox_id: str, listeners: list[int]) -> None:
        for port, descriptor in zip(self._ports, listeners, strict=True):
            listener = socket.socket(fileno=descriptor)
            if sandbox_id not in self._sandboxes:  # it was closed before it could say so
                listener.close()
                continue
            listener.setblocking(False)
            self._on_listener(sandbox_id, port, listener)

    async def _release(self, sandbox: NamespaceSandbox) -> None:
        """Give back what the backend lent."""
        self._sandboxes.pop(sandbox.sandbox_id, None)
        self._on_closed(sandbox.sandbox_id)
        self._uids.give_back(sandbox.uid)
        await self._network.detach(sandbox.sandbox_id)
        await self._stop_idle_zygotes()


def _raise_open_files_limit() -> None:
    """A sandbox takes about seven descriptors; the usual soft limit of 1,024 is for select(2)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
