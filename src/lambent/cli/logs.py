"""`logs`: what a function wrote, once or as it comes, through CloudWatch Logs' own operations."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from lambent.cli.aws import Connection
from lambent.cli.durations import parse_duration_s
from lambent.cli.terminal import paint, printable

PAUSE_S = 0.3  # between two looks; AWS has nothing to wait on but a streaming protocol of its own
OVERLAP_MS = 5_000  # events of several streams come out of order: look back this far each time
_PLATFORM = ("START ", "END ", "REPORT ", "INIT_START ", "INIT_REPORT ")


class Unseen:
    """Lets each event of overlapping looks pass once; remembers only what can come again."""

    def __init__(self, start_ms: int) -> None:
        self._floor_ms = start_ms
        self._newest_ms = start_ms
        self._seen: dict[str, int] = {}

    @property
    def start_ms(self) -> int:
        """Where the next look begins."""
        return max(self._floor_ms, self._newest_ms - OVERLAP_MS)

    def admit(self, event: Mapping[str, Any]) -> bool:
        """Whether `event` has not been seen yet."""
        if event["eventId"] in self._seen:
            return False
        self._seen[event["eventId"]] = event["timestamp"]
        self._newest_ms = max(self._newest_ms, event["timestamp"])
        return True

    def forget(self) -> None:
        """Drop what lies before the next look; between two looks, never within one."""
        start_ms = self.start_ms
        self._seen = {name: stamp for name, stamp in self._seen.items() if stamp >= start_ms}


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "logs",
        parents=[common],
        help="what a function wrote",
        description="Print a function's log.",
    )
    parser.add_argument("name")
    parser.add_argument("--follow", "-f", action="store_true", help="go on as it comes")
    parser.add_argument(
        "--since",
        type=parse_duration_s,
        default=600.0,
        metavar="DURATION",
        help="how far back to begin, as 30s, 10m or 2h (10m)",
    )
    parser.set_defaults(perform=perform_logs)


def perform_logs(arguments: argparse.Namespace, connection: Connection) -> int:
    client = connection.client("logs")
    group = f"/aws/lambda/{arguments.name}"
    unseen = Unseen(max(0, int((time.time() - arguments.since) * 1000)))
    if not print_events(client, group, unseen, as_json=arguments.json):
        # A function that does not exist ends here, with AWS's error.
        connection.client("lambda").get_function_configuration(FunctionName=arguments.name)
        print(f"{arguments.name} logged nothing since then; see --since.", file=sys.stderr)
    while arguments.follow:
        time.sleep(PAUSE_S)
        print_events(client, group, unseen, as_json=arguments.json)
    return 0


def format_event(event: Mapping[str, Any]) -> str:
    """`2026-11-21T01:55:58.123Z  message`; the platform's own lines stand back."""
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    message = printable(event["message"].rstrip("\n"))
    if message.startswith(_PLATFORM):
        message = paint(message, "dim")
    return f"{paint(stamp, 'dim')}  {message}"


def print_events(client: Any, group: str, unseen: Unseen, *, as_json: bool) -> int:
    """Print what is new; how many events that were. None are in a group that is not there yet."""
    unseen.forget()
    count = 0
    try:
        for event in _filter_events(client, group, unseen.start_ms):
            if unseen.admit(event):
                print(json.dumps(event) if as_json else format_event(event), flush=True)
                count += 1
    except client.exceptions.ResourceNotFoundException:
        pass
    return count


def _filter_events(client: Any, group: str, start_ms: int) -> Iterator[Mapping[str, Any]]:
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=start_ms
    )
    for page in pages:
        yield from page["events"]
