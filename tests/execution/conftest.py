"""The one long build: begun with the first test here, awaited by the test that needs it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parent / "clients"
TEST = "test_the_rust_lambda_runtime"
COMMAND = ("nice", "-n", "19", "cargo", "build", "--locked")


def rust_home() -> dict[str, str]:
    """Where rustup keeps its toolchains, whatever home the tests have."""
    cargo = shutil.which("cargo")
    if cargo is None or "RUSTUP_HOME" in os.environ:
        return {}
    home = Path(cargo).parent.parent.with_name(".rustup")
    return {"RUSTUP_HOME": str(home)} if home.is_dir() else {}


@pytest.fixture(scope="package", autouse=True)
def rust_build(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, subprocess.Popen[bytes]] | None]:
    """The folder and the build in it, on one processor and after everything else; None without
    cargo or where nobody needs it.
    """
    wanted = any(item.name == TEST for item in request.session.items)
    if not wanted or shutil.which("cargo") is None:
        yield None
        return
    folder = Path(shutil.copytree(CLIENTS / "rust", tmp_path_factory.mktemp("rust") / "rust"))
    environment = {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_BUILD_JOBS": "1", **rust_home()}
    build = subprocess.Popen(
        COMMAND,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield folder, build
    finally:
        if build.poll() is None:
            os.killpg(build.pid, signal.SIGKILL)
        build.wait()
