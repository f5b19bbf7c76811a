"""`lambent start`: one TaskGroup from the first object to the drain."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import ipaddress
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import uvloop

from lambent import __version__
from lambent.app import localstack
from lambent.app.backend import report_of
from lambent.app.server import Server
from lambent.cli.serving import settings_overrides
from lambent.domain.errors import PlatformFault
from lambent.http.server import PortTaken
from lambent.settings import SettingError, Settings, load_settings
from lambent.tasks import Tasks

BLOCKING_THREADS = 4


def raise_descriptor_limit() -> None:
    """Each environment takes a handful of descriptors: allow as many as the host does."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(settings: Settings, announce: Callable[[Server], None]) -> int:
    """Run a server until SIGTERM or SIGINT; a second signal ends it without waiting."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    with ThreadPoolExecutor(BLOCKING_THREADS, "lambent-blocking") as blocking:
        async with asyncio.TaskGroup() as group:
            tasks = Tasks(group)
            server = Server(settings, tasks, blocking)
            loops: list[asyncio.Task[None]] = []
            try:
                await server.start()
                loops = server.spawn_loops()
                gc.freeze()
                gc.enable()
                announce(server)
                await stopping.wait()
                stopping.clear()
                await first_of(server.stop(), stopping.wait())
            finally:
                for task in loops:
                    task.cancel()
                await server.close()
    return 0


async def first_of(*works: Coroutine[Any, Any, object]) -> None:
    """Return when the first of `works` has ended; the others are cancelled."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(work) for work in works]
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()


def announce(server: Server, *, told: Sequence[str] = ()) -> None:
    """Say where, which isolation is active, and which runtimes were found.

    `told`: what became of LocalStack's variables.
    """
    execution = server.parts.execution
    report = report_of(execution.backend, server.settings)
    missing = [item.name for item in report.items if not item.enforced]
    rows = [
        ("endpoint", f"http://{server.settings.host}:{server.port}"),
        *server.side_ports,
        ("data", str(server.settings.data_dir)),
        ("isolation", f"{report.backend}, {'root' if report.as_root else 'not root'}"),
        ("auth", describe_auth(server.settings)),
        ("runtimes", ", ".join(execution.interpreters) or "none found: see `lambent doctor`"),
    ]
    if server.settings.auth == "open" and not ip_is_loopback(server.settings.host):
        rows.append(("WARNING", "no authentication: whoever reaches this address can run code"))
    rows += [("LocalStack's", line) for line in told]
    if missing:
        rows.append(("NOT enforced", ", ".join(missing) + " (see `lambent doctor`)"))
    lines = [f"Lambent {__version__} is ready.", *(f"  {name:<13}{value}" for name, value in rows)]
    # One string, so that who reads a pipe gets all of it at once, unbuffered too.
    print("\n".join(lines) + "\n", end="", flush=True)


def describe_auth(settings: Settings) -> str:
    """Which credentials are taken, and where a person finds the first."""
    if settings.auth == "open":
        return "open: any credentials"
    return f"iam; root's access key: `lambent credentials --data-dir {settings.data_dir}`"


def check_openness(settings: Settings) -> None:
    """Refuse to let strangers in unless told so. Raises ValueError that says what to do."""
    if settings.auth != "open" or settings.allow_open_network or ip_is_loopback(settings.host):
        return
    raise ValueError(
        f"--auth open takes any credentials, so whoever reaches {settings.host} could run code on"
        " this machine. Use --auth iam, or listen on 127.0.0.1, or say --allow-open-network (or"
        " LAMBENT_ALLOW_OPEN_NETWORK=1) if something else keeps strangers out."
    )


def ip_is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`; a name other than localhost is taken not to."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def start(arguments: argparse.Namespace) -> int:
    """`lambent start`."""
    try:
        environ, told = localstack.adopt(os.environ)
        settings = load_settings(environ, settings_overrides(arguments))
        check_openness(settings)
    except ValueError as error:
        print(f"lambent: {error}", file=sys.stderr)
        return 2
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    raise_descriptor_limit()
    try:
        return uvloop.run(serve(settings, partial(announce, told=told)))
    except BaseExceptionGroup as group:
        return report_failure(group, settings)


def report_failure(group: BaseExceptionGroup, settings: Settings) -> int:
    """One line for what a person can mend; anything else is a fault and keeps its trace."""
    causes = group.exceptions
    if len(causes) != 1 or not isinstance(causes[0], (OSError, PlatformFault, SettingError)):
        raise group
    cause = causes[0]
    message = str(cause)
    if isinstance(cause, PortTaken):
        message = f"{cause.text}: stop what listens there or choose another with {cause.option}"
    print(f"lambent: {message}", file=sys.stderr)
    return 1
