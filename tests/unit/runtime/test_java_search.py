"""Finding Javas and AWS's client for them, and how a Java is started: files alone, none is run."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lambent.domain.interpreter import Interpreter
from lambent.runtime.families import java, java_client
from lambent.runtime.families.start import Start

TIERS = [
    *("-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1"),
    "-XX:Tier3InvocationThreshold=1000",
]
ELF = b"\x7fELF" + b"\0" * 60


def install_java(home: Path, version: str) -> Path:
    """A fake installation; gives its binary."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_bytes(ELF)
    (home / "release").write_text(f'IMPLEMENTOR="Us"\nJAVA_VERSION="{version}"\n')
    (home / "conf" / "security").mkdir(parents=True)
    (home / "conf" / "security" / "java.security").write_text("")
    return executable


def install_client(folder: Path, *archives: str) -> Path:
    jars = folder / "lib"
    (jars / java_client.ARCHIVES).mkdir(parents=True)
    for jar in java_client.JARS:
        (jars / jar.file_name).write_bytes(b"")
    for archive in archives:
        (jars / java_client.ARCHIVES / archive).write_bytes(b"")
    return folder


def found_javas(root: Path, named: str = "", **environ: str) -> dict[str, str]:
    each = java.find_javas(named, environ, root=str(root))
    return {name: f"{one.version} {one.executable}" for name, one in each.items()}


def test_javas_of_the_system_and_of_version_managers_are_found(tmp_path: Path) -> None:
    home = tmp_path / "home"
    eight = install_java(tmp_path / "usr/lib/jvm/java-8", "1.8.0_392")
    debian = install_java(tmp_path / "usr/lib/jvm/java-17-openjdk-amd64", "17.0.15")
    sdkman = install_java(home / ".sdkman/candidates/java/21.0.4-tem", "21.0.4")
    mise = install_java(home / ".local/share/mise/installs/java/25.0.3", "25.0.3")
    named = install_java(tmp_path / "elsewhere", "11.0.24")
    install_java(tmp_path / "opt/jdk-22", "22.0.1")  # Lambda has it not
    assert found_javas(tmp_path, HOME=str(home), JAVA_HOME=str(tmp_path / "elsewhere")) == {
        "java8.al2": f"8.0_392 {eight}",
        "java11": f"11.0.24 {named}",
        "java17": f"17.0.15 {debian}",
        "java21": f"21.0.4 {sdkman}",
        "java25": f"25.0.3 {mise}",
        "java8.al2023": f"8.0_392 {eight}",
        "java11.al2023": f"11.0.24 {named}",
        "java17.al2023": f"17.0.15 {debian}",
    }


def test_a_named_java_wins_and_serves_both_names_of_its_release(tmp_path: Path) -> None:
    install_java(tmp_path / "usr/lib/jvm/new", "17.0.15")
    old = install_java(tmp_path / "old", "17.0.2")
    told = f"17.0.2 {old}"
    assert found_javas(tmp_path, f"java17={old.parent.parent}") == {
        "java17": told,
        "java17.al2023": told,
    }
    with pytest.raises(ValueError, match=r"LAMBENT_JAVAS: java21=.*: that is a java17"):
        found_javas(tmp_path, f"java21={old}")


def test_configuration_that_lies_outside_of_a_java_is_needed_too(tmp_path: Path) -> None:
    """As in Debian's packages; else Java ends at once: "Error loading java.security file"."""
    home = tmp_path / "opt/java"
    install_java(home, "17.0.15")
    kept = tmp_path / "etc/java-17-openjdk"
    (kept / "security").mkdir(parents=True)
    (kept / "security/java.security").write_text("")
    assert java.find_javas("", {}, root=str(tmp_path))["java17"].needs == ()
    (home / "conf/security/java.security").unlink()
    (home / "conf/security/java.security").symlink_to(kept / "security/java.security")
    assert java.find_javas("", {}, root=str(tmp_path))["java17"].needs == (kept,)


