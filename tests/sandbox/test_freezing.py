"""A frozen sandbox: nothing in it runs, with control groups and without, and it can be killed."""

from __future__ import annotations

import asyncio
import os

import pytest

from lambent.sandbox.namespace_sandbox import NamespaceSandbox
from tests.sandbox.sandboxes import ANSWER_TIMEOUT_S, answer, bench

BUSY = """
import subprocess, sys, threading, time
def tick(letter):
    while True:
        print(letter, end="", flush=True)
        time.sleep(0.002)
threading.Thread(target=tick, args="t", daemon=True).start()
CHILD = "import time\\nwhile True:\\n    print('c', end='', flush=True)\\n    time.sleep(0.002)"
GRANDPARENT = "import subprocess, sys\\nsubprocess.run([sys.executable, '-ISc', sys.argv[1]])"
subprocess.Popen([sys.executable, "-ISc", GRANDPARENT, CHILD.replace("'c'", "'g'")])
subprocess.Popen([sys.executable, "-ISc", CHILD])
result = "busy"
"""
LOOK_S = 0.1


async def heard(sandbox: NamespaceSandbox) -> bytes:
    """What was printed within a moment."""
    await asyncio.sleep(LOOK_S)
    said = b""
    try:
        while part := os.read(sandbox.output, 65536):
            said += part
    except BlockingIOError:
        pass
    return said


async def until(sandbox: NamespaceSandbox, letters: bytes) -> None:
    """Each of them is printed; none at all where there are none."""
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        said = await heard(sandbox)
        while (set(letters) - set(said)) if letters else said:
            said = (said if letters else b"") + await heard(sandbox)


@pytest.mark.parametrize("cgroups", [True, False])
def test_threads_children_and_their_children_stand_still_until_the_thaw(cgroups: bool) -> None:
    async def main() -> None:
        async with bench(cgroups=cgroups) as one:
            sandbox = await one.launch(BUSY)
            assert await answer(sandbox) == "busy"
            for _ in range(2):
                await until(sandbox, b"tcg")
                sandbox.freeze()
                await until(sandbox, b"")
                sandbox.thaw()
            await until(sandbox, b"tcg")
            sandbox.freeze()
            sandbox.freeze()
            sandbox.kill()
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                assert (await sandbox.exited).signal == 9
            sandbox.thaw()
            await sandbox.close()

    asyncio.run(main())
