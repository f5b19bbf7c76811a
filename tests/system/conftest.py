"""Servers that several modules of system tests use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import running
from tests.system.auth_world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("auth") / "data", "--auth", "iam") as server:
        yield World(server)
