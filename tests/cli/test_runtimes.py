"""`lambent runtimes`: what the host has, and AWS's client for Java fetched from a repository."""

from __future__ import annotations

import hashlib
import http.server
import json
import platform
import threading
import zipfile
from pathlib import Path
from typing import ClassVar

import pytest

from lambent.app import java_jars
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
    assert java_jars.fetch(JAR, repository, tmp_path) is True
    path = tmp_path / "a-jar-1.0.jar"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"jar", 0o644)
    assert java_jars.fetch(JAR, "file:///nowhere", tmp_path) is False


def test_a_jar_that_was_changed_is_fetched_anew(tmp_path: Path, repository: str) -> None:
    (tmp_path / "a-jar-1.0.jar").write_bytes(b"half")
    assert java_jars.fetch(JAR, f"{repository}/", tmp_path) is True
    assert (tmp_path / "a-jar-1.0.jar").read_bytes() == b"jar"


def test_a_jar_with_another_digest_is_not_taken(tmp_path: Path, repository: str) -> None:
    (tmp_path / "repository/org/example/a-jar/1.0/a-jar-1.0.jar").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"a-jar-1\.0\.jar has the SHA-256 .* not taken"):
        java_jars.fetch(JAR, repository, tmp_path)
    assert not list(tmp_path.glob("a-jar*"))


def test_other_releases_of_the_client_go_and_what_is_not_of_it_stays(tmp_path: Path) -> None:
    old = tmp_path / "aws-lambda-java-core-1.2.0.jar"
    current = [tmp_path / jar.file_name for jar in java_client.JARS]
    for path in (old, tmp_path / "mine-1.0.jar", *current):
        path.write_bytes(b"")
    assert java_jars.superseded(tmp_path) == [old]


def test_the_native_code_of_this_host_is_taken_out_of_the_clients_jar(tmp_path: Path) -> None:
    jar, target = tmp_path / "client.jar", tmp_path / java_client.NATIVE
    with zipfile.ZipFile(jar, "w") as content:
        for system in ("linux", "linux_musl"):
            for machine in ("x86_64", "aarch_64"):
                name = f"jni/libaws-lambda-jni.{system}-{machine}.so"
                content.writestr(name, f"{system} {machine}")
    java_jars.unpack_native(jar, target)
    system = "linux" if platform.libc_ver()[0] == "glibc" else "linux_musl"
    assert target.read_text() == f"{system} {platform.machine().replace('h64', 'h_64')}"
    assert java_jars.native_name("aarch64", "") == "jni/libaws-lambda-jni.linux_musl-aarch_64.so"
    with zipfile.ZipFile(jar, "w"):
        pass
    java_jars.unpack_native(jar, target)
    assert not target.exists()


class _Flaky(http.server.BaseHTTPRequestHandler):
    """Fails twice, by a broken answer and by 503; then gives the jar."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path.startswith("/gone"):
            self.send_error(404)
        elif len(self.asked) == 1:
            self.close_connection = True
        elif len(self.asked) == 2:
            self.send_error(503)
        else:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"jar")

    def log_message(self, *_: object) -> None:
        pass


def test_a_repository_that_fails_is_asked_again_and_one_that_refuses_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java_jars, "PAUSE_S", 0.0)
    _Flaky.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Flaky) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            assert java_jars.fetch(JAR, url, tmp_path) is True
            assert len(_Flaky.asked) == 3
            (tmp_path / "a-jar-1.0.jar").unlink()
            with pytest.raises(OSError, match="404"):
                java_jars.fetch(JAR, f"{url}/gone", tmp_path)
            assert len(_Flaky.asked) == 4
        finally:
            server.shutdown()
            serving.join()


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
    assert "say what to get: java or dotnet" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["runtimes", "doctor"])
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--python=python3.12=/nowhere", "LAMBENT_PYTHONS: python3.12=/nowhere"),
        ("--node=nodejs20.x=/nowhere", "LAMBENT_NODES: nodejs20.x=/nowhere"),
        ("--ruby=ruby3.4=/bin/sh", "LAMBENT_RUBIES: ruby3.4=/bin/sh"),
    ],
)
def test_an_interpreter_that_is_none_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, option: str, said: str
) -> None:
    assert main([command, "--data-dir", str(tmp_path), option]) == 2
    assert capsys.readouterr().err.startswith(f"lambent: {said}")
