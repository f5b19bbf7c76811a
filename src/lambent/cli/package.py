"""Deployment packages: the same files make the same bytes, and the handler is found by reading.

Deterministic, so that `deploy` can tell by CodeSha256 whether anything changed: entries are sorted,
their times fixed, their modes reduced to plain or executable.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from lambent.cli.terminal import CliError, format_bytes

ZIP_BYTES_MAX = 52_428_800  # AWS's limit of a direct upload
UNZIPPED_BYTES_MAX = 262_144_000  # AWS's limit; no use to read and compress more than that
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold
_UNIX = 3
_EXCLUDED_FOLDERS = frozenset(
    {"__pycache__", ".git", ".hg", ".svn", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_EXCLUDED_FILES = frozenset({".DS_Store"})
_EXCLUDED_ENDS = (".pyc", ".pyo")

MODULES = ("app", "handler", "lambda_function", "main", "index")
_FUNCTIONS = ("handler", "lambda_handler")

Files = Mapping[str, Path]
"""Path inside the package (with `/`) → the file on disk."""


def collect_files(target: Path, *, without: Iterable[Path] = ()) -> Files:
    """What belongs in the package of a folder or of a single file.

    `without` are folders inside `target` that are something else (its layers).
    Raises CliError when there is nothing to pack.
    """
    if target.is_file():
        return {target.name: target}
    if not target.is_dir():
        raise CliError(f"{target}: there is no such file or folder.")
    skipped = {folder.resolve() for folder in without}
    files = {str(path.relative_to(target).as_posix()): path for path in _walk(target, skipped)}
    if not files:
        raise CliError(f"{target} has no files to deploy.")
    return dict(sorted(files.items()))


def build_zip(files: Files) -> bytes:
    """The package. Raises CliError when it is over AWS's limits."""
    size = sum(path.stat().st_size for path in files.values())
    if size > UNZIPPED_BYTES_MAX:
        raise CliError(
            f"The files are {format_bytes(size)} together; "
            f"Lambda takes at most {format_bytes(UNZIPPED_BYTES_MAX)}."
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            executable = path.stat().st_mode & 0o111
            entry.external_attr = (0o100755 if executable else 0o100644) << 16
            entry.create_system = _UNIX
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    return _checked(buffer.getvalue())


def load_zip(path: Path) -> bytes:
    """A package that was made elsewhere."""
    if path.stat().st_size > ZIP_BYTES_MAX:
        raise _too_large(path.stat().st_size)
    return path.read_bytes()


def code_sha256(package: bytes) -> str:
    """AWS's CodeSha256: the digest in base64."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


def guess_handler(files: Files) -> str:
    """`module.function` of the first conventional name, or of the only Python file.

    Raises CliError that says what was looked for.
    """
    at_top = [name.removesuffix(".py") for name in files if _is_top_python(name)]
    modules = [module for module in MODULES if module in at_top]
    if len(at_top) == 1:
        modules = at_top
    for module in modules:
        names = top_level_names(files[f"{module}.py"])
        for function in _FUNCTIONS:
            if function in names:
                return f"{module}.{function}"
    looked_in = ", ".join(f"{module}.py" for module in modules or MODULES)
    raise CliError(
        f"No function {' or '.join(_FUNCTIONS)} was found in {looked_in}: "
        "name it with --handler module.function"
    )


def defines_handler(files: Files, handler: str) -> bool:
    """Whether `module.function` or `folder/module.function` is in these files."""
    module, _, function = handler.rpartition(".")
    stem = module.replace(".", "/")
    path = files.get(f"{stem}.py") or files.get(f"{stem}/__init__.py")
    return path is not None and not {function, "*"}.isdisjoint(top_level_names(path))


def top_level_names(path: Path) -> set[str]:
    """What a module defines, imports or assigns at its top level, read without running it.

    Raises CliError for a file that is not Python.
    """
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise CliError(f"{path} is not valid Python: {error}") from error
    names: set[str] = set()
    for statement in tree.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name for alias in aliases)
            case ast.Assign(targets=targets):
                names.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
                names.add(name)
    return names


def _walk(root: Path, skipped: set[Path]) -> Iterator[Path]:
    """Regular files under `root`; links are followed, each folder once, so that loops end."""
    seen = {root.resolve()}
    for folder, folders, names in os.walk(root, followlinks=True):
        kept = []
        for name in sorted(folders):
            real = (Path(folder) / name).resolve()
            if name in _EXCLUDED_FOLDERS or real in skipped or real in seen:
                continue
            seen.add(real)
            kept.append(name)
        folders[:] = kept
        for name in names:
            path = Path(folder) / name
            if name not in _EXCLUDED_FILES and not name.endswith(_EXCLUDED_ENDS) and path.is_file():
                yield path


def _is_top_python(name: str) -> bool:
    return name.endswith(".py") and "/" not in name


def _checked(package: bytes) -> bytes:
    if len(package) > ZIP_BYTES_MAX:
        raise _too_large(len(package))
    return package


def _too_large(size: int) -> CliError:
    return CliError(
        f"The package is {format_bytes(size)} zipped; "
        f"Lambda takes at most {format_bytes(ZIP_BYTES_MAX)}."
    )
