"""The table of Lambda's operations: which are enforced, stored or absent, from the handlers."""

from __future__ import annotations

import asyncio
import gzip
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import botocore

from lambent.api.operations import lambda_operations
from lambent.control.testing import running_control

ROUTED = frozenset({"Invoke", "InvokeAsync", "InvokeWithResponseStream"})
"""Answered by routes of their own in `gateway`, not by a handler."""

_UNPOLLED = "queues are polled; mappings of other kinds of source are checked and kept"
_ONE_PROVIDER = "checked and kept; this host is the one provider, whatever its requirements say"

STORED: Mapping[str, str] = {
    "CreateEventSourceMapping": _UNPOLLED,
    "UpdateEventSourceMapping": _UNPOLLED,
    "CreateCapacityProvider": _ONE_PROVIDER,
    "UpdateCapacityProvider": _ONE_PROVIDER,
    "PutRuntimeManagementConfig": "checked and kept; there is one build of each runtime here",
}
"""Kept and shown, and not (or not all) acted upon yet: operation → what is missing."""

ABSENT: Mapping[str, str] = dict.fromkeys(
    (
        "CheckpointDurableExecution",
        "DeleteDurableExecution",
        "GetDurableExecution",
        "GetDurableExecutionHistory",
        "GetDurableExecutionState",
        "ListDurableExecutionsByFunction",
        "PauseDurableExecution",
        "ResumeDurableExecution",
        "SendDurableExecutionCallbackFailure",
        "SendDurableExecutionCallbackHeartbeat",
        "SendDurableExecutionCallbackSuccess",
        "StopDurableExecution",
    ),
    "answers as for a function without durable executions; none can be created yet",
)
"""What they are for is not there: operation → how they answer."""

REMARKS: Mapping[str, str] = {
    "Invoke": "not X-Amz-Durable-Execution-Name",
    "PutFunctionEventInvokeConfig": "destinations but functions and queues: records are kept",
    "UpdateFunctionEventInvokeConfig": "as PutFunctionEventInvokeConfig",
    "PutFunctionScalingConfig": "environments at least and at most",
    "CreateFunction": "options that are absent are refused by name: see the README",
}
"""What is to be said of others."""

HEAD = """\
<!-- Written by `make docs` from tools/operations.py and the handlers. Do not edit. -->
# Lambda's operations

All {count} operations of AWS's model. *Enforced*: what it sets is acted upon, what it tells is
true. *Stored*: kept and shown. *Absent*: what it is for is not there. That each is answered as
AWS's model says, with each of its errors, is shown by
[tests/api](../tests/api/test_zz_coverage.py).

{enforced} enforced, {stored} stored, {absent} absent.

| operation | wire | | remarks |
|---|---|---|---|
"""


def load_operations() -> dict[str, str]:
    """Every operation of botocore's model with its method, path and status."""
    path = Path(botocore.__file__).parent / "data/lambda/2015-03-31/service-2.json.gz"
    model = json.loads(gzip.decompress(path.read_bytes()))
    return {
        name: f"{http['method']} {http['requestUri']} → {http.get('responseCode', 200)}"
        for name, operation in sorted(model["operations"].items())
        for http in [operation["http"]]
    }


def load_handled() -> frozenset[str]:
    """The operations that have a handler."""

    async def collect() -> frozenset[str]:
        with tempfile.TemporaryDirectory() as folder:
            async with running_control(Path(folder)) as control:
                return frozenset(lambda_operations(control.plane))

    return asyncio.run(collect()) | ROUTED


def classify(name: str, handled: frozenset[str]) -> tuple[str, str]:
    """What an operation is, and the remark."""
    if name in ABSENT or name not in handled:
        return "absent", ABSENT.get(name, "")
    if name in STORED:
        return "stored", STORED[name]
    return "enforced", REMARKS.get(name, "")


def format_table() -> str:
    """The whole page."""
    handled, operations = load_handled(), load_operations()
    rows = {name: classify(name, handled) for name in operations}
    kinds = [kind for kind, _ in rows.values()]
    head = HEAD.format(
        count=len(rows),
        enforced=kinds.count("enforced"),
        stored=kinds.count("stored"),
        absent=kinds.count("absent"),
    )
    return head + "".join(
        f"| {name} | `{operations[name]}` | {kind} | {remark} |\n"
        for name, (kind, remark) in rows.items()
    )