def test_debians_java_8_which_has_no_release_file_tells_its_version_in_its_binary(
    tmp_path: Path,
) -> None:
    """Of openjdk-8-jre-headless: bin/java is a link into jre, whose settings are links to /etc."""
    home = tmp_path / "usr/lib/jvm/java-8-openjdk-amd64"
    executable = install_java(home / "jre", "0")
    (home / "jre/release").unlink()
    executable.write_bytes(ELF + b"1.8\x001.8.0_504-8u504-ga-1-b01\x00java\x00")
    (home / "bin").mkdir()
    (home / "bin/java").symlink_to(executable)
    (home / "jre/conf").rename(home / "jre/lib")
    kept = tmp_path / "etc/java-8-openjdk"
    (kept / "security").mkdir(parents=True)
    (home / "jre/lib/security/java.security").rename(kept / "security/java.security")
    (home / "jre/lib/security/java.security").symlink_to(kept / "security/java.security")
    found = java.find_javas("", {}, root=str(tmp_path))["java8.al2"]
    assert (found.version, found.executable) == ("8.0_504", executable)
    assert found.needs == (kept,)
    executable.write_bytes(ELF)
    assert java.find_javas("", {}, root=str(tmp_path)) == {}


def test_no_java_is_there_until_the_client_is(tmp_path: Path) -> None:
    install_java(tmp_path / "opt/java", "17.0.15")
    client = tmp_path / "a, folder"
    setting = f",{java.CLIENT}{client}"
    assert java.find(setting, {}, root=str(tmp_path)) == {}
    assert java.find("", {}, root=str(tmp_path)) == {}
    install_client(client)
    there = java.find(setting, {}, root=str(tmp_path))
    assert list(there) == ["java17", "java17.al2023"]
    assert there["java17"].brings == (client / "lib",)


def test_how_to_get_a_java_names_the_setting_and_the_command() -> None:
    hint = java.how_to_get("java17.al2023")
    assert "LAMBENT_JAVAS=java17=/path/to/jdk" in hint
    assert "`lambent runtimes get java`" in hint
    assert "LAMBENT_JAVAS=java8.al2=/path/to/jdk" in java.how_to_get("java8.al2023")


def started(client: Path, version: str, memory_mib: int = 512, told: str = "") -> Sequence[str]:
    """The command of a function whose JAVA_TOOL_OPTIONS is `told`."""
    variables = {"JAVA_TOOL_OPTIONS": told} if told else {}
    (command,) = start_of(client, version, memory_mib, variables).commands
    return command


def start_of(client: Path, version: str, memory_mib: int, variables: Mapping[str, str]) -> Start:
    interpreter = Interpreter(
        runtime="java17",
        version=version,
        executable=Path("/java"),
        prefix=None,
        brings=(client / "lib",),
    )
    return java.start(interpreter, handler="a.B::c", memory_mib=memory_mib, variables=variables)


def test_a_java_is_started_as_lambda_starts_it(tmp_path: Path) -> None:
    """Developer Guide, "Customize Java runtime startup behavior for Lambda functions"."""
    client = install_client(tmp_path)
    command = started(client, "17.0.15")
    assert command[0] == "/var/lang/bin/java"
    assert list(command[1:7]) == ["-Xmx432m", "-XX:+UseSerialGC", *TIERS, "-Xshare:auto"]
    assert command[7] == "-cp"
    assert command[8].startswith("../runtime/lib/aws-lambda-java-core-")
    assert list(command[9:]) == [java_client.MAIN, "a.B::c"]
    assert set(TIERS).isdisjoint(started(client, "11.0.24"))
    assert "--illegal-native-access=allow" in started(client, "25.0.3")
    assert "--illegal-native-access=allow" not in command


