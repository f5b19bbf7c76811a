"""`lambent runtimes`: what the host has, and AWS's client for Java fetched from a repository."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from lambent.app import runtimes
from lambent.app.command import main
from lambent.runtime.catalogue import RUNTIMES
from lambent.runtime.families import java_client
from tests.conftest import RUNTIME

JAR = java_client.Jar(
    group="org/example", name="a-jar", version="1.0", sha256=hashlib.sha256(b"jar").hexdigest()
)


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """A folder with the layout of a Maven repository."""
    folder = tmp_path / "repository"
    path = folder / "org/example/a-jar/1.0/a-jar-1.0.jar"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"jar")
    return folder.as_uri()


def test_runtimes_lists_each_with_its_place_or_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runtimes", "--data-dir", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(RUNTIMES)
    (own,) = [line for line in lines if line.startswith(f"{RUNTIME} ")]
    assert "not found" not in own
    (java,) = [line for line in lines if line.startswith("java17 ")]
    assert "not found" in java
    assert "`lambent runtimes get java`" in java


def test_runtimes_as_json_is_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runtimes", "--json", "--data-dir", str(tmp_path)]) == 0
    told = {one["runtime"]: one for one in json.loads(capsys.readouterr().out)}
    assert list(told) == list(RUNTIMES)
    own = told[RUNTIME]
    assert (own["found"], own["how_to_get"]) == (True, None)
    assert Path(own["path"]).exists()
    assert own["version"].startswith(RUNTIME.removeprefix("python"))
    java = told["java17"]
    assert (java["found"], java["version"], java["path"]) == (False, None, None)
    assert "`lambent runtimes get java`" in java["how_to_get"]


def test_a_jar_is_fetched_once(tmp_path: Path, repository: str) -> None:
    assert runtimes.fetch(JAR, repository, tmp_path) is True
    path = tmp_path / "a-jar-1.0.jar"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"jar", 0o644)
    assert runtimes.fetch(JAR, "file:///nowhere", tmp_path) is False


def test_a_jar_that_was_changed_is_fetched_anew(tmp_path: Path, repository: str) -> None:
    (tmp_path / "a-jar-1.0.jar").write_bytes(b"half")
    assert runtimes.fetch(JAR, f"{repository}/", tmp_path) is True
    assert (tmp_path / "a-jar-1.0.jar").read_bytes() == b"jar"


def test_a_jar_with_another_digest_is_not_taken(tmp_path: Path, repository: str) -> None:
    (tmp_path / "repository/org/example/a-jar/1.0/a-jar-1.0.jar").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"a-jar-1\.0\.jar has the SHA-256 .* not taken"):
        runtimes.fetch(JAR, repository, tmp_path)
    assert not list(tmp_path.glob("a-jar*"))


def test_get_java_says_what_could_not_be_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = (tmp_path / "nowhere").as_uri()
    command = ["runtimes", "get", "java", "--data-dir", str(tmp_path)]
    assert main([*command, "--maven-repository", nowhere]) == 1
    error = capsys.readouterr().err
    assert f"lambent: {nowhere}/com/amazonaws/" in error
    assert "could not be fetched" in error


def test_get_without_a_language_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runtimes", "get", "--data-dir", str(tmp_path)]) == 2
    assert "lambent runtimes get java" in capsys.readouterr().err
