"""Functions that are forked (SnapStart): the fork itself shuts its jail.

What else a fork must not: tests/escape/test_kernel.py asks of both kinds.
"""

from __future__ import annotations

import os

from tests.escape.servers import RESTORED, World
from tests.system.host import environments, zygotes

SECRET_NAMES = ("", "/proc/1/root", "/proc/self/root")


def test_a_forks_first_moment_leads_to_nothing_of_the_host(world: World) -> None:
    pid = world.server.pid
    strangers = [pid, *zygotes(pid), *environments(pid)[:2], os.getpid()]
    paths = [f"{name}{world.secret_file}" for name in SECRET_NAMES]
    paths += ["/etc/shadow", f"{world.server.data_dir}/lambent.db"]
    paths += [f"/proc/{one}/environ" for one in strangers]
    variables = {"PATHS": ",".join(paths), "PIDS": ",".join(str(one) for one in strangers)}
    found = world.result("forked", SnapStart=RESTORED, Environment={"Variables": variables})
    seen = found["seen"]
    assert seen, "it did not run in the fork"
    for path, outcome in seen["secrets"].items():
        assert outcome in ("ENOENT", "EACCES", "EPERM"), f"{path}: {outcome}"
    for one, outcome in seen["killed"].items():
        assert outcome == "ESRCH", f"{one}: {outcome}"
    for name in ("mounted", "namespaces", "pivoted", "device", "traced"):
        assert seen[name] in ("EPERM", "EACCES", "ENOENT", "ENODEV"), f"{name}: {seen[name]}"
    assert found["caps"] == found["bound"] == "0" * 16


def test_a_fork_reaches_no_other_fork_of_its_template(world: World) -> None:
    options = {"program": "network", "SnapStart": RESTORED}
    port = 9998
    listener = world.result("forked-listener", {"do": "listen", "port": port}, **options)
    address = listener["address"] or "127.0.0.1"
    found = world.result(
        "forked-network", {"do": "connect", "targets": [(address, port)]}, **options
    )
    assert set(found["tcp"].values()).isdisjoint({"connected"}), found["tcp"]
    assert found["endpoint"] == 200
    heard = world.result("forked-listener", {"do": "heard"})
    assert heard == {"tcp": "nothing", "udp": "nothing"}
