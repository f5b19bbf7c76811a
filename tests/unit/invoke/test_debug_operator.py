"""Where debugpy may come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.invoke.debug_operator import brings_debugpy


@pytest.mark.parametrize(
    "place",
    ["task/debugpy", "opt/python/debugpy", "opt/python/lib/python3.11/site-packages/debugpy"],
)
def test_debugpy_is_found_where_the_function_would_import_it(tmp_path: Path, place: str) -> None:
    folders = [tmp_path / "task", tmp_path / "opt"]
    assert not brings_debugpy("python3.11", folders)
    (tmp_path / place).mkdir(parents=True)
    assert brings_debugpy("python3.11", folders)
    if "python3.11" in place:
        assert not brings_debugpy("python3.12", folders)
