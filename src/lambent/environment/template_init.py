"""The init that a snapshot is taken of: it runs once, in a sandbox that only forks then serve."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from lambent.domain import limits
from lambent.domain.errors import FunctionError, LambdaError
from lambent.domain.function import FunctionVersion
from lambent.environment import failures
from lambent.environment.guest import Guest
from lambent.environment.journals import open_journal
from lambent.environment.lifecycle import Phase
from lambent.environment.platform import Platform
from lambent.environment.program import SNAP_START
from lambent.runtime.api.extensions import Extension
from lambent.runtime.frames import Kind
from lambent.sandbox.interface import Sandbox, SandboxExit

TIMED_OUT = "FunctionError.InitTimeout"
OUT_OF_MEMORY = "FunctionError.InitResourceExhausted"
FAILED = "FunctionError.RuntimeInitError"


class InitFailed(Exception):
    """The function's init did not succeed; `code` is AWS's StateReasonCode."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TemplateInit:
    """A guest.Host: from the launch to the end of one template."""

    def __init__(self, version: FunctionVersion, platform: Platform) -> None:
        self._version = replace(version, optimized=False)
        self._clock = platform.clock
        self._journal = open_journal(self._version, platform, False)
        self._guest = Guest(
            self._version,
            self,
            platform,
            self._journal.out,
            stream_name=self._journal.stream_name,
            init_type=SNAP_START,
            template=True,
        )
        self._outcome: asyncio.Future[str] = platform.loop.create_future()
        self.on_gone: Callable[[], None] = lambda: None
        """Called once, when the process has ended after its init."""

    async def run(self) -> tuple[Sandbox, str]:
        """The initialised sandbox, and why it cannot be forked (empty: it can).

        Raises InitFailed, or LambdaError where there is no sandbox.
        """
        started = self._clock.now()
        self._journal.init_started(Phase.INIT)
        self._guest.launch()
        limit_s = max(limits.SNAPSHOT_INIT_S, self._version.timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                refusal = await self._outcome
        except TimeoutError:
            self._report(started, "timeout", None)
            self.stop()
            raise InitFailed(
                TIMED_OUT, f"The function's initialization did not end within {limit_s} seconds."
            ) from None
        except InitFailed as error:
            self._report(started, "error", error.code)
            self.stop()
            raise
        except BaseException:
            self.stop()
            raise
        self._journal.snapshot_done((self._clock.now() - started) * 1000)
        assert self._guest.sandbox is not None
        return self._guest.sandbox, refusal

    def say(self, text: str) -> None:
        """One line in its log."""
        self._journal.out.event(f"{text}\n")

    def stop(self) -> None:
        self._guest.raw.drain()
        self._guest.kill()
        self._journal.close()

    def on_frame(self, kind: Kind, payload: bytes) -> None:
        if self._outcome.done():
            return
        if kind is Kind.READY:
            self._outcome.set_result(payload.decode("utf-8", "replace")[:1000])
        elif kind is Kind.INIT_ERROR:
            self._fail(FAILED, _describe(failures.from_payload(payload)))

    def on_read(self) -> None:
        """Nothing is streamed here."""

    def on_exit(self, end: SandboxExit) -> None:
        if not self._outcome.done():
            code = OUT_OF_MEMORY if end.out_of_memory else FAILED
            self._fail(code, _describe(failures.exited("", end)))
        else:
            self.stop()
            self.on_gone()

    def on_extensions(self, extensions: Sequence[Extension]) -> None:
        """They are told of where they serve."""

    def on_failed(self, error_type: str, text: str) -> None:
        if not self._outcome.done():
            self._fail(FAILED, f"{error_type}: {text}")

    def on_no_sandbox(self, error: Exception) -> None:
        if not self._outcome.done():
            fault = LambdaError("ServiceException", "No sandbox could be started.", Type="Service")
            self._outcome.set_exception(error if isinstance(error, LambdaError) else fault)

    def _fail(self, code: str, reason: str) -> None:
        self._outcome.set_exception(InitFailed(code, reason))

    def _report(self, started: float, status: str, error_type: str | None) -> None:
        elapsed_ms = (self._clock.now() - started) * 1000
        self._journal.init_failed(elapsed_ms, Phase.INIT, status=status, error_type=error_type)


def _describe(error: FunctionError) -> str:
    """Type and message of an error, for people."""
    try:
        told = json.loads(error.payload).get("errorMessage")
    except (ValueError, AttributeError):
        told = None
    return f"{error.error_type}: {told}" if told else error.error_type
