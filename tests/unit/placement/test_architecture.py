"""What this host can run, and what a program is made for."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from lambent.placement.architecture import host_architectures, machine_of, read_machine


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine) + bytes(44)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (elf(62), "x86_64"),
        (elf(183), "arm64"),
        (elf(243), "machine 243"),
        (b"#!/bin/sh\necho a script of more than twenty bytes\n", None),
        (elf(62)[:19], None),
        (b"", None),
    ],
)
def test_machine_code_names_its_architecture(content: bytes, found: str | None) -> None:
    assert machine_of(content) == found


def test_a_link_a_folder_and_nothing_are_no_machine_code(tmp_path: Path) -> None:
    (tmp_path / "code").write_bytes(elf(62))
    (tmp_path / "link").symlink_to(tmp_path / "code")
    assert read_machine(tmp_path / "code") == "x86_64"
    assert read_machine(tmp_path / "link") is None
    assert read_machine(tmp_path / "nothing") is None


def test_a_host_runs_its_own_code_and_what_an_emulator_is_registered_for(tmp_path: Path) -> None:
    """Source: the kernel's admin-guide, "Kernel Support for miscellaneous Binary Formats"."""
    assert host_architectures("aarch64", tmp_path) == {"arm64"}
    entry = f"interpreter /usr/bin/qemu\nflags: F\noffset 0\nmagic {elf(183)[:20].hex()}\n"
    (tmp_path / "qemu-aarch64").write_text(f"enabled\n{entry}mask ff\n")
    (tmp_path / "python").write_text("enabled\ninterpreter /usr/bin/python\nextension .py\n")
    (tmp_path / "odd").write_text("enabled\nmagic zz\n")
    assert host_architectures("x86_64", tmp_path) == {"x86_64", "arm64"}
    (tmp_path / "qemu-aarch64").write_text(f"disabled\n{entry}")
    assert host_architectures("x86_64", tmp_path) == {"x86_64"}
    assert host_architectures("x86_64", tmp_path / "none") == {"x86_64"}
