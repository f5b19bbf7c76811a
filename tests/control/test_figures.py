"""Times that are promised, with room for a busy machine."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from lambent.control.testing import make_zip
from tests.control.scene import Scene, play


def test_a_reset_of_many_functions_takes_under_100_ms(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for number in range(60):
            code = make_zip({"app.py": str(number), **{f"m{i}.py": "" for i in range(10)}})
            await scene.create(f"f{number}", Code={"ZipFile": code})
        started = time.perf_counter()
        await scene.control.registry.reset()
        assert time.perf_counter() - started < 0.1

    play(tmp_path, act)


def test_a_small_package_is_on_disk_within_milliseconds(tmp_path: Path) -> None:
    """Usually 2 ms; the bound leaves room for a disk that others use."""

    async def act(scene: Scene) -> None:
        spent = []
        for number in range(15):
            content = make_zip({"app.py": f"value = {number}"})
            started = time.perf_counter()
            async with scene.control.registry.storing(content):
                spent.append(time.perf_counter() - started)
        assert median(spent) < 0.02

    play(tmp_path, act)
