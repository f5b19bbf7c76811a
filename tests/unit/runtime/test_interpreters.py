"""Finding interpreters by the layout of their files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lambent.runtime.interpreters import RUNTIMES, find_interpreters, how_to_get, version_key

ELF = b"\x7fELF" + b"\0" * 60


def install(
    prefix: Path, version: str, *, header: bool = True, binary: bytes = ELF, stdlib: bool = True
) -> Path:
    """A fake installation; gives its binary."""
    runtime = "python" + ".".join(version.split(".")[:2])
    executable = prefix / "bin" / runtime
    executable.parent.mkdir(parents=True, exist_ok=True)
    executable.write_bytes(binary)
    executable.chmod(0o755)
    if stdlib:
        (prefix / "lib" / runtime).mkdir(parents=True)
        (prefix / "lib" / runtime / "os.py").touch()
    if header:
        (prefix / "include" / runtime).mkdir(parents=True)
        text = f'#define PY_MAJOR_VERSION 3\n#define PY_VERSION      \t"{version}"\n'
        (prefix / "include" / runtime / "patchlevel.h").write_text(text)
    return executable


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def find(root: Path, setting: str = "", **environ: str) -> dict[str, str]:
    """Runtime → version and binary as the search gives them."""
    found = find_interpreters(setting, environ, root=str(root))
    return {name: f"{item.version} {item.executable}" for name, item in found.items()}


def test_an_empty_host_has_no_interpreter(root: Path) -> None:
    assert find(root) == {}


def test_system_folders_are_searched(root: Path) -> None:
    usr = install(root / "usr", "3.11.2")
    local = install(root / "usr/local", "3.12.4")
    opt = install(root / "opt/python3.13", "3.13.1")
    assert find(root) == {
        "python3.11": f"3.11.2 {usr}",
        "python3.12": f"3.12.4 {local}",
        "python3.13": f"3.13.1 {opt}",
    }


def test_the_newest_patch_release_wins_wherever_it_is(root: Path, tmp_path: Path) -> None:
    install(tmp_path / "first", "3.11.9")
    newest = install(tmp_path / "pyenv/versions/3.11.10", "3.11.10")
    install(root / "usr", "3.11.2")
    found = find(root, PATH=f"{tmp_path}/first/bin", PYENV_ROOT=f"{tmp_path}/pyenv")
    assert found == {"python3.11": f"3.11.10 {newest}"}


def test_among_equals_the_one_on_the_path_wins(root: Path, tmp_path: Path) -> None:
    on_path = install(tmp_path / "mine", "3.11.2")
    install(root / "usr", "3.11.2")
    assert find(root, PATH=f"{tmp_path}/mine/bin") == {"python3.11": f"3.11.2 {on_path}"}


def test_a_release_wins_over_its_candidates() -> None:
    order = ["", "3.14.0a7", "3.14.0b2", "3.14.0rc1", "3.14.0rc2", "3.14.0", "3.14.1"]
    assert sorted([*order[3:], *order[:3]], key=version_key) == order


def test_the_folder_names_of_pyenv_and_uv_tell_the_version(root: Path, tmp_path: Path) -> None:
    pyenv = install(tmp_path / ".pyenv/versions/3.9.18", "3.9.18", header=False)
    uv = install(
        tmp_path / ".local/share/uv/python/cpython-3.14.2-linux-x86_64-gnu", "3.14.2", header=False
    )
    assert find(root, HOME=str(tmp_path)) == {
        "python3.9": f"3.9.18 {pyenv}",
        "python3.14": f"3.14.2 {uv}",
    }


def test_an_unknown_patch_release_is_taken_when_there_is_no_other(root: Path) -> None:
    usr = install(root / "usr", "3.11.2", header=False)
    assert find(root) == {"python3.11": f" {usr}"}


def test_shims_are_passed_over(root: Path, tmp_path: Path) -> None:
    install(tmp_path / "shims", "3.11.7", binary=b"#!/usr/bin/env bash\n")
    assert find(root, PATH=f"{tmp_path}/shims/bin") == {}


def test_a_link_named_python3_leads_to_the_real_binary(root: Path, tmp_path: Path) -> None:
    real = install(tmp_path / "somewhere", "3.10.13")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(real)
    assert find(root, PATH=f"{tmp_path}/bin") == {"python3.10": f"3.10.13 {real}"}


def test_a_virtual_environment_leads_to_its_base(root: Path, tmp_path: Path) -> None:
    base = install(tmp_path / "base", "3.12.1")
    copied = install(tmp_path / "venv", "3.12.1", header=False)
    (tmp_path / "venv/pyvenv.cfg").write_text(f"home = {base.parent}\nversion = 3.12.1\n")
    expected = {"python3.12": f"3.12.1 {base}"}
    assert find(root, PATH=str(copied.parent)) == expected
    assert find(root, f"python3.12={copied}") == expected


def test_an_installation_without_its_library_is_passed_over(root: Path) -> None:
    install(root / "usr", "3.11.2", stdlib=False)
    assert find(root) == {}


def test_relative_folders_on_the_path_are_passed_over(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "3.11.2")
    monkeypatch.chdir(tmp_path)
    assert find(root, PATH="bin:") == {}


def test_versions_that_lambda_has_not_are_passed_over(root: Path) -> None:
    install(root / "usr", "3.7.16")
    install(root / "usr", "3.15.0")
    assert find(root) == {}


def test_the_setting_wins_and_takes_a_prefix_as_well(root: Path, tmp_path: Path) -> None:
    install(root / "usr", "3.12.9")
    chosen = install(tmp_path / "chosen", "3.12.1")
    expected = {"python3.12": f"3.12.1 {chosen}"}
    assert find(root, f"python3.12={chosen}") == expected
    assert find(root, f" python3.12={tmp_path}/chosen , ") == expected


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("python3.12=/nowhere/python", "No such file"),
        ("python3.7={other}", "must be python3.X=/absolute/path"),
        ("/usr/bin/python3", "must be python3.X=/absolute/path"),
        ("python3.12=bin/python", "must be python3.X=/absolute/path"),
        ("python3.12={other}", "that is a python3.11"),
    ],
)
def test_a_setting_that_names_no_interpreter_is_refused(
    root: Path, tmp_path: Path, setting: str, why: str
) -> None:
    other = install(tmp_path / "other", "3.11.1")
    with pytest.raises(ValueError, match=why) as error:
        find(root, setting.format(other=other))
    assert str(error.value).startswith("LAMBENT_PYTHONS: ")


def test_folders_that_cannot_be_read_are_passed_over(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: object) -> list[str]:
        raise PermissionError(13, "Permission denied")

    usr = install(root / "usr", "3.11.2")
    monkeypatch.setattr(os, "listdir", refuse)
    assert find(root, HOME=str(tmp_path)) == {"python3.11": f"3.11.2 {usr}"}


def test_the_hint_names_the_version_and_the_setting() -> None:
    hint = how_to_get("python3.12")
    for part in ("pyenv install 3.12", "uv python install 3.12", "LAMBENT_PYTHONS=python3.12="):
        assert part in hint


def test_this_host_is_searched() -> None:
    found = find_interpreters("", os.environ)
    assert list(found) == [runtime for runtime in RUNTIMES if runtime in found]
    assert found, "the interpreter that runs this test at least"
