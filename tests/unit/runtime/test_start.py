"""Which runtimes can be started ahead of demand."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import dotnet, nodejs, python, ruby
from lambent.runtime.families.start import Family, Start, starts_ahead

FAMILIES: dict[str, Family] = {"nodejs20.x": nodejs, "ruby3.3": ruby, "dotnet8": dotnet}


def start(runtime: str, handler: str = "a::b::c", **variables: str) -> Start:
    path = Path("/usr/bin/program")
    interpreter = Interpreter(runtime=runtime, version="1", executable=path, prefix=path.parent)
    family = FAMILIES[runtime]
    return family.start(interpreter, handler=handler, memory_mib=128, variables=variables)


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_LAMBDA_EXEC_WRAPPER", "NODE_OPTIONS", "NODE_COMPILE_CACHE", "RUBYOPT", "RUBYLIB"),
        *("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "GCONV_PATH"),
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "OPENSSL_CONF", "GEM_PATH", "GEMRC", "BUNDLE_GEMFILE"),
        *("DOTNET_STARTUP_HOOKS", "COMPlus_EnableEventPipe", "CORECLR_PROFILER"),
    ],
)
def test_no_runtime_starts_ahead_where_a_variable_has_code_run_at_its_start(name: str) -> None:
    assert not starts_ahead({"MINE": "1", name: "/var/task/mine"})


def test_variables_that_only_the_function_reads_let_a_runtime_start_ahead() -> None:
    harmless = ("TABLE", "NODE_ENV", "NODE_EXTRA_CA_CERTS", "PATH", "LOAD", "GOLD_PRICE")
    assert starts_ahead(dict.fromkeys(harmless, "1"))
    assert starts_ahead({})


@pytest.mark.parametrize("runtime", FAMILIES)
def test_what_is_started_ahead_is_what_is_started_else(runtime: str) -> None:
    (command,) = start(runtime).commands
    assert start(runtime, TABLE="1").ahead[-len(command) :] == command
    assert start(runtime, LD_PRELOAD="/var/task/mine.so").ahead == ()
    assert start(runtime, AWS_LAMBDA_EXEC_WRAPPER="/var/task/mine").ahead == ()


def test_a_ruby_starts_ahead_without_the_functions_libraries() -> None:
    ahead = start("ruby3.3").ahead
    assert ahead[: ahead.index("/var/lang/bin/program")] == (
        *("/usr/bin/env", "-u", "RUBYLIB", "GEM_PATH=/var/runtime"),
        "_LAMBENT_GEM_PATH=/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0",
        "_LAMBENT_RUBYLIB=/var/task:/var/runtime/lib:/opt/ruby/lib",
    )


def test_a_program_of_the_functions_own_and_a_python_are_never_started_ahead() -> None:
    assert start("dotnet8", handler="Program").ahead == ()
    path = Path("/usr/bin/python3")
    interpreter = Interpreter(runtime="python3.12", version="1", executable=path, prefix=path)
    assert python.start(interpreter, handler="a.b", memory_mib=128, variables={}).ahead == ()
