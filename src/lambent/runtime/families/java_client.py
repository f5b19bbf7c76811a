"""AWS's runtime interface client for Java: which files it is, and how a Java starts with it.

They are fetched from Maven Central by https and must have the digests that are pinned here, taken
on 2026-11-21. The client has native code in its jar, which it would unpack into /tmp each time: it
lies beside the jars as well, and a property of the client's own names it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MAVEN_CENTRAL = "https://repo1.maven.org/maven2"
MAIN_JAR = "aws-lambda-java-runtime-interface-client"
ARCHIVES = "cds"
"""Folder beside the jars; one archive for each release of Java."""

ARCHIVES_FROM = 11
"""[JEP 310] From 10 on classes of applications can be in an archive. Not run: 11, which none of the
registries has."""
NATIVE_ACCESS_FROM = 24
"""[JEP 472] From here on a Java warns of native code that was not allowed; with
`--enable-native-access` it would tell each time that the archive of its own was made without."""

NATIVE = "libaws-lambda-jni.so"
"""Beside the jars, where it was unpacked (app/java_jars.py)."""
_NATIVE_PROPERTY = (
    "com.amazonaws.services.lambda.runtime.api.client.runtimeapi.NativeClient.JNI"  # JniHelper
)
MAIN = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
LAUNCHER = "lambent.Ahead"
"""Main class that has all of the client loaded, waits for the server, and then calls MAIN's."""
LAUNCHER_FILE = Path(__file__).parents[1] / "java" / "lambent-ahead.jar"
"""Its jar, which is put beside the client's."""
START_PATH = "/lambent/start"
"""What the launcher asks of the Runtime API; answered once the function is to be initialized."""
TIERS_FROM = 17

# The serial collector, and from Java 17 on only the first tier of compilation, each unless
# JAVA_TOOL_OPTIONS says otherwise. Source: Developer Guide, "Customize Java runtime startup
# behavior for Lambda functions". Not done: Java 25 with provisioned concurrency has all tiers.
_COLLECTOR = "-XX:+UseSerialGC"
_TIERS = ("-XX:+TieredCompilation", "-XX:TieredStopAtLevel=1")
# [own] Small methods are compiled after 1,000 calls and not after 200: of what the client calls to
# answer once, half as much is compiled, which was a third of a cold start. Loops are as they were.
_LATER = "-XX:Tier3InvocationThreshold=1000"
_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")

_SAYS_COLLECTOR = re.compile(r"-XX:\+Use\w+GC\b")
_SAYS_TIERS = re.compile(r"-XX:[-+]?Tier")
_SAYS_HEAP = re.compile(r"-Xmx|-XX:MaxHeapSize|-XX:MaxRAM")
_SAYS_SHARING = re.compile(r"-Xshare|-XX:SharedArchiveFile|-XX:AOT")
_SAYS_LOG = re.compile(r"-Xlog|-verbose")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jar:
    """One file of Maven Central."""

    group: str
    """With slashes."""
    name: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}.jar"

    def url(self, repository: str) -> str:
        """`repository`: Maven Central, or what has its layout."""
        return f"{repository.rstrip('/')}/{self.group}/{self.name}/{self.version}/{self.file_name}"


JARS = (
    Jar(
        group="com/amazonaws",
        name=MAIN_JAR,
        version="2.9.0",
        sha256="26568a5f63bf9e921567e77661be425650abc8972bae2aa0b7e99bab4e4239d9",
    ),
    Jar(
        group="com/amazonaws",
        name="aws-lambda-java-core",
        version="1.4.0",
        sha256="575c24393cc1ad645e83e618956eabd89ffe8cc09efae2cb62bc6589154d68ed",
    ),
    Jar(
        group="com/amazonaws",
        name="aws-lambda-java-serialization",
        version="1.2.0",
        sha256="1513c1f945a3213f916a4b2de1760c97b51d84d110f82bbbcf9cfac53d5651e7",
    ),
    Jar(
        group="software/amazon/awssdk",
        name="utils-lite",
        version="2.34.0",
        sha256="efaf784f07ae526f0b5c89d71ef21cf16636131c47d44616e3df9bedc3f4f89a",
    ),
)


def is_complete(jars: Path) -> bool:
    """Whether a folder holds the client, be it of a version of the operator's choice."""
    return any(jars.glob(f"{MAIN_JAR}-*.jar"))


def options(
    jars: Path, java_version: str, *, heap_mib: int, tool_options: str = ""
) -> tuple[str, ...]:
    """Options of `java`, but for the main class.

    A command line overrides JAVA_TOOL_OPTIONS: what a function says there is left out here.
    """
    chosen = [
        *(() if _SAYS_HEAP.search(tool_options) else (f"-Xmx{heap_mib}m",)),
        *common_options(java_version, tool_options),
    ]
    if not _SAYS_SHARING.search(tool_options):
        chosen += _sharing(jars, java_version, quiet=not _SAYS_LOG.search(tool_options))
    chosen += native_library(jars, Path("/var/runtime/lib"))
    return (*chosen, "-cp", class_path(jars))


def native_library(jars: Path, seen: Path) -> tuple[str, ...]:
    """Where the client finds its native code, for a Java that finds the folder `jars` at `seen`."""
    return (f"-D{_NATIVE_PROPERTY}={seen / NATIVE}",) if (jars / NATIVE).is_file() else ()


def _sharing(jars: Path, java_version: str, *, quiet: bool) -> tuple[str, ...]:
    """An archive is valid for one class path, letter by letter until Java 19: so the paths are
    relative to /var/task, and can be the same where an archive is made. Nothing is said of an
    archive that does not fit.
    """
    archive = f"{ARCHIVES}/{archive_name(java_version)}"
    if not (jars / archive).is_file():
        return ("-Xshare:auto",)
    shared = ("-Xshare:auto", f"-XX:SharedArchiveFile=../runtime/lib/{archive}")
    return (*shared, *_QUIET) if quiet else shared


def common_options(java_version: str, tool_options: str = "") -> tuple[str, ...]:
    """Those on which an archive depends."""
    chosen: list[str] = []
    if not _SAYS_COLLECTOR.search(tool_options):
        chosen.append(_COLLECTOR)
    if major(java_version) >= TIERS_FROM and not _SAYS_TIERS.search(tool_options):
        chosen += (*_TIERS, _LATER)
    if major(java_version) >= NATIVE_ACCESS_FROM:
        chosen.append("--illegal-native-access=allow")
    return tuple(chosen)


def major(java_version: str) -> int:
    """Of `17.0.15`, and of `8.0_392`, as families/java.py writes Java 8."""
    return int(java_version.partition(".")[0])


def class_path(jars: Path) -> str:
    return ":".join(f"../runtime/lib/{jar.name}" for jar in sorted(jars.glob("*.jar")))


def archive_name(java_version: str) -> str:
    return f"java-{java_version}.jsa"
