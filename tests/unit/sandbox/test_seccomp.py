"""The seccomp filter, run in a small model of the kernel's BPF machine."""

from __future__ import annotations

import struct

import pytest

from lambent.sandbox.guest import seccomp

ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}


def decide(machine: str, number: int, *arguments: int, architecture: int = 0) -> int:
    """What the filter of `machine` returns for a call."""
    code = seccomp.build_filter(machine)
    program = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=IIQ6Q", number, architecture or ARCHITECTURES[machine], 0, *padded)
    accumulator, at = 0, 0
    while True:
        operation, when_true, when_false, operand = program[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x54:
            accumulator &= operand
        elif operation == 0x06:
            return operand
        else:
            holds = {
                0x15: accumulator == operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }[operation]
            at += when_true if holds else when_false


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_exactly_the_forbidden_calls_are_refused(machine: str) -> None:
    forbidden = {numbers[COLUMN[machine]] for numbers in seccomp.FORBIDDEN.values()} - {None}
    for number in range(480):
        expected = ENOSYS if number == 435 else EPERM if number in forbidden else ALLOW
        # The families that look at arguments are tested below; AF_UNIX is the 1 that passes.
        if number in (41, 198, 56, 220, 135, 92) and number not in forbidden:
            continue
        assert decide(machine, number) == expected, number


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_a_call_of_another_architecture_kills(machine: str) -> None:
    assert decide(machine, 1, architecture=0x40000003) == KILL  # i386


def test_an_x32_call_kills() -> None:
    assert decide("x86_64", 0x40000000 + 1) == KILL


@pytest.mark.parametrize(("machine", "clone"), [("x86_64", 56), ("aarch64", 220)])
def test_clone_may_make_threads_and_processes_but_no_namespaces(machine: str, clone: int) -> None:
    assert decide(machine, clone, 0x11) == ALLOW
    assert decide(machine, clone, 0x3D0F00) == ALLOW  # pthread_create
    for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert decide(machine, clone, 0x11 | bit) == EPERM


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((1, 1, 0), ALLOW),
        ((1, 3, 0), ALLOW),
        ((2, 1 | 0x80800, 0), ALLOW),
        ((10, 2, 0), ALLOW),
        ((2, 3, 1), EPERM),
        ((10, 3 | 0x80000, 58), EPERM),
        ((2, 10, 0), EPERM),
        ((16, 3 | 0x80000, 0), ALLOW),
        ((16, 3, 12), EPERM),
        ((17, 3, 0), EPERM),
        ((40, 1, 0), EPERM),
    ],
)
def test_sockets_are_unix_internet_or_route(arguments: tuple[int, ...], expected: int) -> None:
    assert decide("x86_64", 41, *arguments) == expected
    assert decide("aarch64", 198, *arguments) == expected


def test_personality_may_only_be_asked() -> None:
    assert decide("x86_64", 135, 0xFFFFFFFF) == ALLOW
    assert decide("x86_64", 135, 0x0040000) == EPERM


def test_a_machine_without_a_filter_is_refused() -> None:
    with pytest.raises(ValueError, match="riscv64"):
        seccomp.build_filter("riscv64")
