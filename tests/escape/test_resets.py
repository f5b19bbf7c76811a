"""What a function leaves in a /tmp that outlives its sandbox gives it nothing there."""

from __future__ import annotations

from tests.escape.servers import World


def test_traps_in_a_kept_tmp_catch_nobody(world: World) -> None:
    assert world.enforces("resets"), world.report["resets"]
    ended = world.call("planted", {"secret": str(world.secret_file)})
    assert ended.error_type == "Runtime.ExitError"
    found = world.result("planted", {})
    assert {"passwd", "link", "etc", "program", "fifo"} <= set(found["names"]), "it was kept"
    assert "device" not in found["names"]
    assert set(found["read"]) == {"ENOENT"}, "a link led to the host's file"
    assert found["processes"] == ["1"], "what it had started has ended"
    assert [one for one in found["tmp"] if "nosuid" in one and "nodev" in one] == found["tmp"]
    assert len(found["tmp"]) == 1
    assert (found["caps"], found["uids"], found["no_new_privs"]) == ("", 1, "1")
    assert found["users"] == 3 or world.user.name != "root"
    assert not [path for path in found["descriptors"] if path.startswith("/tmp")]
    assert world.secret_file.read_text() == "of the host"


def test_no_other_function_sees_a_kept_tmp(world: World) -> None:
    for name in ("planted-a", "planted-b"):
        ended = world.call(name, {"secret": str(world.secret_file)}, program="planted")
        assert ended.error_type == "Runtime.ExitError"
    assert world.result("planted-c", {}, program="planted")["names"] == []
    assert "link" in world.result("planted-a", {})["names"]
