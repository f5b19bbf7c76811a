"""The system calls that a function may not make, as a BPF program.

A list of what is forbidden rather than of what is allowed: Lambda's own environments run any
program, and what the list leaves open still meets empty capabilities, an own user and namespaces.
Forbidden calls answer EPERM, as they would without the capability, so that programs which probe
(strace, a debugger, a build tool) degrade rather than die. Another architecture's calls kill: their
numbers mean something else and would pass by.
"""

from __future__ import annotations

import struct
from typing import Tuple

Instruction = Tuple[int, int, int, int]
"""Code, jump when true, jump when false, operand."""

_X86_64 = "x86_64"
_AARCH64 = "aarch64"
# linux/audit.h
_AUDIT_ARCH = {_X86_64: 0xC000003E, _AARCH64: 0xC00000B7}
_X32_BIT = 0x40000000

_KILL = 0x80000000
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EPERM = _ERRNO | 1
_ENOSYS = _ERRNO | 38

# name: (x86_64, aarch64); None where the architecture has no such call.
# Source: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
FORBIDDEN: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "create_module": (174, None),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sysfs": (139, None),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
_CLONE = {_X86_64: 56, _AARCH64: 220}
_SOCKET = {_X86_64: 41, _AARCH64: 198}
_PERSONALITY = {_X86_64: 135, _AARCH64: 92}
_CLONE3 = 435

_OF_TEMPLATES = ("mount", "sethostname")
_CLONE_NEW_ANY = 0x7E020000
_CLONE_NEW_TEMPLATE = 0x7C020000
"""User, mount, pid, network, IPC and UTS; no cgroup namespace."""
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_SOCK_RAW, _SOCK_PACKET = 3, 10
_PERSONALITY_QUERY = 0xFFFFFFFF

# struct seccomp_data, little-endian: the low half of each argument.
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_CHAIN_MAX = 4
_JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_BITS = 0x15, 0x35, 0x45


def build_filter(machine: str, *, template: bool = False) -> bytes:
    """The program's bytes (8 an instruction) for `machine`, x86_64 or aarch64; else ValueError.

    `template`: what is forked may enter new namespaces, all at once, and mount in them.
    """
    if machine not in _AUDIT_ARCH:
        raise ValueError("no seccomp filter for " + machine)
    column = 0 if machine == _X86_64 else 1
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == _X86_64:
        program += [(_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL)]
    program += _when(_CLONE[machine], _template_clone_rule() if template else _clone_rule())
    program += _when(_SOCKET[machine], _socket_rule())
    program += _when(_PERSONALITY[machine], _personality_rule())
    # Its flags lie in memory, where a filter cannot look: ENOSYS makes glibc fall back to clone.
    program += _when(_CLONE3, [(_RETURN, 0, 0, _ENOSYS)])
    allowed = _OF_TEMPLATES if template else ()
    columns = (numbers[column] for name, numbers in FORBIDDEN.items() if name not in allowed)
    program += _search(sorted(number for number in columns if number is not None))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _search(forbidden: list[int]) -> list[Instruction]:
    """EPERM for the sorted numbers, by bisection.

    When a filter is installed the kernel runs it for every call it knows, to find those that are
    always allowed: a chain of comparisons makes that 0.1 ms of each cold start.
    """
    if len(forbidden) <= _CHAIN_MAX:
        rule: list[Instruction] = []
        for index, number in enumerate(forbidden):
            rule.append((_JUMP_EQUAL, len(forbidden) - index, 0, number))
        return [*rule, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _EPERM)]
    middle = len(forbidden) // 2
    below, above = _search(forbidden[:middle]), _search(forbidden[middle:])
    return [(_JUMP_GREATER_EQUAL, len(below), 0, forbidden[middle]), *below, *above]


def _when(number: int, rule: list[Instruction]) -> list[Instruction]:
    """`rule` for system call `number`; every path through a rule returns."""
    return [(_JUMP_EQUAL, 0, len(rule), number), *rule]


def _clone_rule() -> list[Instruction]:
    return [
        (_LOAD, 0, 0, _ARGUMENT),
        (_JUMP_BITS, 0, 1, _CLONE_NEW_ANY),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _template_clone_rule() -> list[Instruction]:
    """No new namespace, or every one of a sandbox at once."""
    return [
        (_LOAD, 0, 0, _ARGUMENT),
        (_AND, 0, 0, _CLONE_NEW_ANY),
        (_JUMP_EQUAL, 2, 0, 0),
        (_JUMP_EQUAL, 1, 0, _CLONE_NEW_TEMPLATE),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _socket_rule() -> list[Instruction]:
    """Unix, and internet but raw; of netlink only NETLINK_ROUTE, which getaddrinfo reads."""
    return [
        (_LOAD, 0, 0, _ARGUMENT),
        (_JUMP_EQUAL, 10, 0, _AF_UNIX),
        (_JUMP_EQUAL, 4, 0, _AF_INET),
        (_JUMP_EQUAL, 3, 0, _AF_INET6),
        (_JUMP_EQUAL, 0, 6, _AF_NETLINK),
        (_LOAD, 0, 0, _ARGUMENT + 16),
        (_JUMP_EQUAL, 5, 4, 0),
        (_LOAD, 0, 0, _ARGUMENT + 8),
        (_AND, 0, 0, 0xF),  # without SOCK_CLOEXEC and SOCK_NONBLOCK
        (_JUMP_EQUAL, 1, 0, _SOCK_RAW),
        (_JUMP_EQUAL, 0, 1, _SOCK_PACKET),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _personality_rule() -> list[Instruction]:
    return [
        (_LOAD, 0, 0, _ARGUMENT),
        (_JUMP_EQUAL, 2, 0, 0),
        (_JUMP_EQUAL, 1, 0, _PERSONALITY_QUERY),
        (_RETURN, 0, 0, _EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
