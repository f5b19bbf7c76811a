"""Deployment packages as `lambent deploy` makes them."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from lambent.cli.deploy import load_package
from lambent.cli.package import (
    build_zip,
    code_sha256,
    collect_files,
    defines_handler,
    guess_handler,
)
from lambent.cli.terminal import CliError


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def names_in(package: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return archive.namelist()


def test_the_same_files_make_the_same_bytes_whenever_and_wherever(tmp_path: Path) -> None:
    first = write(tmp_path / "one", {"app.py": "a", "lib/b.py": "b"})
    second = write(tmp_path / "two", {"lib/b.py": "b", "app.py": "a"})
    os.utime(second / "app.py", (0, 1_000_000_000))
    (second / "app.py").chmod(0o600)
    assert build_zip(collect_files(first)) == build_zip(collect_files(second))


def test_another_byte_makes_another_digest(tmp_path: Path) -> None:
    folder = write(tmp_path, {"app.py": "a"})
    before = code_sha256(build_zip(collect_files(folder)))
    write(tmp_path, {"app.py": "b"})
    assert code_sha256(build_zip(collect_files(folder))) != before


def test_an_executable_stays_one_and_everything_is_readable(tmp_path: Path) -> None:
    folder = write(tmp_path, {"tool": "#!/bin/sh", "app.py": ""})
    (folder / "tool").chmod(0o700)
    with zipfile.ZipFile(io.BytesIO(build_zip(collect_files(folder)))) as archive:
        modes = {one.filename: one.external_attr >> 16 for one in archive.infolist()}
    assert modes == {"tool": 0o100755, "app.py": 0o100644}


def test_caches_repositories_and_virtual_environments_stay_out(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        {
            "app.py": "",
            "lib/x.py": "",
            "lib/__pycache__/x.pyc": "",
            "old.pyc": "",
            ".git/config": "",
            ".venv/pyvenv.cfg": "",
            ".env": "kept",
        },
    )
    assert names_in(build_zip(collect_files(folder))) == [".env", "app.py", "lib/x.py"]


def test_a_layer_inside_the_folder_is_not_part_of_its_package(tmp_path: Path) -> None:
    folder = write(tmp_path, {"app.py": "", "layer/python/x.py": ""})
    assert list(collect_files(folder, without=[folder / "layer"])) == ["app.py"]


def test_links_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    folder = write(tmp_path / "code", {"app.py": ""})
    write(tmp_path / "shared", {"util.py": "u"})
    (folder / "shared").symlink_to(tmp_path / "shared")
    (folder / "itself").symlink_to(folder)
    assert list(collect_files(folder)) == ["app.py", "shared/util.py"]


def test_a_single_file_is_packed_alone(tmp_path: Path) -> None:
    folder = write(tmp_path, {"job.py": "", "other.py": ""})
    assert names_in(build_zip(collect_files(folder / "job.py"))) == ["job.py"]


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="no files to deploy"):
        collect_files(tmp_path)


def test_a_target_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="no such file or folder"):
        collect_files(tmp_path / "absent")


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"app.py": "def handler(event, context): ..."}, "app.handler"),
        ({"handler.py": "def handler(event, context): ..."}, "handler.handler"),
        ({"lambda_function.py": "def lambda_handler(e, c): ..."}, "lambda_function.lambda_handler"),
        ({"job.py": "def lambda_handler(e, c): ..."}, "job.lambda_handler"),
        ({"app.py": "from web import handler", "web.py": ""}, "app.handler"),
        ({"app.py": "handler = make()", "util.py": ""}, "app.handler"),
        ({"app.py": "x = 1", "main.py": "def handler(e, c): ..."}, "main.handler"),
        ({"app.py": "def lambda_handler(e, c): ...\ndef handler(e, c): ..."}, "app.handler"),
    ],
)
def test_the_handler_is_found_by_reading_the_code(
    tmp_path: Path, files: dict[str, str], handler: str
) -> None:
    collected = collect_files(write(tmp_path, files))
    assert guess_handler(collected) == handler
    assert defines_handler(collected, handler)


@pytest.mark.parametrize(
    "files",
    [
        {"app.py": "def main(): ..."},
        {"app.py": "class A:\n  def handler(self): ..."},
        {"app.py": "handler: object"},
        {"a.py": "def handler(e, c): ...", "b.py": ""},
        {"package/app.py": "def handler(e, c): ..."},
        {"data.json": "{}"},
    ],
)
def test_without_a_conventional_handler_one_must_be_named(
    tmp_path: Path, files: dict[str, str]
) -> None:
    with pytest.raises(CliError, match=r"--handler module\.function"):
        guess_handler(collect_files(write(tmp_path, files)))


def test_code_that_does_not_parse_is_refused_with_file_and_line(tmp_path: Path) -> None:
    files = collect_files(write(tmp_path, {"app.py": "x = 1\ndef handler(:"}))
    with pytest.raises(CliError, match=r"app\.py is not valid Python: .*line 2"):
        guess_handler(files)


@pytest.mark.parametrize("handler", ["pkg/sub/app.run", "pkg.sub.app.run", "pkg.run"])
def test_a_handler_in_a_package_is_found(tmp_path: Path, handler: str) -> None:
    code = "def run(event, context): ..."
    files = collect_files(write(tmp_path, {"pkg/sub/app.py": code, "pkg/__init__.py": code}))
    assert defines_handler(files, handler)
    assert not defines_handler(files, "pkg.sub.app.gone")
    assert not defines_handler(files, "nodots")


def test_a_jar_is_a_package_as_it_is(tmp_path: Path) -> None:
    jar = tmp_path / "orders.jar"
    jar.write_bytes(b"PK")
    assert load_package(jar, []).zipped == b"PK"
