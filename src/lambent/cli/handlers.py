"""The runtime and the handler of a package, found by reading its files.

Python is parsed; of JavaScript and Ruby the lines are read that define what a handler is called by
convention. What is compiled says nothing: there the handler has to be named.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass

from lambent.cli import package
from lambent.cli.package import Files
from lambent.cli.terminal import CliError
from lambent.runtime.catalogue import FAMILIES

BOOTSTRAP = "bootstrap"
PROGRAMS = "provided.al2023"
"""The runtime of a package that brings its own program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language whose handlers are found by lines of text."""

    family: str
    setting: str
    """The variable that names more of its interpreters."""
    endings: tuple[str, ...]
    functions: tuple[str, ...]
    defines: str
    """A regular expression, with NAME for the function."""

    def module_of(self, name: str) -> str | None:
        stem, ending = os.path.splitext(name)
        return stem if ending in self.endings else None


LANGUAGES = (
    Language(
        family="nodejs",
        setting="LAMBENT_NODES",
        endings=(".mjs", ".cjs", ".js"),
        functions=("handler", "lambdaHandler"),
        defines=r"\bexports\.NAME\s*=|\bmodule\.exports\s*=\s*\{[^}]*\bNAME\b"
        r"|^\s*export\s+(?:async\s+)?(?:const|let|var|function)\s+NAME\b"
        r"|^\s*export\s*\{[^}]*\bNAME\b",
    ),
    Language(
        family="ruby",
        setting="LAMBENT_RUBIES",
        endings=(".rb",),
        functions=("handler", "lambda_handler"),
        defines=r"^def\s+NAME\b",
    ),
)

SOURCES = (".py", *(ending for language in LANGUAGES for ending in language.endings))
"""What names a file of source."""


def guess_runtime(files: Files) -> str:
    """Of a new function, where none is named. Raises CliError where this host has none."""
    language = _language_of(files)
    if language is not None:
        return _newest(language)
    at_top_python = any(name.endswith(".py") and "/" not in name for name in files)
    return PROGRAMS if BOOTSTRAP in files and not at_top_python else own_runtime()


def guess_handler(files: Files, runtime: str) -> str:
    """The handler for a runtime. Raises CliError that says what was looked for."""
    family = family_name(runtime)
    if family in ("python", None):  # which runtimes there are is for the server to say
        return package.guess_handler(files)
    for language in LANGUAGES:
        if language.family == family:
            return _find(files, language)
    if family == "provided":
        return BOOTSTRAP
    raise CliError(f"The handler of a function in {runtime} is not guessed: name it with --handler")


def has_lost_handler(files: Files, runtime: str, handler: str) -> bool:
    """Whether code that is about to be deployed has no such handler, as far as reading it tells."""
    family = family_name(runtime)
    if family == "python":
        return not package.defines_handler(files, handler)
    for language in LANGUAGES:
        if language.family == family:
            module = handler.split(".", 1)[0]
            return all(language.module_of(name) != module for name in files)
    return False


def own_runtime() -> str:
    """Of the Python that runs this."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def family_name(runtime: str) -> str | None:
    """None where there is no such runtime."""
    for name, family in FAMILIES.items():
        if runtime in family.RUNTIMES:
            return name
    return None


def _language_of(files: Files) -> Language | None:
    """That of the files at the top; None where there is Python, or none of ours."""
    at_top = [name for name in files if "/" not in name]
    if any(name.endswith(".py") for name in at_top) or BOOTSTRAP in at_top:
        return None
    for language in LANGUAGES:
        if any(language.module_of(name) for name in at_top):
            return language
    return None


def _find(files: Files, language: Language) -> str:
    modules = {
        language.module_of(name): name for name in sorted(files, reverse=True) if "/" not in name
    }
    modules.pop(None, None)
    names = [module for module in package.MODULES if module in modules]
    if len(modules) == 1:
        names = [str(next(iter(modules)))]
    for module in names:
        text = files[modules[module]].read_text(errors="replace")
        for function in language.functions:
            if re.search(language.defines.replace("NAME", function), text, re.MULTILINE):
                return f"{module}.{function}"
    looked_in = ", ".join(modules[name] for name in names) or "the files at the top"
    raise CliError(
        f"No function {' or '.join(language.functions)} was found in {looked_in}: "
        "name it with --handler module.function"
    )


def _newest(language: Language) -> str:
    """The newest runtime of the language on this host."""
    family = FAMILIES[language.family]
    found = family.find(os.environ.get(language.setting, ""), os.environ)
    for runtime in reversed(family.RUNTIMES):
        if runtime in found:
            return runtime
    raise CliError(f"{family.how_to_get(family.RUNTIMES[-1])}. Or name a runtime with --runtime")
