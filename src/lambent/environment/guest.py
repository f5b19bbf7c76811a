"""What runs inside one environment: one sandbox after another, and the talk with its runtime.

It is the asyncio protocol of the sandbox's channel, so that a warm invocation costs one write and
one read with no task in between. A runtime that speaks the Runtime API is heard by an HttpLink
instead; its channel then only tells why it could not be started.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Protocol, cast

from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Invocation
from lambent.environment.channel import Channel
from lambent.environment.container_credentials import ContainerCredentials
from lambent.environment.http_link import HttpLink
from lambent.environment.output import OutputLog
from lambent.environment.platform import Platform
from lambent.environment.program import build_program
from lambent.environment.raw_output import RawOutput
from lambent.runtime.families.start import Link
from lambent.runtime.frames import Kind, ProtocolError, encode_invoke
from lambent.sandbox.interface import Sandbox, SandboxExit

log = logging.getLogger("lambent")


class Host(Protocol):
    """The environment, as its guest knows it."""

    def on_frame(self, kind: Kind, payload: bytes) -> None: ...

    def on_read(self) -> None:
        """The frames of one read have been told."""
        ...

    def on_exit(self, end: SandboxExit) -> None:
        """The sandbox has ended; all that it sent before has been told."""
        ...

    def on_no_sandbox(self, error: Exception) -> None:
        """None could be had."""
        ...


class Guest(asyncio.Protocol):
    """One sandbox at a time; told by `launch` and `kill` which."""

    def __init__(
        self,
        version: FunctionVersion,
        host: Host,
        platform: Platform,
        out: OutputLog,
        *,
        stream_name: str,
        init_type: str,
        template: bool = False,
    ) -> None:
        """`template`: its sandbox is to be forked once it is initialised (SnapStart)."""
        self._version = version
        self._host = host
        self._platform = platform
        self._loop = platform.loop
        self._out = out
        self._stream_name = stream_name
        self._init_type = init_type
        self._template = template
        self._credentials: ContainerCredentials | None = None
        if template or version.optimized:
            self._credentials = ContainerCredentials(lambda: platform.around.credentials(version))
        self._sandbox: Sandbox | None = None
        self._generation = 0
        self._exit: SandboxExit | None = None
        self._channel = Channel(platform.loop)
        self._http: HttpLink | None = None
        self.raw = RawOutput(out, platform.loop)
        self._start = platform.launcher.start(version)
        self.asks = self._start.link is Link.HTTP
        """Whether the runtime asks for each invocation: it is free only once it has."""

    @property
    def sandbox(self) -> Sandbox | None:
        return self._sandbox

    def launch(self) -> None:
        """Take a sandbox and start the runtime in it."""
        self._generation += 1
        self._exit = None
        self._platform.tasks.spawn(
            self._launch(self._generation), name=f"start {self._version.name}"
        )

    def send_invoke(self, invocation: Invocation, deadline_epoch_s: float) -> None:
        """Hand over one invocation. Where nobody is there any more, its end is about to be told."""
        if self._http is not None:
            self._http.invoke(invocation, deadline_epoch_s)
            return
        qualifier = invocation.qualifier
        self._channel.send(
            encode_invoke(
                deadline_epoch_s=deadline_epoch_s,
                request_id=invocation.request_id.encode(),
                trace_id=invocation.trace_id,
                tenant_id=invocation.tenant_id,
                qualifier=qualifier.encode() if qualifier else b"",
                client_context=invocation.client_context,
                event=invocation.payload,
            )
        )

    def hold(self) -> None:
        """Read no more of a response until `release`."""
        if self._http is not None:
            self._http.hold()
        else:
            self._channel.hold()

    def release(self) -> None:
        if self._http is not None:
            self._http.release()
        else:
            self._channel.release()

    def memory_peak_bytes(self) -> int:
        """0 where there is no sandbox."""
        return 0 if self._sandbox is None else self._sandbox.memory_peak_bytes()

    def distrust(self) -> None:
        """Something inside sends what no runtime sends: hear nothing more of it, and end it."""
        if self._channel.drop() or self._http is not None:
            log.warning(
                "%s broke the protocol of its channel; its environment ends", self._version.name
            )
        self._lose()

    def kill(self) -> None:
        """End the sandbox, and hear nothing more of it."""
        sandbox, self._sandbox = self._sandbox, None
        self._generation += 1
        self._channel.drop()
        http, self._http = self._http, None
        if http is not None:
            http.close()
        self.raw.unwatch()
        if sandbox is not None:
            sandbox.kill()
            self._platform.tasks.spawn(sandbox.close(), name=f"close {sandbox.sandbox_id}")

    # The channel

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._channel.connected(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        channel = self._channel
        try:
            frames = channel.decoder.feed(data)
        except ProtocolError:
            self.distrust()
            return
        wait_s = 0.0
        for kind, payload in frames:
            if channel.transport is None:
                return  # given up meanwhile
            if kind is Kind.OUTPUT:
                wait_s = max(wait_s, self._out.printed(payload))
            elif kind is Kind.LOG:
                wait_s = max(wait_s, self._out.record(payload))
            else:
                self._host.on_frame(kind, payload)
        self._host.on_read()
        if wait_s > 0.0:
            channel.pause(wait_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel.transport = None
        if self._exit is not None:
            self._host.on_exit(self._exit)
        elif not self.asks:
            # It closed its channel: it serves no more, and its end, which follows, decides. One
            # that speaks the Runtime API never had it.
            self._lose()

    # The sandbox

    async def _launch(self, generation: int) -> None:
        try:
            sandbox = await self._platform.launcher.take(self._version)
        except Exception as error:  # whatever the host refused: this environment cannot start
            log.error("no sandbox for %s: %s", self._version.name, error)
            if generation == self._generation:
                self._host.on_no_sandbox(error)
            return
        if generation != self._generation:
            sandbox.kill()
            await sandbox.close()
            return
        self._sandbox = sandbox
        self._channel = Channel(self._loop, sandbox.channel)
        self.raw.attach(sandbox.output)
        sandbox.exited.add_done_callback(lambda done: self._on_exit(generation, done))
        if self.asks:
            self._http = HttpLink(self._version, self._host)
            self._platform.runtime_apis.serve(sandbox.sandbox_id, self._http)
        elif self._credentials is not None:
            self._platform.runtime_apis.serve(sandbox.sandbox_id, self._credentials)
        try:
            program = build_program(
                self._version,
                self._platform.around,
                self._stream_name,
                self._start,
                init_type=self._init_type,
                token="" if self._credentials is None else self._credentials.token,
            )
            spec = self._platform.specs.spec(self._version, program)
            await sandbox.bind(replace(spec, template=True) if self._template else spec)
            if generation == self._generation:
                await self._loop.create_connection(lambda: self, sock=sandbox.channel)
                if generation == self._generation:
                    self.raw.watch()
        except OSError as error:
            log.warning(
                "the sandbox of %s was lost while it started: %s", self._version.name, error
            )
            self._lose()

    def _lose(self) -> None:
        """It cannot be talked to any more: its end, which follows, decides."""
        if self._sandbox is not None:
            self._sandbox.kill()

    def _on_exit(self, generation: int, done: asyncio.Future[SandboxExit]) -> None:
        if generation != self._generation or done.cancelled():
            return
        self._exit = done.result()
        if self._channel.transport is None:
            self._host.on_exit(self._exit)
        # else: what it had sent before its end is read first; then the channel is lost
