"""What runs inside one environment: one sandbox after another, and the talk with its runtime.

It is the asyncio protocol of the sandbox's channel, so that a warm invocation costs one write and
one read with no task in between. A runtime that speaks the Runtime API is heard by an HttpLink
instead; its channel then only tells why it could not be started. What a wrapper script starts may
speak either: both are heard until one has said that it is ready.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, cast

from lambent.domain.function import FunctionVersion
from lambent.domain.invocation import Invocation
from lambent.environment import container_credentials, extension_api, http_link, telemetry_api
from lambent.environment.ahead import START_PATH, STARTED
from lambent.environment.arrival import Ear
from lambent.environment.channel import Channel, Farewell, take_over
from lambent.environment.container_credentials import ContainerCredentials
from lambent.environment.extended import Extended
from lambent.environment.http_link import HttpLink
from lambent.environment.kept import Done, Kept
from lambent.environment.lifecycle import Event
from lambent.environment.output import ExtensionOutput, OutputLog
from lambent.environment.platform import Platform, StartedAhead
from lambent.environment.port_api import MANAGED, PortApi
from lambent.environment.program import build_program
from lambent.environment.raw_output import RawOutput
from lambent.environment.telemetry import Telemetry
from lambent.runtime.api.arrival import decide_link
from lambent.runtime.api.extensions import Extension, ShutdownReason
from lambent.runtime.families.start import Link
from lambent.runtime.frames import Kind, ProtocolError, encode_invoke, encode_start
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

    def on_extensions(self, extensions: Sequence[Extension]) -> None:
        """The init is over, for better or worse; where its extensions stand."""
        ...

    def on_failed(self, error_type: str, text: str) -> None:
        """An extension ended the environment."""
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
        telemetry: Telemetry | None = None,
        template: bool = False,
        ahead: StartedAhead | None = None,
    ) -> None:
        """`telemetry`: where there are external extensions. `template`: its sandbox is to be forked
        once it is initialised (SnapStart). `ahead`: the sandbox of its first launch.
        """
        self._version = version
        self._host = host
        self._platform = platform
        self._loop = platform.loop
        self._out = out
        self._stream_name = stream_name
        self._init_type = init_type
        self._template = template
        self._ahead = ahead
        self._telemetry = telemetry
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
        self._settled: Link | None = None
        self.asks = False
        """Whether the runtime asks for each invocation: it is free only once it has."""
        self._port = PortApi()
        self._hears: http_link.Listener = host
        """Who is told what the runtime says: the host, or first its extensions."""
        self._extended: Extended | None = None
        self.extends = False
        """Whether extensions have to be done as well."""
        self._leaving = 0
        self._after: list[Callable[[], None]] = []
        self.kept = Kept()

    @property
    def sandbox(self) -> Sandbox | None:
        return self._sandbox

    def launch(self) -> None:
        """Take a sandbox and start the runtime in it."""
        self._generation += 1
        self._exit = None
        self._settled = None if self._may_be_replaced else self._start.link
        self.asks = self._settled is Link.HTTP
        self._listen()
        self._platform.tasks.spawn(
            self._launch(self._generation), name=f"start {self._version.name}"
        )

    def send_invoke(self, invocation: Invocation, deadline_epoch_s: float) -> None:
        """Hand over one invocation. Where nobody is there any more, its end is about to be told."""
        qualifier = invocation.qualifier
        if self.extends:
            arn = f"{self._version.arn}:{qualifier}" if qualifier else self._version.arn
            assert self._extended is not None
            self._extended.invoke(invocation, arn, deadline_epoch_s)
        if self._http is not None:
            self._http.invoke(invocation, deadline_epoch_s)
            return
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

    def initialised(self) -> None:
        """The init is over: no extension can come any more."""
        if self._extended is not None:
            self._extended.close_registration()

    async def connect(self, port: int) -> socket.socket:
        """To a port of the sandbox's own loopback. Raises ConnectionError."""
        if self._extended is None:
            raise ConnectionResetError("the sandbox is gone")
        return await self._extended.connect(port)

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

    def freeze(self) -> None:
        if self._sandbox is not None:
            self._sandbox.freeze()

    def thaw(self) -> None:
        if self._sandbox is not None:
            self._sandbox.thaw()

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

    def kill(
        self, reason: ShutdownReason = ShutdownReason.SPINDOWN, kept: Done | None = None
    ) -> None:
        """End the sandbox, and hear nothing more of it but its log.

        Where there are extensions it is given time to leave; another may be launched meanwhile.
        """
        sandbox, self._sandbox = self._sandbox, None
        self._generation += 1
        http, self._http = self._http, None
        if http is not None:
            http.close()
        extended, self._extended = self._extended, None
        leaves = self.extends and sandbox is not None and not sandbox.exited.done()
        self.extends = False
        self._listen()
        if extended is not None and sandbox is not None and leaves:
            self._channel.hand_over(Farewell(self._out))
            self._leaving += 1
            self._platform.endings.begin()
            end = partial(self._left, sandbox, self._channel, self.raw, kept)
            self._channel = Channel(self._loop)
            self.raw = RawOutput(self._out, self._loop)
            extended.leave(reason, sandbox, end)
            return
        if extended is not None:
            extended.close()
        self._end(sandbox, self._channel, self.raw, kept)

    def reset(self, reason: ShutdownReason, done: Done) -> None:
        """As `kill`; tells once all has ended whether its /tmp is kept for the next `launch`."""
        running = self._sandbox is not None
        self.kill(reason, done)
        if not running:
            done(self.kept.is_any)

    def after_end(self, perform: Callable[[], None]) -> None:
        """Do it when nothing more will come, of what is being ended either."""
        if self._leaving:
            self._after.append(perform)
        else:
            perform()

    def _left(self, sandbox: Sandbox, channel: Channel, raw: RawOutput, kept: Done | None) -> None:
        raw.drain()
        self._end(sandbox, channel, raw, kept)
        self._leaving -= 1
        self._platform.endings.end()
        if not self._leaving:
            after, self._after = self._after, []
            for perform in after:
                perform()

    def _end(
        self, sandbox: Sandbox | None, channel: Channel, raw: RawOutput, kept: Done | None
    ) -> None:
        channel.drop()
        raw.unwatch()
        if sandbox is not None:
            sandbox.kill()
            closing = self.kept.close(sandbox, kept)
            self._platform.tasks.spawn(closing, name=f"close {sandbox.sandbox_id}")

    # What an HttpLink tells; a channel's frames go the shorter way

    def on_frame(self, kind: Kind, payload: bytes) -> None:
        self._hears.on_frame(kind, payload)

    def on_read(self) -> None:
        self._hears.on_read()

    def answered(self, *, failed: bool) -> Event:
        """What it is when the runtime has answered.

        AWS's client for Java logs an error once that is told: END waits until it asks again.
        """
        if self.extends or (self.asks and failed):
            return Event.EXTENDED
        return Event.ANSWERED if self.asks else Event.RESPONDED

    # extended.Runtime

    def extend(self) -> None:
        assert self._extended is not None
        self.extends = True
        self._listen()

    def hear(self, pipe: int, tap: Callable[[str], None]) -> None:
        self.raw.add(pipe, ExtensionOutput(self._out, tap))

    def adopt(self, frames: socket.socket | None) -> None:
        if frames is not None:
            channel = self._channel = Channel(self._loop, frames)
            connecting = take_over(self._loop, frames, self, lambda: self._channel is channel)
            self._platform.tasks.spawn(connecting, name=f"connect {self._version.name}")

    def lost(self, end: SandboxExit) -> None:
        if end.signal == signal.SIGKILL:  # for want of memory, perhaps: then all of it must end
            self._lose()
            return
        self._ended(end)

    # How the runtime of a wrapper script speaks

    @property
    def _may_be_replaced(self) -> bool:
        return bool(self._start.wrapper) and self._start.link is Link.FRAMES

    @property
    def _listener(self) -> http_link.Listener:
        return self._extended if self.extends and self._extended is not None else self._host

    def _listen(self) -> None:
        if self._settled is None:
            self._hears = Ear(Link.FRAMES, self._heard, self._host.on_read)
        else:
            self._hears = self._listener

    def _heard(self, by: Link, kind: Kind, payload: bytes) -> None:
        settled = decide_link(self._settled, by, kind)
        if settled is not self._settled:
            self._settle(settled)
        self._listener.on_frame(kind, payload)

    def _settle(self, link: Link | None) -> None:
        self._settled = link
        self.asks = link is Link.HTTP
        self._listen()
        if self.asks:
            self._channel.drop()
        elif self._http is not None:
            self._http.close()
            self._http = None
            self._port.add(http_link.PREFIX, MANAGED)

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
                self._hears.on_frame(kind, payload)
        self._hears.on_read()
        if wait_s > 0.0:
            channel.pause(wait_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel.transport = None
        if self._exit is not None:
            self._host.on_exit(self._exit)
        elif self._settled is Link.FRAMES:
            # It closed its channel: it serves no more, and its end, which follows, decides. One
            # that speaks the Runtime API never had it.
            if self._extended is not None and self._extended.supervises:
                self._extended.kill_runtime()
            else:
                self._lose()

    # The sandbox

    async def _launch(self, generation: int) -> None:
        ahead, self._ahead = self._ahead, None
        try:
            if ahead is not None:
                sandbox = ahead.sandbox
            else:
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
        names = self._platform.specs.extensions(self._version)
        supervised = bool(names) or self._platform.debugger is not None
        self._serve(sandbox, names)
        try:
            if ahead is not None:
                await self._begin(sandbox, generation)
                return
            program = build_program(
                self._version,
                self._platform.around,
                self._stream_name,
                self._start,
                init_type=self._init_type,
                token="" if self._credentials is None else self._credentials.token,
                supervised=supervised,
                debugger=self._platform.debugger,
            )
            spec = self._platform.specs.spec(self._version, program)
            spec = replace(spec, template=True) if self._template else spec
            await sandbox.bind(spec, self.kept.take())
            if generation == self._generation:
                if supervised:
                    assert self._extended is not None
                    self._extended.launch(sandbox, json.loads(program)["environment"])
                else:
                    await self._take_over(sandbox, generation)
                if generation == self._generation:
                    self.raw.watch()
        except OSError as error:
            log.warning(
                "the sandbox of %s was lost while it started: %s", self._version.name, error
            )
            if generation == self._generation:
                self._lose()

    async def _begin(self, sandbox: Sandbox, generation: int) -> None:
        """The init of a runtime that was started ahead: it waits for the word on either way."""
        self._port.add(START_PATH, STARTED)
        await self._take_over(sandbox, generation)
        if generation == self._generation:
            if self._settled is Link.FRAMES:
                self._channel.send(encode_start())
            self.raw.watch()

    async def _take_over(self, sandbox: Sandbox, generation: int) -> None:
        def is_wanted() -> bool:
            return generation == self._generation

        await take_over(self._loop, sandbox.channel, self, is_wanted)

    def _serve(self, sandbox: Sandbox, names: tuple[str, ...]) -> None:
        """Have the APIs answer inside."""
        version = self._version
        port = self._port = PortApi()
        extended = self._extended = Extended(
            version, names, self, self._host, self._platform, self._telemetry
        )
        port.add(extension_api.PREFIX, extended.api)
        for prefix in telemetry_api.PREFIXES:
            port.add(prefix, extended.telemetry_api)
        if self._settled is not Link.FRAMES:
            either = Ear(Link.HTTP, self._heard, self.on_read)
            self._http = HttpLink(version, self if self.asks else either)
            port.add(http_link.PREFIX, self._http)
        else:
            port.add(http_link.PREFIX, MANAGED)
        if self._credentials is not None:
            port.add(container_credentials.PATH, self._credentials)
        self._platform.runtime_apis.serve(sandbox.sandbox_id, port)

    def _lose(self) -> None:
        """It cannot be talked to any more: its end, which follows, decides."""
        if self._sandbox is not None:
            self._sandbox.kill()

    def _on_exit(self, generation: int, done: asyncio.Future[SandboxExit]) -> None:
        if generation != self._generation or done.cancelled():
            return
        self._ended(done.result())

    def _ended(self, end: SandboxExit) -> None:
        """The runtime's process is no more; what it had sent before is told first."""
        self._exit = end
        if self._may_be_replaced:
            # What its script started beside it may hold the channel longer.
            generation = self._generation
            self.data_received(self._channel.read_rest())
            if generation != self._generation:
                return
            self._channel.drop()
        if self._channel.transport is None:
            self._host.on_exit(end)
        # else: it is read to its end, and lost
