"""Finding control groups, and what is written to version 2's files, on made-up trees."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lambent.sandbox.cgroup_tree import (
    remove_dead_servers,
    server_folder,
    server_is_dead,
    start_ticks,
    stat_value,
)
from lambent.sandbox.cgroups import (
    CgroupsUnavailable,
    Mount,
    candidate_folders,
    detect_cgroups,
    parse_memberships,
    parse_mounts,
)
from lambent.sandbox.cgroups_v1 import CgroupsV1
from lambent.sandbox.cgroups_v2 import CgroupsV2, CgroupV2, MemoryEvents

MIB = 1024 * 1024
V1_LINE = "35 31 0:32 / {point} rw,relatime shared:9 - cgroup cgroup rw,{controllers}"
V2_LINE = "41 31 0:38 / {point} rw,relatime - cgroup2 cgroup2 rw,nsdelegate"


def proc_folder(tmp_path: Path, mountinfo: str, cgroup: str) -> str:
    folder = tmp_path / "proc"
    folder.mkdir()
    (folder / "mountinfo").write_text(mountinfo + "\n")
    (folder / "cgroup").write_text(cgroup + "\n")
    return str(folder)


def unified(folder: Path, *, controllers: str = "cpu memory pids", handed: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cgroup.controllers").write_text(controllers)
    (folder / "cgroup.subtree_control").write_text(handed)
    (folder / "cgroup.procs").write_text("")
    return folder


def test_mounts_and_memberships_are_read_as_proc_gives_them() -> None:
    text = "\n".join(
        [
            "20 1 0:5 / /proc rw - proc proc rw",
            V1_LINE.format(point="/sys/fs/cgroup/cpu,cpuacct", controllers="cpu,cpuacct"),
            V2_LINE.format(point="/sys/fs/cgroup/unified"),
        ]
    )
    first, second = parse_mounts(text)
    assert (first.version, first.point) == (1, "/sys/fs/cgroup/cpu,cpuacct")
    assert {"cpu", "cpuacct"} <= first.options
    assert (second.version, second.point) == (2, "/sys/fs/cgroup/unified")
    assert parse_memberships("4:memory:/a\n3:cpu,cpuacct:/\n1:name=systemd:/x\n0::/b\n") == {
        "memory": "/a",
        "cpu": "/",
        "cpuacct": "/",
        "name=systemd": "/x",
        "": "/b",
    }


@pytest.mark.parametrize(
    ("root", "own", "expected"),
    [
        ("/", "/a/b", ["/cg/a/b", "/cg/a", "/cg"]),
        ("/", "/", ["/cg"]),
        ("/docker/x", "/docker/x", ["/cg"]),
        ("/docker/x", "/docker/x/y", ["/cg/y", "/cg"]),
        ("/docker/x", "/elsewhere", ["/cg"]),
        ("/", "/../other", ["/cg/other", "/cg"]),
    ],
)
def test_groups_are_sought_from_our_own_upwards(root: str, own: str, expected: list[str]) -> None:
    mount = Mount(version=1, root=root, point="/cg", options=frozenset())
    assert candidate_folders(mount, own) == expected


def test_version_1_takes_the_nearest_writable_folder_of_each_controller(tmp_path: Path) -> None:
    lines = []
    for controller in ("memory", "cpu", "pids"):
        (tmp_path / controller / "mine").mkdir(parents=True)
        lines.append(V1_LINE.format(point=tmp_path / controller, controllers=controller))
    proc = proc_folder(tmp_path, "\n".join(lines), "3:memory:/mine\n2:cpu:/mine\n1:pids:/")
    denied = str(tmp_path / "cpu")
    found = detect_cgroups(proc=proc, writable=lambda path: not path.startswith(denied))
    assert isinstance(found, CgroupsV1)
    assert found.bases == {"memory": f"{tmp_path}/memory/mine", "pids": f"{tmp_path}/pids"}
    report = {item.name: item for item in found.report_items()}
    assert [report[name].enforced for name in ("memory", "cpu", "pids")] == [True, False, True]
    assert report["cpu"].hint


def test_version_2_hands_its_controllers_down(tmp_path: Path) -> None:
    base = unified(tmp_path / "cg/mine.scope")
    proc = proc_folder(tmp_path, V2_LINE.format(point=tmp_path / "cg"), "0::/mine.scope")
    found = detect_cgroups(proc=proc, writable=lambda path: path.startswith(str(base)))
    assert isinstance(found, CgroupsV2)
    assert found.base == str(base)
    assert found.controllers == {"memory", "cpu", "pids"}
    assert (base / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_version_2_without_delegation_says_how_to_get_it(tmp_path: Path) -> None:
    unified(tmp_path / "cg/session.scope")
    proc = proc_folder(tmp_path, V2_LINE.format(point=tmp_path / "cg"), "0::/session.scope")
    found = detect_cgroups(proc=proc, writable=lambda _path: False)
    assert isinstance(found, CgroupsUnavailable)
    assert "writable" in found.reason
    assert "Delegate=yes" in found.hint
    assert all(not item.enforced and item.hint for item in found.report_items())


def test_a_hybrid_tree_without_controllers_is_unavailable(tmp_path: Path) -> None:
    unified(tmp_path / "cg", controllers="hugetlb")
    proc = proc_folder(tmp_path, V2_LINE.format(point=tmp_path / "cg"), "0::/")
    found = detect_cgroups(proc=proc, writable=lambda _path: True)
    assert isinstance(found, CgroupsUnavailable)
    assert "memory controller" in found.reason


def fake_group(tmp_path: Path) -> tuple[Path, CgroupV2, MemoryEvents]:
    folder = tmp_path / "group"
    folder.mkdir()
    names = "memory.max memory.swap.max memory.oom.group memory.high cpu.weight cpu.max pids.max"
    for name in names.split():
        (folder / name).touch()
    set_use(folder, peak=0, current=0, files=0)
    (folder / "memory.events").write_text("low 0\nhigh 0\noom_kill 0\n")
    events = MemoryEvents()
    return folder, CgroupV2(str(folder), frozenset({"memory", "cpu", "pids"}), events), events


def set_use(folder: Path, *, peak: int, current: int, files: int) -> None:
    (folder / "memory.peak").write_text(f"{peak}\n")
    (folder / "memory.current").write_text(f"{current}\n")
    (folder / "memory.stat").write_text(f"anon {current - files}\nfile {files}\nfile_mapped 5\n")


def test_version_2_limits_are_written_in_the_kernels_terms(tmp_path: Path) -> None:
    folder, group, _events = fake_group(tmp_path)
    group.limit(memory_mib=128, tmp_mib=512, vcpus=1.5, processes_max=100)
    written = {path.name: path.read_text() for path in folder.iterdir()}
    assert written["memory.max"] == str(640 * MIB)
    assert written["memory.swap.max"] == "0"
    assert written["memory.oom.group"] == "1"
    assert written["cpu.weight"] == "150"
    assert written["cpu.max"] == "20000 10000"
    assert written["pids.max"] == "100"


def test_version_2_moves_its_ceiling_by_files_and_ends_at_memory(tmp_path: Path) -> None:
    folder, group, events = fake_group(tmp_path)

    async def changed() -> None:
        (folder / "memory.events").write_text("low 0\nhigh 1\noom_kill 0\n")
        async with asyncio.timeout(60):
            while True:  # the callback runs on this loop's own turn
                await asyncio.sleep(0)
                if told or int((folder / "memory.high").read_text() or 0) != before:
                    return

    told: list[bool] = []

    async def main() -> None:
        nonlocal before
        group.limit(memory_mib=128, tmp_mib=512, vcpus=1, processes_max=100)
        group.watch(lambda: told.append(True))
        before = int((folder / "memory.high").read_text())
        assert 128 * MIB <= before <= 137 * MIB
        set_use(folder, peak=200 * MIB, current=200 * MIB, files=100 * MIB)
        await changed()
        assert not told
        raised = int((folder / "memory.high").read_text())
        assert raised == before + 100 * MIB
        assert group.peak_bytes() == 100 * MIB
        before = raised
        set_use(folder, peak=250 * MIB, current=250 * MIB, files=0)
        await changed()
        assert told == [True]
        assert group.was_out_of_memory()
        events.close()

    before = 0
    asyncio.run(main())
    os.close(group._peak_fd)


def test_the_peak_leaves_out_files_and_never_falls(tmp_path: Path) -> None:
    folder, group, _events = fake_group(tmp_path)
    group.limit(memory_mib=128, tmp_mib=512, vcpus=1, processes_max=100)
    seen = []
    for peak, files in ((50, 10), (50, 40), (60, 40), (400, 100)):
        set_use(folder, peak=peak * MIB, current=peak * MIB, files=files * MIB)
        seen.append(group.peak_bytes() // MIB)
    assert seen == [40, 40, 40, 128]
    os.close(group._peak_fd)


def test_only_folders_of_dead_servers_are_removed(tmp_path: Path) -> None:
    alive = server_folder(os.getpid())
    ticks = start_ticks(os.getpid())
    assert ticks is not None
    dead = f"lambent-{os.getpid()}-{ticks + 1}"  # the number was given to us afterwards
    for name in (alive, dead, "system.slice"):
        (tmp_path / name / "sandbox").mkdir(parents=True)
    assert server_is_dead(dead)
    assert not server_is_dead(alive)
    assert remove_dead_servers([str(tmp_path), "/nowhere"]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([alive, "system.slice"])


@pytest.mark.parametrize(
    ("name", "value"),
    [(b"cache", 5), (b"rss", 7), (b"shmem", 0), (b"oom_kill", 3), (b"total", 0)],
)
def test_figures_are_found_by_their_whole_name(name: bytes, value: int) -> None:
    assert (
        stat_value(b"cache 5\nrss 7\ntotal_shmem 9\noom_kill_disable 1\noom_kill 3", name) == value
    )
