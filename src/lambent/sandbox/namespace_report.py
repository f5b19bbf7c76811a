"""What the namespaces backend enforces on this host, in words for `doctor` and the banner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .interface import IsolationItem, IsolationReport

FREEZING = "freezing"
_SECCOMP_MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What the trial at start found."""

    as_root: bool
    user_namespace: bool
    """Whether a user namespace was needed."""
    proc_error: str
    """Why a new /proc cannot be mounted; empty where it can."""
    tmp_error: str
    """Why a /tmp cannot outlive its sandbox; empty where it can."""
    machine: str


def describe_isolation(
    facts: HostFacts | None,
    *,
    cgroup_items: Sequence[IsolationItem],
    network_items: Sequence[IsolationItem],
    freezing: str,
) -> IsolationReport:
    if facts is None:
        item = IsolationItem(name="namespaces", enforced=False, how="not tried yet")
        return IsolationReport(backend="namespaces", as_root=False, items=(item,))
    items = (
        _filesystem(facts),
        _processes(facts),
        _users(facts),
        IsolationItem(name="capabilities", enforced=True, how="none, now or after any exec"),
        _seccomp(facts),
        IsolationItem(
            name="tmp", enforced=True, how="a tmpfs of EphemeralStorage's size for each sandbox"
        ),
        _resets(facts),
        *cgroup_items,
        *(() if cgroup_items and all(item.enforced for item in cgroup_items) else _fallbacks()),
        *network_items,
        IsolationItem(name=FREEZING, enforced=True, how=freezing),
    )
    return IsolationReport(backend="namespaces", as_root=facts.as_root, items=items)


def _filesystem(facts: HostFacts) -> IsolationItem:
    how = "own mount namespace and root; of the host only its programs and libraries, read-only"
    return IsolationItem(name="filesystem", enforced=True, how=how)


def _processes(facts: HostFacts) -> IsolationItem:
    if not facts.proc_error:
        return IsolationItem(name="processes", enforced=True, how="own pid namespace and /proc")
    return IsolationItem(
        name="processes",
        enforced=True,
        how=f"own pid namespace; /proc stays empty ({facts.proc_error})",
        hint="for /proc inside, run where nothing is mounted over parts of /proc "
        "(a container hides them: docker run --security-opt systempaths=unconfined)",
    )


def _users(facts: HostFacts) -> IsolationItem:
    if facts.as_root:
        how = "an own uid for each sandbox, from 200000 on"
        return IsolationItem(name="users", enforced=True, how=how)
    if facts.proc_error:
        how = "a user namespace that maps only our own user; uid 0 inside, without capabilities"
        return IsolationItem(name="users", enforced=False, how=how, hint="needs /proc, see above")
    how = "a user namespace for each sandbox, in which our own user is the only one"
    return IsolationItem(
        name="users",
        enforced=True,
        how=how,
        hint="run as root for a uid that owns nothing on the host",
    )


def _seccomp(facts: HostFacts) -> IsolationItem:
    if facts.machine in _SECCOMP_MACHINES:
        how = "calls that reach for the kernel's administration answer EPERM"
        return IsolationItem(name="seccomp", enforced=True, how=how)
    return IsolationItem(
        name="seccomp",
        enforced=False,
        how=f"no filter for {facts.machine}",
        hint="use an x86_64 or aarch64 host",
    )


def _resets(facts: HostFacts) -> IsolationItem:
    if not facts.tmp_error:
        how = "after a time-out or a crash an environment keeps /tmp, as AWS's do"
        return IsolationItem(name="resets", enforced=True, how=how)
    return IsolationItem(
        name="resets",
        enforced=False,
        how=f"a time-out or a crash ends the environment and its /tmp ({facts.tmp_error})",
        hint="for /tmp to be kept, run on Linux 5.2 or later; a container must allow open_tree(2)",
    )


def _fallbacks() -> tuple[IsolationItem, ...]:
    return (
        IsolationItem(
            name="resource limits",
            enforced=True,
            how="RLIMIT_DATA for each process instead of memory for all; RLIMIT_NPROC",
        ),
    )
