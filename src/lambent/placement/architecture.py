"""Which machine code this host can run, and what a function's own program is made for."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

MACHINES: Mapping[int, str] = {62: "x86_64", 183: "arm64"}
"""ELF's e_machine → Lambda's name of the architecture. Source: elf.h, EM_X86_64, EM_AARCH64."""

EMULATORS = Path("/proc/sys/fs/binfmt_misc")

_MACHINE_AT = slice(18, 20)
_HEAD_BYTES = 20


def machine_of(head: bytes) -> str | None:
    """Lambda's name, the number of another machine, or None where this is no 64-bit ELF."""
    if len(head) < _HEAD_BYTES or head[:6] != b"\x7fELF\x02\x01":
        return None
    number = int.from_bytes(head[_MACHINE_AT], "little")
    return MACHINES.get(number, f"machine {number}")


def read_machine(path: Path) -> str | None:
    """Of a file; a link is not followed, for its target is inside the sandbox."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(descriptor, "rb") as file:
        return machine_of(file.read(_HEAD_BYTES))


def host_architectures(
    machine: str = platform.machine(), emulators: Path = EMULATORS
) -> frozenset[str]:
    """What runs here: the processor's own, and what an emulator is registered for."""
    own = {"aarch64": "arm64"}.get(machine, machine)
    return frozenset({own, *_emulated(emulators)})


def _emulated(folder: Path) -> Iterable[str]:
    """Source: the kernel's admin-guide, "Kernel Support for miscellaneous Binary Formats"."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        try:
            lines = (folder / name).read_text().splitlines()
        except OSError:
            continue
        magic = next((line.split()[1] for line in lines if line.startswith("magic ")), "")
        found = machine_of(_from_hex(magic)) if lines[:1] == ["enabled"] else None
        if found is not None:
            yield found


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def cannot_run(architecture: str, host: Iterable[str]) -> str:
    """For people: why code for `architecture` does not run here."""
    return (
        f"This host runs code for {' and '.join(sorted(host))}, not for {architecture}: build it "
        "for this host and say so in Architectures, or register an emulator (binfmt_misc)"
    )
