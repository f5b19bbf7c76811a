"""The runtimes that the suite runs on this host, and a function in the language of each."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lambent.domain.interpreter import Interpreter
from lambent.runtime.catalogue import RUNTIMES, find_runtimes
from lambent.runtime.families import java
from tests import dotnets
from tests.javas import compile_java, core_jar, find_jdks
from tests.registries import run_command

FUNCTIONS = Path(__file__).parent / "functions"
GO_CLIENT = FUNCTIONS.parent.parent / "execution" / "clients" / "go"
"""A module that asks for AWS's client for Go; only its go.mod and go.sum are taken."""
OLDEST_JAVA = "8"
NAMED_BY = {"python": "LAMBENT_PYTHONS", "nodejs": "LAMBENT_NODES", "ruby": "LAMBENT_RUBIES"}
"""Family → the setting that names more of its interpreters, which the server reads as well."""


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
    return compile_java([FUNCTIONS / "App.java"], folder, [core_jar(client)], OLDEST_JAVA)


def go_program(folder: Path, _client: Path) -> Mapping[str, bytes]:
    """The program that the handler of go1.x names, with AWS's client for Go in it."""
    for source in (FUNCTIONS / "main.go", GO_CLIENT / "go.mod", GO_CLIENT / "go.sum"):
        shutil.copy(source, folder)
    run_command(["go", "build", "-o", "app", "."], folder, CGO_ENABLED="0")
    return {"app": (folder / "app").read_bytes()}


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
    Language(prefix="go", handler="app", error_type="PurposeError", files=go_program),
)


def found() -> dict[str, Language]:
    """Runtime → its language, of the runtimes that this host has."""
    here = {*_interpreters()}
    if dotnets.AVAILABLE:  # a fixture fetches it
        here.add(dotnets.RUNTIME)
    if shutil.which("go") is None:
        here.discard("go1.x")
    return {
        runtime: language
        for runtime in RUNTIMES
        if runtime in here
        for language in LANGUAGES
        if runtime.startswith(language.prefix)
    }


def versions() -> dict[str, str]:
    """Runtime → what its function is run by, exactly; of the runtimes of `found`."""
    here = _interpreters()
    told = {runtime: one.version or _ask(one.executable) for runtime, one in here.items()}
    told.update(dict.fromkeys(("provided", "provided.al2", "provided.al2023"), _script()))
    told["go1.x"] = _go()
    told[dotnets.RUNTIME] = dotnets.VERSION
    return {runtime: told[runtime] for runtime in found()}


def _interpreters() -> dict[str, Interpreter]:
    settings = {family: os.environ.get(name, "") for family, name in NAMED_BY.items()}
    here = find_runtimes(settings, os.environ)
    if find_jdks():  # to compile the function; the client that it needs is fetched by a fixture
        here.update(java.find_javas(os.environ.get("LAMBENT_JAVAS", ""), os.environ))
    return here


def _script() -> str:
    return f"a script of Python {_ask(Path('/usr/bin/python3'))}"


def _go() -> str:
    client = (GO_CLIENT / "go.mod").read_text().split()[-1]
    return f"aws-lambda-go {client}, Go {_ask(Path('go'), 'version')}"


def _ask(program: Path, option: str = "--version") -> str:
    """The first word with a digit in what it says of itself; `` where it is not there."""
    try:
        said = subprocess.run([program, option], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    words = [word for word in said.stdout.split() if any(map(str.isdigit, word))]
    return words[0].removeprefix("go") if words else ""
