"""The two servers that hostile functions run on, one after the other."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.escape.languages import host_arguments
from tests.escape.leftovers import Leftovers, marked
from tests.escape.servers import NoInterpreter, World, make_user, world_folder
from tests.javas import find_jdks


def give_up(reason: str) -> None:
    """In CI a host that cannot run these tests is a failure, else they are skipped."""
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextlib.contextmanager
def make_leftovers(name: str) -> Iterator[Leftovers]:
    """A world that is not yet started, of that user."""
    if sys.platform != "linux":
        pytest.skip("namespaces are Linux's")
    if name == "root" and os.geteuid() != 0:
        give_up("needs root")
    with world_folder() as folder:
        try:
            user = make_user(name, folder)
        except NoInterpreter as error:
            give_up(str(error))
        one = Leftovers(World(user, folder))
        try:
            yield one
        finally:
            one.world.server.kill()
            for pid in marked(one.world.marker):  # only after a failure
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="package", params=["root", "ordinary"])
def leftovers(request: pytest.FixtureRequest) -> Iterator[Leftovers]:
    """A server run by that user. Whatever it leaves on the host is an error at its end."""
    with make_leftovers(request.param) as one:
        server = one.world.server
        client = request.getfixturevalue("java_client") if find_jdks() else None
        server.arguments = host_arguments(one.world.folder, client)
        one.world.start()
        yield one
        one.watch()
        assert server.stop() == 0, server.log()
        assert "Traceback" not in server.log(), server.log()
        one.assert_none()


@pytest.fixture
def world(leftovers: Leftovers) -> Iterator[World]:
    """The server that hostile functions run on; each test's processes are remembered."""
    yield leftovers.world
    leftovers.watch()


@pytest.fixture(params=["root", "ordinary"])
def doomed(request: pytest.FixtureRequest) -> Iterator[Leftovers]:
    """A server of the test's own, started, that the test may kill."""
    with make_leftovers(request.param) as one:
        one.world.start()
        yield one
