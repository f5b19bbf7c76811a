"""The runtimes that the suite runs on this host, and a function in the language of each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lambent.runtime.catalogue import RUNTIMES, find_runtimes
from tests import dotnets
from tests.javas import compile_java, core_jar, find_jdks

FUNCTIONS = Path(__file__).parent / "functions"


@dataclass(frozen=True, kw_only=True)
class Language:
    """How the one function of the suite is deployed in a language."""

    prefix: str
    """Of the names of its runtimes."""
    handler: str
    error_type: str
    """Of the error that the function raises on purpose."""
    files: Callable[[Path, Path], Mapping[str, bytes]]
    """What the package holds; may build it, in the folder given, with AWS's client for Java."""
    memory_mib: int = 256


def one_file(source: str, name: str) -> Callable[[Path, Path], Mapping[str, bytes]]:
    return lambda _folder, _client: {name: (FUNCTIONS / source).read_bytes()}


def java_classes(folder: Path, client: Path) -> Mapping[str, bytes]:
    return compile_java([FUNCTIONS / "App.java"], folder, [core_jar(client)])


def csharp(folder: Path, _client: Path) -> Mapping[str, bytes]:
    """The C# function, compiled, beside the interfaces that it is written by."""
    core = folder / "Amazon.Lambda.Core.dll"
    target = folder / "Dotnet.dll"
    interfaces = FUNCTIONS.parent.parent / "execution" / "dotnet" / "Core.cs"
    files = {core.name: dotnets.compile_library([interfaces], core)}
    files[target.name] = dotnets.compile_library([FUNCTIONS / "Dotnet.cs"], target, core)
    return {**files, **dotnets.published("Dotnet")}


LANGUAGES = (
    Language(
        prefix="python",
        handler="app.handler",
        error_type="ValueError",
        files=one_file("python.py", "app.py"),
        memory_mib=128,
    ),
    Language(
        prefix="nodejs",
        handler="app.handler",
        error_type="RangeError",
        files=one_file("nodejs.js", "app.js"),
    ),
    Language(
        prefix="ruby",
        handler="app.handler",
        error_type="Function<ArgumentError>",
        files=one_file("ruby.rb", "app.rb"),
    ),
    Language(
        prefix="java",
        handler="App::handleRequest",
        error_type="java.lang.IllegalArgumentException",
        files=java_classes,
        memory_mib=512,
    ),
    Language(
        prefix="dotnet",
        handler="Dotnet::Function::Handle",
        error_type="ArgumentException",
        files=csharp,
    ),
    Language(
        prefix="provided",
        handler="unused",
        error_type="ValueError",
        files=one_file("provided.py", "bootstrap"),
    ),
)


def found() -> dict[str, Language]:
    """Runtime → its language, of the runtimes that this host has."""
    runtimes = {*find_runtimes({"nodejs": os.environ.get("LAMBENT_NODES", "")}, os.environ)}
    runtimes.update(find_jdks())  # the client that Java needs besides is fetched by a fixture
    if dotnets.AVAILABLE:  # a fixture fetches it
        runtimes.add(dotnets.RUNTIME)
    return {
        runtime: language
        for runtime in RUNTIMES
        if runtime in runtimes
        for language in LANGUAGES
        if runtime.startswith(language.prefix)
    }