def test_a_java_is_started_ahead_by_our_launcher_with_the_options_that_it_has_anyway(
    tmp_path: Path,
) -> None:
    client = install_client(tmp_path, "java-17.0.15.jsa")
    assert start_of(client, "17.0.15", 512, {}).ahead == ()
    (client / "lib" / java_client.LAUNCHER_FILE.name).write_bytes(b"")
    start = start_of(client, "17.0.15", 512, {"A": "b"})
    ((*options, main, handler),) = start.commands
    assert (main, handler) == (java_client.MAIN, "a.B::c")
    assert start.ahead == (*options, java_client.LAUNCHER, handler)
    assert "../runtime/lib/lambent-ahead.jar" in options[-1].split(":")


@pytest.mark.parametrize(
    "variable",
    [
        *("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "LD_PRELOAD"),
        "AWS_LAMBDA_EXEC_WRAPPER",
    ],
)
def test_no_java_is_started_ahead_where_the_function_says_how_it_starts(
    tmp_path: Path, variable: str
) -> None:
    client = install_client(tmp_path)
    (client / "lib" / java_client.LAUNCHER_FILE.name).write_bytes(b"")
    assert start_of(client, "17.0.15", 512, {variable: "/opt/any"}).ahead == ()


def test_the_launcher_that_is_shipped_is_made_of_its_source_for_java_8() -> None:
    """`make java` makes it."""
    source = java_client.LAUNCHER_FILE.with_name("Ahead.java").read_bytes()
    digest = base64.b64encode(hashlib.sha256(source).digest()).decode()
    with zipfile.ZipFile(java_client.LAUNCHER_FILE) as jar:
        manifest = jar.read("META-INF/MANIFEST.MF").decode().splitlines()
        classes = [jar.read(name) for name in jar.namelist() if name.endswith(".class")]
    assert f"Source-SHA-256: {digest}" in manifest
    assert {int.from_bytes(one[6:8]) for one in classes} == {52}


def test_only_the_archive_of_this_very_java_is_begun_from(tmp_path: Path) -> None:
    client = install_client(tmp_path, "java-17.0.15.jsa")
    archive = "-XX:SharedArchiveFile=../runtime/lib/cds/java-17.0.15.jsa"
    assert archive in started(client, "17.0.15")
    assert not [part for part in started(client, "17.0.16") if "SharedArchive" in part]


def test_the_native_code_of_the_client_is_named_where_it_was_unpacked(tmp_path: Path) -> None:
    client = install_client(tmp_path)
    assert not [part for part in started(client, "17.0.15") if part.startswith("-D")]
    (client / "lib" / java_client.NATIVE).write_bytes(ELF)
    (named,) = [part for part in started(client, "17.0.15") if part.startswith("-D")]
    assert named.endswith(".NativeClient.JNI=/var/runtime/lib/libaws-lambda-jni.so")


@pytest.mark.parametrize(
    ("told", "left_out"),
    [
        ("-XX:+UseParallelGC", ["-XX:+UseSerialGC"]),
        ("-Xmx100m", ["-Xmx432m"]),
        ("-XX:MaxRAMPercentage=50", ["-Xmx432m"]),
        ("-XX:TieredStopAtLevel=4", TIERS),
        ("-XX:Tier3InvocationThreshold=200", TIERS),
        ("-Xlog:gc", ["-Xlog:disable", "-Xlog:all=error:stderr"]),
        (
            "-XX:SharedArchiveFile=mine.jsa",
            [
                "-Xshare:auto",
                "-XX:SharedArchiveFile=../runtime/lib/cds/java-17.0.15.jsa",
                "-Xlog:disable",
                "-Xlog:all=error:stderr",
            ],
        ),
        ("-Dany=thing", []),
    ],
)
def test_what_java_tool_options_say_is_not_said_again(
    tmp_path: Path, told: str, left_out: list[str]
) -> None:
    client = install_client(tmp_path, "java-17.0.15.jsa")
    plain, command = started(client, "17.0.15"), started(client, "17.0.15", told=told)
    assert [part for part in plain if part not in command] == left_out


@pytest.mark.parametrize(("memory", "heap"), [(128, 48), (512, 432), (1024, 870), (10_240, 8704)])
def test_the_heap_leaves_room_for_what_is_beside_it(memory: int, heap: int) -> None:
    assert java.heap_mib(memory) == heap
