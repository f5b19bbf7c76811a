"""Runtimes that are started before anything is invoked, and wait for the word to begin their init.

A language's interpreter takes 30 to 300 ms to start, and nothing of that depends on an event. So it
may be started ahead, in a sandbox that is all the version's own: code, layers, limits, variables,
log stream. Of the function it has touched nothing: that is the init, which begins with START. The
word is a frame to what speaks frames; to what speaks the Runtime API it is the answer to
`GET /lambent/start`.
"""

from __future__ import annotations

from enum import Enum

from lambent.clock import Instant
from lambent.domain.function import FunctionVersion
from lambent.environment.platform import Platform, StartedAhead
from lambent.environment.port_api import FixedApi
from lambent.environment.program import build_program
from lambent.observe import lines
from lambent.runtime.api.replies import Reply

START_PATH = "/lambent/start"
STARTED = FixedApi(Reply(200, (), b""))


class Waiting(Enum):
    """What waits for a version's init."""

    NOTHING = 0
    """Something of the function's takes part in how its process starts; or it is an image, one of
    several processes (external extensions), or initialised already (a snapshot)."""
    FORK = 1
    """Of an interpreter that runs already: little time to save, and little memory."""
    PROCESS = 2


def what_waits(version: FunctionVersion, platform: Platform) -> Waiting:
    if version.image is not None or version.optimized:
        return Waiting.NOTHING
    start = platform.launcher.start(version)
    if start.wrapper or platform.specs.extensions(version):
        return Waiting.NOTHING
    if not start.commands:
        return Waiting.FORK
    return Waiting.PROCESS if start.ahead else Waiting.NOTHING


async def start_ahead(version: FunctionVersion, platform: Platform) -> StartedAhead:
    """Returns when its sandbox is told what to start, not when that waits.

    Raises OSError, LambdaError, RuntimeUnavailable: the host refuses.
    """
    since = Instant(platform.clock.now())
    stream_name = lines.stream_name(platform.clock.wall_s(), version.version)
    sandbox = await platform.launcher.take(version)
    program = build_program(
        version, platform.around, stream_name, platform.launcher.start(version), ahead=True
    )
    try:
        await sandbox.bind(platform.specs.spec(version, program))
    except BaseException:
        sandbox.kill()
        await sandbox.close()
        raise
    return StartedAhead(sandbox=sandbox, stream_name=stream_name, since=since)


def take_ahead(
    version: FunctionVersion, platform: Platform, provisioned: bool
) -> StartedAhead | None:
    """For a new environment. What is provisioned, or debugged, is told so at its start."""
    if platform.ahead is None or provisioned or platform.debugger is not None:
        return None
    return platform.ahead.take(version)
