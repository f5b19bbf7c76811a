"""What a server tells people and tools of itself."""

from __future__ import annotations

from typing import Any

from lambent import __version__
from lambent.app.backend import describe_report, report_of
from lambent.app.parts import Parts
from lambent.observe.meter import Meter, Usage


def describe_health(parts: Parts) -> dict[str, Any]:
    execution = parts.execution
    report = report_of(execution.backend, parts.settings)
    placement = execution.placement
    return {
        "status": "ready",
        "version": __version__,
        "services": ["lambda", *sorted(one.name for one in parts.services.every)],
        "isolation": describe_report(report),
        "runtimes": {
            name: {"version": one.version, "path": str(one.executable)}
            for name, one in execution.interpreters.items()
        },
        "environments": {
            "alive": placement.count,
            "max": placement.environments_max,
            "ahead": len(list(execution.ahead.versions())),
        },
    }


def describe_bill(meter: Meter) -> dict[str, Any]:
    usage = meter.usage()
    total = Usage()
    for one in usage.values():
        total.add(one)
    functions = {name: one.as_dict() for name, one in sorted(usage.items())}
    return {"functions": functions, "total": total.as_dict()}
