"""The two servers that hostile functions run on, one after the other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tests.escape.leftovers import Leftovers
from tests.escape.servers import NoInterpreter, World, make_user, world_folder


def give_up(reason: str) -> None:
    """In CI a host that cannot run these tests is a failure, else they are skipped."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="package", params=["root", "ordinary"])
def leftovers(request: pytest.FixtureRequest) -> Iterator[Leftovers]:
    """A server run by that user. Whatever it leaves on the host is an error at its end."""
    if sys.platform != "linux":
        pytest.skip("namespaces are Linux's")
    if request.param == "root" and os.geteuid() != 0:
        give_up("needs root")
    with world_folder() as folder:
        try:
            user = make_user(request.param, folder)
        except NoInterpreter as error:
            give_up(str(error))
        one = Leftovers(World(user, folder))
        server = one.world.server
        try:
            one.world.start()
            yield one
            one.watch()
            assert server.stop() == 0, server.log()
            assert "Traceback" not in server.log(), server.log()
            one.assert_none()
        finally:
            server.kill()


@pytest.fixture
def world(leftovers: Leftovers) -> Iterator[World]:
    """The server that hostile functions run on; each test's processes are remembered."""
    yield leftovers.world
    leftovers.watch()
