"""`kill -9` of the server while a function does its best to live on."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError

from tests.escape.leftovers import Leftovers, await_none_marked, marked
from tests.system.host import wait_for


def test_a_function_that_refuses_to_die_dies_with_its_server(doomed: Leftovers) -> None:
    world = doomed.world
    event = {"bomb": "outlive", "marker": world.marker}
    world.deploy("outlive", "bombs", Timeout=60)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(world.call, "outlive", event)
        wait_for(lambda: marked(world.marker), "the function's start")
        doomed.watch()
        world.server.kill()
        with contextlib.suppress(BotoCoreError):
            running.result(timeout=60)
    await_none_marked(world)
    world.server.start()  # the next one cleans up what a killed one could not
    doomed.watch()
    assert world.server.stop() == 0, world.server.log()
    doomed.assert_none()
