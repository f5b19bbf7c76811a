"""A guest for each interpreter of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.runtime.guest import Guest, interpreters

Start = Callable[..., Guest]


@pytest.fixture(params=interpreters(), ids=lambda path: path.name)
def python(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def start(python: Path) -> Iterator[Start]:
    """Start a guest with `app.py` of the given source."""
    with ExitStack() as guests:

        def _start(source: str, handler: str = "app.handler", **more: object) -> Guest:
            files = {"app.py": source, **more.pop("files", {})}  # type: ignore[dict-item]
            return guests.enter_context(Guest(python, files, handler, **more))  # type: ignore[arg-type]

        yield _start
