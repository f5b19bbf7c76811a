"""`lambent runtimes`: the languages that this host has, and what is fetched for them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping

from lambent.app.backend import dotnet_folder, java_client_folder, runtime_settings
from lambent.app.dotnet_bootstrap import make_bootstraps
from lambent.app.java_archives import make_archive
from lambent.app.java_jars import fetch_client
from lambent.cli.serving import settings_overrides
from lambent.domain.interpreter import Interpreter
from lambent.runtime.catalogue import RUNTIMES, find_runtimes, how_to_get
from lambent.runtime.families import java
from lambent.settings import Settings, load_settings


def runtimes(arguments: argparse.Namespace) -> int:
    """`lambent runtimes [list]` or `lambent runtimes get java|dotnet`."""
    settings = load_settings(os.environ, settings_overrides(arguments))
    if arguments.action == "get":
        if arguments.language is None:
            print("lambent: say what to get: java or dotnet", file=sys.stderr)
            return 2
        return _get_java(settings) if arguments.language == "java" else _get_dotnet(settings)
    found = find_runtimes(runtime_settings(settings), os.environ)
    if getattr(arguments, "json", False):
        print(json.dumps(list(runtimes_as_json(found)), indent=2))
        return 0
    for line in describe_runtimes(found):
        print(line)
    return 0


def describe_runtimes(found: Mapping[str, Interpreter]) -> Iterator[str]:
    """A line each: what there is, or how to get it."""
    for runtime in RUNTIMES:
        one = found.get(runtime)
        text = (
            f"not found. {how_to_get(runtime)}"
            if one is None
            else f"{one.version} {one.executable}".strip()
        )
        yield f"{runtime:<16}{text}"


def runtimes_as_json(found: Mapping[str, Interpreter]) -> Iterator[dict[str, object]]:
    """The same for programs; `version` and `path` are null where a runtime was not found."""
    for runtime in RUNTIMES:
        one = found.get(runtime)
        yield {
            "runtime": runtime,
            "found": one is not None,
            "version": None if one is None else one.version,
            "path": None if one is None else str(one.executable),
            "how_to_get": how_to_get(runtime) if one is None else None,
        }


def _get_java(settings: Settings) -> int:
    folder = java_client_folder(settings)
    try:
        for line in fetch_client(settings.maven_repository, folder / "lib"):
            print(line)
        javas = java.find_javas(settings.javas, os.environ)
        for one in {one.executable: one for one in javas.values()}.values():
            print(f"Java {one.version}: {make_archive(one, folder)}")
    except (OSError, ValueError) as error:
        print(f"lambent: {error}", file=sys.stderr)
        return 1
    if not javas:
        print("No Java was found on this host: install a JDK or JRE, and run this once more.")
    return 0


def _get_dotnet(settings: Settings) -> int:
    try:
        for line in make_bootstraps(settings.dotnets, dotnet_folder(settings), os.environ):
            print(line)
    except (OSError, ValueError) as error:
        print(f"lambent: {error}", file=sys.stderr)
        return 1
    return 0
