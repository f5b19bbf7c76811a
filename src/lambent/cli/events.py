"""`events`: asynchronous invocations that wait or fail, to be dropped or tried again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from lambent.cli.aws import Connection
from lambent.cli.durations import format_duration
from lambent.cli.terminal import CliError, print_table

PATH = "/_lambent/events"


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "events",
        parents=[common],
        help="asynchronous events that wait or fail",
        description="Show the queue of asynchronous invocations, by function or one function's.",
    )
    parser.add_argument("name", nargs="?", help="one function, and what to do with its events")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--retry",
        action="store_true",
        help="try now what waits for its next try, and again what was given up",
    )
    action.add_argument(
        "--drop", action="store_true", help="forget what does not run, and what was given up"
    )
    parser.set_defaults(perform=perform_events)


def perform_events(arguments: argparse.Namespace, connection: Connection) -> int:
    if arguments.name is None:
        if arguments.retry or arguments.drop:
            raise CliError("name the function whose events to retry or to drop")
        return _show_all(connection.request("GET", PATH), as_json=arguments.json)
    path = f"{PATH}/{quote(arguments.name, safe='')}"
    if arguments.retry or arguments.drop:
        changed = connection.request("POST" if arguments.retry else "DELETE", path)
        word = "Tried again" if arguments.retry else "Dropped"
        text = f"{word}: {changed['Events']} events, {changed['Discards']} that were given up."
        print(json.dumps(changed, indent=2) if arguments.json else text)
        return 0
    return _show_one(connection.request("GET", path), as_json=arguments.json)


def _show_all(summary: Mapping[str, Any], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(summary, indent=2))
        return 0
    waiting = [(one["TargetArn"], f"{one['Depth']:,}") for one in summary["deliveries"]]
    if not summary["functions"] and not waiting:
        print("No event waits, and none was given up.")
        return 0
    if summary["functions"]:
        _print_functions(summary)
    if waiting:
        print("\nOf other services:" if summary["functions"] else "Of other services:")
        print_table(("TARGET", "WAITING"), waiting, right=frozenset({1}))
    return 0


def _print_functions(summary: Mapping[str, Any]) -> None:
    rows = [
        (
            one["FunctionName"],
            f"{one['Depth']:,}",
            f"{one['Running']:,}",
            f"{one['Failing']:,}",
            "" if one["OldestSeconds"] is None else format_duration(one["OldestSeconds"]),
            f"{one['Discards']:,}",
        )
        for one in summary["functions"]
    ]
    headings = ("FUNCTION", "EVENTS", "RUNNING", "FAILING", "OLDEST", "GIVEN UP")
    print_table(headings, rows, right=frozenset(range(1, len(headings))))


def _show_one(queue: Mapping[str, Any], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(queue, indent=2))
        return 0
    if not queue["Events"] and not queue["Discards"]:
        print(f"No event of {queue['FunctionName']} waits, and none was given up.")
        return 0
    if queue["Events"]:
        rows: list[tuple[str, ...]] = [
            (
                one["RequestId"],
                one["AcceptedAt"],
                one["DueAt"],
                str(one["Attempts"]),
                str(one["Throttles"]),
            )
            for one in queue["Events"]
        ]
        headings = ("REQUEST", "ACCEPTED", "NEXT TRY", "FAILED", "THROTTLED")
        print_table(headings, rows, right=frozenset({3, 4}))
    if queue["Discards"]:
        print("\nGiven up:" if queue["Events"] else "Given up:")
        discards = [_discard_row(one) for one in queue["Discards"]]
        print_table(("AT", "CONDITION", "WANTED BY", "PAYLOAD"), discards)
    return 0


def _discard_row(discard: Mapping[str, Any]) -> tuple[str, ...]:
    record = discard["Record"] if isinstance(discard["Record"], dict) else {}
    context = record.get("requestContext", {})
    payload = json.dumps(record.get("requestPayload", discard["Record"]))
    return (
        discard["DiscardedAt"],
        str(context.get("condition", "")),
        discard["TargetArn"],
        payload if len(payload) <= 60 else f"{payload[:57]}...",
    )
