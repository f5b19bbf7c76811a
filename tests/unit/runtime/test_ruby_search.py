"""Finding Rubies by the layout of their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.runtime.families import ruby

ELF = b"\x7fELF" + b"\0" * 60


def install_ruby(
    prefix: Path, version: str, *, name: str = "ruby", where: str = "", binary: bytes = ELF
) -> Path:
    """A fake installation; gives its binary."""
    major, minor, teeny = version.split(".")
    api = f"{major}.{minor}.0"
    executable = prefix / "bin" / name
    executable.parent.mkdir(parents=True, exist_ok=True)
    executable.write_bytes(binary)
    config = prefix / (where or f"lib/ruby/{api}/x86_64-linux") / "rbconfig.rb"
    config.parent.mkdir(parents=True)
    config.write_text(
        f'  CONFIG["MAJOR"] = "{major}"\n  CONFIG["MINOR"] = "{minor}"\n'
        f'  CONFIG["TEENY"] = "{teeny}"\n  CONFIG["PATCHLEVEL"] = "20"\n'
    )
    return executable


def found(root: Path, setting: str = "", **environ: str) -> dict[str, str]:
    each = ruby.find(setting, environ, root=str(root))
    return {name: f"{one.version} {one.executable}" for name, one in each.items()}


def test_rubies_of_version_managers_and_of_the_system_are_found(tmp_path: Path) -> None:
    home = tmp_path / "home"
    rbenv = install_ruby(home / ".rbenv/versions/3.4.2", "3.4.2")
    rvm = install_ruby(home / ".rvm/rubies/ruby-3.3.1", "3.3.1")
    debian = install_ruby(
        tmp_path / "usr", "3.1.2", name="ruby3.1", where="lib/x86_64-linux-gnu/ruby/3.1.0"
    )
    install_ruby(tmp_path / "opt/rubies/2.7.8", "2.7.8")  # Lambda has it no more
    assert found(tmp_path, HOME=str(home)) == {
        "ruby3.1": f"3.1.2 {debian}",
        "ruby3.3": f"3.3.1 {rvm}",
        "ruby3.4": f"3.4.2 {rbenv}",
    }


def test_the_newest_ruby_of_a_line_wins_and_a_named_one_over_it(tmp_path: Path) -> None:
    old = install_ruby(tmp_path / "opt/rubies/3.3.1", "3.3.1")
    new = install_ruby(tmp_path / "opt/rubies/3.3.10", "3.3.10")
    assert found(tmp_path) == {"ruby3.3": f"3.3.10 {new}"}
    for path in (old, old.parent.parent):
        assert found(tmp_path, f"ruby3.3={path}") == {"ruby3.3": f"3.3.1 {old}"}


def test_a_shim_and_a_binary_without_its_library_are_no_ruby(tmp_path: Path) -> None:
    install_ruby(tmp_path / "opt/rubies/3.3.1", "3.3.1", binary=b"#!/bin/sh\n")
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/ruby").write_bytes(ELF)
    assert found(tmp_path) == {}


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("ruby3.3", "must be RUNTIME=/absolute/path"),
        ("ruby3.3=relative", "must be RUNTIME=/absolute/path"),
        ("ruby3.3=/no/such/thing", "No such file or directory"),
        ("ruby3.3=/etc/passwd", "nothing lies there that could serve"),
        ("ruby3.4={installed}", "that is a ruby3.3"),
    ],
)
def test_a_setting_that_names_no_ruby_is_refused(tmp_path: Path, entry: str, why: str) -> None:
    installed = install_ruby(tmp_path / "r", "3.3.1")
    with pytest.raises(ValueError, match="LAMBENT_RUBIES") as refusal:
        ruby.find(entry.format(installed=installed), {}, root=str(tmp_path))
    assert why in str(refusal.value)


def test_how_to_get_a_ruby_names_the_setting() -> None:
    assert "LAMBENT_RUBIES=ruby3.4=/path/to/ruby" in ruby.how_to_get("ruby3.4")
