"""Taking all there is of something: it ends at the function's own limit, beside others at work."""

from __future__ import annotations

import contextlib
import os
import shutil

import pytest

from tests.escape.leftovers import await_none_marked, marked
from tests.escape.servers import World
from tests.system.host import get_json, resident_bytes, wait_for

MIB = 1024 * 1024
ENOSPC = 28
PROCESSES_MAX = 1024
DESCRIPTORS_MAX = 1024
HEALTH = "/_lambent/health"
SERVER_GROWTH_MIB = 160
LOG_FILES_MIB = 200


def assert_timed_out(world: World, answer: object, seconds: int) -> None:
    error_type = getattr(answer, "error_type", "")
    message = getattr(answer, "message", "")
    assert error_type == "Sandbox.Timedout", answer
    assert f"timed out after {seconds}.00 seconds" in message


def test_a_fork_bomb_stays_under_its_limit_and_goes_with_its_time(world: World) -> None:
    event = {"bomb": "processes", "marker": world.marker}
    counts: list[int] = []
    options = {"program": "bombs", "Timeout": 3, "MemorySize": 3008}
    with world.in_background("fork-bomb", event, **options) as bomb:
        watch = world.watch_neighbour(bomb, lambda: counts.append(len(marked(world.marker))))
        assert get_json(world.server, HEALTH)["status"] == "ready"
    assert_timed_out(world, bomb.result(), 3)
    watch.assert_served()
    assert 100 < max(counts) <= PROCESSES_MAX, counts
    await_none_marked(world)


def test_a_memory_bomb_ends_at_memory_size(world: World) -> None:
    event = {"bomb": "memory", "limit_mib": 1024}
    with world.in_background("memory-bomb", event, program="bombs") as bomb:
        watch = world.watch_neighbour(bomb)
    answer = bomb.result()
    if world.enforces("memory"):
        assert answer.error_type == "Runtime.OutOfMemory", answer.payload
    else:
        assert answer.error_type == "MemoryError", answer.payload
    watch.assert_served(at_least=0)
    assert not world.call("memory-bomb", {"bomb": "memory", "limit_mib": 1}).error


def test_memory_taken_in_a_subprocess_counts_too(world: World) -> None:
    event = {"bomb": "memory_in_a_subprocess", "limit_mib": 1024}
    answer = world.call("memory-bomb", event, program="bombs")
    if world.enforces("memory"):
        killed = answer.error_type == "Runtime.OutOfMemory"
        assert killed, answer.payload
    else:
        assert not answer.error, answer.payload
        assert answer.payload["said"] == "", "a subprocess had four times the function's memory"
        assert "MemoryError" in answer.payload["error"]


@pytest.mark.parametrize("by", ["mmap", "memfd"])
def test_memory_that_is_shared_ends_at_the_groups_limit(world: World, by: str) -> None:
    """RLIMIT_DATA does not count shared pages; the report says that memory is not enforced."""
    if not world.enforces("memory"):
        assert world.report["memory"]["hint"]
        assert "RLIMIT_DATA" in world.report["resource limits"]["how"]
        return
    event = {"bomb": "shared_memory", "limit_mib": 2048, "by": by}
    answer = world.call("shared-bomb", event, program="bombs")
    assert answer.error_type == "Runtime.OutOfMemory", answer.payload


@pytest.mark.parametrize("size_mib", [512, 1024])
def test_a_full_tmp_is_enospc_and_not_the_hosts_disk(world: World, size_mib: int) -> None:
    before = shutil.disk_usage(world.folder).free
    found = world.result(
        f"disk-{size_mib}",
        {"bomb": "disk", "limit_mib": 4096},
        program="bombs",
        EphemeralStorage={"Size": size_mib},
        MemorySize=128,
        Timeout=15,
    )
    assert found["error"] == ENOSPC
    assert size_mib - 1 <= found["mib"] <= size_mib
    assert before - shutil.disk_usage(world.folder).free < 256 * MIB, "the host's disk was written"


def test_a_flood_of_files_ends_too(world: World) -> None:
    event = {"bomb": "files", "limit": 1_000_000}
    answer = world.call("file-bomb", event, program="bombs", Timeout=10)
    if answer.error:
        assert answer.error_type in ("Runtime.OutOfMemory", "Sandbox.Timedout"), answer.payload
    else:
        assert answer.payload["error"] == ENOSPC


@pytest.mark.parametrize("ways", [("print", "raw"), ("one line", "subprocess")])
def test_floods_of_logs_slow_themselves_only(world: World, ways: tuple[str, str]) -> None:
    before = resident_bytes(world.server.pid)
    options = {"program": "bombs", "Timeout": 3}
    with contextlib.ExitStack() as stack:
        bombs = [
            stack.enter_context(
                world.in_background("log-bomb", {"bomb": "log", "by": way}, **options)
            )
            for way in ways
        ]
        watch = world.watch_neighbour(bombs[-1])
    for bomb in bombs:
        assert_timed_out(world, bomb.result(), 3)
    watch.assert_served()
    grown = (resident_bytes(world.server.pid) - before) / MIB
    assert grown < SERVER_GROWTH_MIB, f"the server grew by {grown:.0f} MiB"
    assert log_files_mib(world) < LOG_FILES_MIB, "the log files grow without bound"


def log_files_mib(world: World) -> float:
    """Everything of the data folder that holds logs."""
    sizes = [path.stat().st_size for path in world.server.data_dir.glob("*log*") if path.is_file()]
    assert sizes, f"no log file among {os.listdir(world.server.data_dir)}"
    return sum(sizes) / MIB


def test_descriptors_end_at_the_functions_limit(world: World) -> None:
    event = {"bomb": "descriptors", "processes": 4}
    counts = world.result("descriptor-bomb", event, program="bombs")
    assert max(counts) <= DESCRIPTORS_MAX, counts


@pytest.mark.parametrize("processes", [1, 10])
def test_connections_held_open_do_not_shut_others_out(world: World, processes: int) -> None:
    event = {"bomb": "connections", "processes": processes, "hold_s": 1}
    options = {"program": "bombs", "MemorySize": 1024}
    try:
        with world.in_background("connection-bomb", event, **options) as bomb:
            # Health is asked on a new connection each time.
            watch = world.watch_neighbour(bomb, lambda: get_json(world.server, HEALTH))
        answer = bomb.result()
        assert not answer.error, answer.payload
        assert max(answer.payload) <= DESCRIPTORS_MAX, answer.payload
        watch.assert_served()
    finally:
        world.delete("connection-bomb")
        wait_for(lambda: is_open(world), "an end of the held connections")


def is_open(world: World) -> bool:
    """Whether the server takes a new connection."""
    try:
        get_json(world.server, HEALTH)
    except OSError:
        return False
    return True


def test_a_function_that_takes_all_processors_leaves_others_theirs(world: World) -> None:
    event = {"bomb": "processor", "processes": 8, "marker": world.marker}
    with world.in_background("processor-bomb", event, program="bombs", Timeout=3) as bomb:
        watch = world.watch_neighbour(bomb)
    assert_timed_out(world, bomb.result(), 3)
    watch.assert_served()
    await_none_marked(world)


def test_a_crash_in_c_ends_its_own_environment_only(world: World) -> None:
    before = world.result("neighbour")["instance"]
    answer = world.call("stack-bomb", {"bomb": "stack"}, program="bombs")
    assert answer.error_type == "Runtime.ExitError", answer.payload
    assert "segmentation fault" in answer.message
    assert world.result("neighbour")["instance"] == before
