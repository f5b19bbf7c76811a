"""`lambent doctor`: what this host can enforce, what not and how to get it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os

from lambent.app.backend import describe_report, environments_max, probe, runtime_settings
from lambent.app.runtimes import describe_runtimes
from lambent.cli.serving import settings_overrides
from lambent.placement.snapshots import OFF_BY_SETTING, OTHER_LANGUAGES
from lambent.runtime.catalogue import find_runtimes
from lambent.settings import Settings, load_settings


def doctor(arguments: argparse.Namespace) -> int:
    """`lambent doctor`: what this host can enforce, what not and how to get it."""
    settings = load_settings(os.environ, settings_overrides(arguments))
    report = asyncio.run(probe(settings))
    interpreters = find_runtimes(runtime_settings(settings), os.environ)
    ceiling = environments_max(settings)
    if getattr(arguments, "json", False):
        value = {
            "isolation": describe_report(report),
            "runtimes": {
                name: {"version": one.version, "path": str(one.executable)}
                for name, one in interpreters.items()
            },
            "snap_start": snap_start(settings),
            "environments_max": ceiling,
        }
        print(json.dumps(value, indent=2))
        return 0
    print(f"Isolation: {report.backend}, {'as root' if report.as_root else 'as an ordinary user'}")
    width = max((len(item.name) for item in report.items), default=0) + 2
    for item in report.items:
        print(f"  {'yes' if item.enforced else 'NO':<5}{item.name:<{width}}{item.how}")
        if item.hint:
            print(f"  {'':<5}{'':<{width}}→ {item.hint}")
    print("Runtimes:")
    for line in describe_runtimes(interpreters):
        print(f"  {line}")
    print("SnapStart:")
    for languages, text in snap_start(settings).items():
        print(f"  {languages:<22}{text}")
    print(f"At most {ceiling} environments at once (from this host's memory).")
    return 0


def snap_start(settings: Settings) -> dict[str, str]:
    """Languages → whether their functions begin from a snapshot, or why not."""
    python = "on: an initialised process is forked for each environment"
    if settings.snapshots == "off":
        python = f"off: {OFF_BY_SETTING}"
    return {
        "python": python,
        "java, nodejs, dotnet": f"off: {OTHER_LANGUAGES}",
        "others": "refused, as on AWS",
    }
