"""`list`, `delete`, `bill` and `reset`: what is there, and its end."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from lambent.cli.aws import Connection, format_client_error
from lambent.cli.terminal import format_bytes, format_usd, paint, print_table


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    listing = commands.add_parser("list", parents=[common], help="the functions")
    listing.set_defaults(perform=perform_list)
    deletion = commands.add_parser("delete", parents=[common], help="delete functions")
    deletion.add_argument("names", nargs="+", metavar="NAME")
    deletion.set_defaults(perform=perform_delete)
    bill = commands.add_parser("bill", parents=[common], help="what ran, and its price on AWS")
    bill.set_defaults(perform=perform_bill)
    reset = commands.add_parser(
        "reset", parents=[common], help="empty a server started with --allow-reset"
    )
    reset.set_defaults(perform=perform_reset)


def perform_list(arguments: argparse.Namespace, connection: Connection) -> int:
    pages = connection.client("lambda").get_paginator("list_functions").paginate()
    functions = [function for page in pages for function in page["Functions"]]
    if arguments.json:
        print(json.dumps(functions, indent=2))
        return 0
    if not functions:
        print("There are no functions yet. Next: lambent deploy DIR")
        return 0
    rows = [
        (
            function["FunctionName"],
            function.get("Runtime", ""),
            function.get("Handler", ""),
            f"{function['MemorySize']} MB",
            f"{function['Timeout']} s",
            format_bytes(function["CodeSize"]),
            function["LastModified"][:19].replace("T", " "),
        )
        for function in functions
    ]
    headings = ("NAME", "RUNTIME", "HANDLER", "MEMORY", "TIMEOUT", "CODE", "MODIFIED (UTC)")
    print_table(headings, rows, right=frozenset({3, 4, 5}))
    return 0


def perform_delete(arguments: argparse.Namespace, connection: Connection) -> int:
    """Delete each; one that fails does not keep the others."""
    client = connection.client("lambda")
    deleted, failures = [], []
    for name in arguments.names:
        try:
            client.delete_function(FunctionName=name)
        except client.exceptions.ClientError as error:
            failures.append(f"{name}: {format_client_error(error.response)}")
        else:
            deleted.append(name)
    if arguments.json:
        print(json.dumps({"Deleted": deleted, "Failed": failures}, indent=2))
    else:
        for name in deleted:
            print(f"Deleted {paint(name, 'bold')}")
        for failure in failures:
            print(f"{paint('error', 'red', sys.stderr)}: {failure}", file=sys.stderr)
    return int(bool(failures))


def perform_bill(arguments: argparse.Namespace, connection: Connection) -> int:
    bill = connection.request("GET", "/_lambent/bill")
    if arguments.json:
        print(json.dumps(bill, indent=2))
        return 0
    if not bill["functions"]:
        print("Nothing has run yet.")
        return 0
    rows = [_bill_row(name, usage) for name, usage in sorted(bill["functions"].items())]
    if len(rows) > 1:
        rows.append(_bill_row("total", bill["total"]))
    headings = ("FUNCTION", "INVOCATIONS", "ERRORS", "THROTTLES", "BILLED", "GB-S", "AWS'S PRICE")
    print_table(headings, rows, right=frozenset(range(1, len(headings))))
    return 0


def perform_reset(arguments: argparse.Namespace, connection: Connection) -> int:
    answer = connection.request("POST", "/_lambent/reset")
    print(json.dumps(answer) if arguments.json else "The server is empty.")
    return 0


def _bill_row(name: str, usage: Mapping[str, float]) -> tuple[str, ...]:
    return (
        name,
        f"{usage['Invocations']:,}",
        f"{usage['Errors']:,}",
        f"{usage['Throttles']:,}",
        f"{usage['BilledDurationMs']:,} ms",
        f"{usage['GBSeconds']:.6f}",
        format_usd(usage["USD"]),
    )
