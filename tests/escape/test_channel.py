"""A function that misuses its channel, or leaves something behind, harms its environment only."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest
from botocore.exceptions import ClientError

from tests.conftest import ROLE, RUNTIME
from tests.escape.leftovers import await_none_marked, marked
from tests.escape.servers import World
from tests.system.host import resident_bytes

MIB = 1024 * 1024
ENDS = (
    *("close", "shutdown", "garbage", "garbage_and_on", "giant", "servers_own_kind"),
    *("stream_without_start", "stream_end_without_start", "stream_started_twice"),
    *("response_amid_stream", "bad_event_amid_stream", "ready_amid_stream"),
)
"""After which the environment cannot be used any more."""
LIES = ("every_kind", "bad_event", "not_json", "many_answers", "descriptors", "chunk_after_end")
"""Frames that a runtime could send: what the caller then gets is the function's own affair."""
FLOODS = (
    *("tiny_frames", "tiny_outputs", "large_logs", "empty_lines"),
    *("endless_stream", "tiny_chunks"),
)


@pytest.mark.parametrize("misuse", [*ENDS, "never_finished", *LIES])
def test_a_misused_channel_harms_its_own_environment_only(world: World, misuse: str) -> None:
    before = world.result("neighbour")["instance"]
    size = resident_bytes(world.server.pid)
    name = f"channel-{misuse.replace('_', '-')}"
    answer = world.try_call(name, {"misuse": misuse}, program="channel", Timeout=3)
    if misuse in ENDS:
        assert answer.error_type == "Runtime.ExitError", f"answered {answer.payload!r}"
    if misuse == "never_finished":
        assert answer.error_type == "Sandbox.Timedout", answer.payload
    grown = (resident_bytes(world.server.pid) - size) / MIB
    assert grown < 30, f"the server grew by {grown:.0f} MiB"
    if misuse in LIES:  # its environment goes on, and may still hold answers to nothing
        world.try_call(name, {})
    else:
        assert world.result(name, {}) == "well"
    assert world.result("neighbour")["instance"] == before
    assert "Traceback" not in world.server.log(), world.server.log()


@pytest.mark.parametrize("misuse", FLOODS)
def test_a_flooded_channel_slows_no_one_else(world: World, misuse: str) -> None:
    size = resident_bytes(world.server.pid)
    name = f"flood-{misuse.replace('_', '-')}"
    event = {"misuse": misuse}
    with world.in_background(name, event, program="channel", Timeout=2) as flood:
        watch = world.watch_neighbour(flood)
    assert flood.result().error_type == "Sandbox.Timedout", flood.result().payload
    watch.assert_served()
    grown = (resident_bytes(world.server.pid) - size) / MIB
    assert grown < 160, f"the server grew by {grown:.0f} MiB"


def test_what_an_invocation_leaves_running_disturbs_no_other_and_goes_with_its_environment(
    world: World,
) -> None:
    found = world.result("left", {"do": "leave", "marker": world.marker}, program="left_behind")
    assert found["daemon"] > 1
    assert len(marked(world.marker)) == 1, "the daemon is not running"
    for number in range(5):
        answer = world.call("neighbour", number)
        assert answer.payload["event"] == number
        assert "left behind" not in answer.log
    assert world.result("left", {}) == "again"
    world.delete("left")
    await_none_marked(world)


def test_a_daemon_goes_when_its_function_runs_out_of_time(world: World) -> None:
    event = {"bomb": "processor", "processes": 1, "marker": world.marker}
    world.result("left2", {"do": "leave", "marker": world.marker}, program="left_behind")
    assert marked(world.marker)
    answer = world.call("late", event, program="bombs", Timeout=1)
    assert answer.error_type == "Sandbox.Timedout"
    world.delete("left2")
    await_none_marked(world)


@pytest.mark.parametrize(
    "target", ["/etc/shadow", "../../../../../../etc/shadow", "/proc/1/environ", "../data"]
)
def test_a_link_in_a_package_does_not_lead_out(world: World, target: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        link = zipfile.ZipInfo("link")
        link.create_system = 3  # Unix
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        package.writestr(link, target)
        package.writestr("app.py", "def handler(event, context):\n    return open('link').read()\n")
    with pytest.raises(ClientError) as refused:
        world.server.client("lambda").create_function(
            FunctionName="with-a-link",
            Runtime=RUNTIME,
            Handler="app.handler",
            Role=ROLE,
            Code={"ZipFile": buffer.getvalue()},
        )
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
