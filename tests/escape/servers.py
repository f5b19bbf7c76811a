"""A server with a host of secrets around it, run by root or by an ordinary user."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

import lambent
from tests.conftest import ROLE, RUNTIME, RunningServer
from tests.system.host import get_json

ORDINARY_UID = 61_234
"""Of nobody: it has no entry in /etc/passwd and owns no file."""
PROGRAMS = Path(__file__).parent / "programs"
PACKAGES = (
    *("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"),
    *("uvloop", "httptools"),
)
BECOME = (
    "import ctypes, os, sys; uid = int(sys.argv[1]); os.setgroups([]); "
    "os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid); "
    "ctypes.CDLL(None).prctl(38, 1, 0, 0, 0); os.execv(sys.argv[2], sys.argv[2:])"
)
"""Another user, with no_new_privs, in this very process: the server keeps the pid we know."""


RESTORED = {"ApplyOn": "PublishedVersions"}
"""As SnapStart: what is invoked is a fork of an initialised process."""


class NoInterpreter(Exception):
    """No interpreter that an ordinary user may execute was found on this host."""


@dataclass(frozen=True)
class User:
    """Who runs a server, and with what."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]

    def run_lambent(self, *arguments: str) -> str:
        """The output of one `lambent` command run by this user."""
        done = subprocess.run(
            [*self.command, *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def make_user(name: str, folder: Path) -> User:
    """`root` or `ordinary`. Raises NoInterpreter."""
    temporary = folder / "temporary"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary)}
    own = (sys.executable, "-m", "lambent")
    if name == "root" or os.geteuid() != 0:
        return User(name, own, environment)
    os.chown(temporary, ORDINARY_UID, ORDINARY_UID)
    code = copy_for_everyone(folder)
    python = find_readable_interpreter(code)
    environment |= {
        "PYTHONPATH": str(code),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": f"{Path(python).parent}:/usr/bin:/bin",
        "HOME": str(temporary),
    }
    become = (sys.executable, "-I", "-c", BECOME, str(ORDINARY_UID))
    return User(name, (*become, python, "-m", "lambent"), environment)


def copy_for_everyone(folder: Path) -> Path:
    """Lambent and what it imports, in a folder that every user may read."""
    code = folder / "code"
    code.mkdir()
    shutil.copytree(Path(lambent.__file__).parent, code / "lambent", ignore=ignore_caches)
    for name in PACKAGES:
        spec = next(Path(one) / name for one in sys.path if (Path(one) / name).exists())
        if spec.is_dir():
            shutil.copytree(spec, code / name, ignore=ignore_caches)
        else:
            shutil.copy(spec, code)
    for path in (code, *code.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return code


ignore_caches = shutil.ignore_patterns("__pycache__", ".mypy_cache")


def find_readable_interpreter(code: Path) -> str:
    """One of the version that runs the tests, for the compiled packages fit no other."""
    folders = ["/usr/bin", "/usr/local/bin", *(str(one) for one in Path("/opt").glob("*/bin"))]
    for python in [*(f"{one}/{RUNTIME}" for one in folders), os.path.realpath(sys.executable)]:
        if runs_as_ordinary_user(python, code):
            return os.path.realpath(python)
    raise NoInterpreter(
        f"no {RUNTIME} on this host can be executed by an ordinary user (tried {folders} and "
        f"{sys.executable}): `apt install {RUNTIME}` or install one under /opt"
    )


def runs_as_ordinary_user(python: str, code: Path) -> bool:
    if not os.path.exists(python):
        return False
    done = subprocess.run(
        [sys.executable, "-I", "-c", BECOME, str(ORDINARY_UID), python, "-c", "import uvloop"],
        env={"PYTHONPATH": str(code)},
        cwd="/",
        capture_output=True,
        timeout=60,
    )
    return done.returncode == 0


@dataclass
class Secret:
    """A value that nobody but its owner may know."""

    value: str = field(default_factory=lambda: secrets.token_hex(24))

    @property
    def halves(self) -> tuple[str, str]:
        """To be looked for by a program without its ever holding the whole."""
        return self.value[:24], self.value[24:]


@dataclass(frozen=True)
class Answer:
    """Of one invocation."""

    payload: Any
    error: str
    """FunctionError of the response; empty without one."""
    log: str
    seconds: float

    @property
    def message(self) -> str:
        return str(self.payload.get("errorMessage", "")) if self.error else ""

    @property
    def error_type(self) -> str:
        return str(self.payload.get("errorType", "")) if self.error else ""


@dataclass
class Watch:
    """What a harmless neighbour saw while something hostile ran."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    instances: set[str] = field(default_factory=set)
    meanwhile: int = 0
    """Answers that came before the hostile invocation ended."""

    def assert_served(self, *, at_least: int = 1) -> None:
        """Who had to wait for the other to end was not answered meanwhile."""
        assert not self.failures, f"the neighbour was refused: {self.failures[:3]}"
        assert self.meanwhile >= at_least, f"only {self.meanwhile} answers meanwhile"


class World:
    """One running server, its users' secrets, and functions deployed on first use."""

    def __init__(self, user: User, folder: Path) -> None:
        self.user = user
        self.folder = folder
        self.canary = Secret()
        """In the server's own environment."""
        self.other = Secret()
        """In another function's environment and in its code."""
        self.marker = f"lmb{secrets.token_hex(5)}"
        self.file_name = f"lambent-secret-{secrets.token_hex(4)}.txt"
        self.secret_file = folder / self.file_name
        self.secret_file.write_text("of the host")
        data_dir = folder / "data"
        data_dir.mkdir(mode=0o700)
        if user.name == "ordinary" and os.geteuid() == 0:
            os.chown(data_dir, ORDINARY_UID, ORDINARY_UID)
        self.server = RunningServer(
            data_dir,
            command=user.command,
            environment={**user.environment, "LAMBENT_CANARY": self.canary.value},
        )
        self.deployed: set[str] = set()
        self.probed: dict[str, Any] = {}
        """Language → all that its probe found."""
        self._published: set[str] = set()
        """Functions with SnapStart, of which version 1 is invoked."""
        self._client: Any = None

    def start(self) -> None:
        self.server.start()
        assert self.health["status"] == "ready"
        self._client = self.server.client("lambda")
        files = self._files("neighbour") | {self.file_name: self.other.value}
        variables = {"SECRET": self.other.value}
        self.deploy("neighbour", files=files, Environment={"Variables": variables})
        self.call("neighbour")

    @functools.cached_property
    def doctor(self) -> dict[str, Any]:
        """What `lambent doctor --json` says when the same user asks."""
        report: dict[str, Any] = json.loads(
            self.user.run_lambent("doctor", "--json", "--data-dir", str(self.server.data_dir))
        )
        return report

    @functools.cached_property
    def report(self) -> dict[str, dict[str, Any]]:
        """The items of isolation by name."""
        return {item["name"]: item for item in self.doctor["isolation"]["items"]}

    @functools.cached_property
    def health(self) -> dict[str, Any]:
        """What the running server says of itself."""
        found: dict[str, Any] = get_json(self.server, "/_lambent/health")
        return found

    @property
    def network_range(self) -> str:
        """The text in which the server names the addresses that it gives out."""
        items = self.health["isolation"]["items"]
        return str(next(item["how"] for item in items if item["name"] == "network"))

    def enforces(self, name: str) -> bool:
        return bool(self.report[name]["enforced"])

    def deploy(self, name: str, program: str = "", **options: Any) -> None:
        """Once for each name; `files` replaces the program's own."""
        if name in self.deployed:
            return
        files = options.pop("files", None) or self._files(program or name)
        defaults = {"Timeout": 10, "MemorySize": 256, "Runtime": RUNTIME}
        self.server.create(name, files, **{**defaults, **options})
        self._client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        if "SnapStart" in options:
            self._publish(name)
        self.deployed.add(name)

    def _publish(self, name: str) -> None:
        """Version 1, whose environments are forks."""
        self._client.publish_version(FunctionName=name)
        self._client.get_waiter("published_version_active").wait(
            FunctionName=name, Qualifier="1", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        shown = self._client.get_function_configuration(FunctionName=name, Qualifier="1")
        assert shown["SnapStart"]["OptimizationStatus"] == "On", shown["StateReason"]
        self._published.add(name)

    def deploy_image(self, name: str, uri: str, **config: Any) -> None:
        self._client.create_function(
            FunctionName=name,
            PackageType="Image",
            Code={"ImageUri": uri},
            ImageConfig=config,
            Role=ROLE,
            Timeout=10,
            MemorySize=256,
        )
        self._client.get_waiter("function_active_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
        self.deployed.add(name)

    def delete(self, name: str) -> None:
        self._client.delete_function(FunctionName=name)
        self.deployed.discard(name)

    def call(self, name: str, event: Any = None, program: str = "", **options: Any) -> Answer:
        """Deploy `name` where it is not yet there, and invoke it."""
        self.deploy(name, program, **options)
        begun = time.monotonic()
        qualifier = {"Qualifier": "1"} if name in self._published else {}
        payload = json.dumps(event).encode()
        answer = self._client.invoke(
            FunctionName=name, Payload=payload, LogType="Tail", **qualifier
        )
        payload = read_json(answer["Payload"].read())
        seconds = time.monotonic() - begun
        return Answer(payload, answer.get("FunctionError", ""), answer["LogResult"], seconds)

    def try_call(self, name: str, event: Any = None, **options: Any) -> Answer:
        """As `call`; a refusal of the request is an answer too."""
        try:
            return self.call(name, event, **options)
        except ClientError as error:
            return Answer(error.response["Error"], "Refused", "", 0.0)

    def result(self, name: str, event: Any = None, **options: Any) -> Any:
        """The payload of an invocation that must succeed."""
        answer = self.call(name, event, **options)
        assert not answer.error, (answer.payload, answer.log)
        return answer.payload

    @contextlib.contextmanager
    def in_background(self, name: str, event: Any, **options: Any) -> Iterator[Future[Answer]]:
        """Invoke while the block runs; waits for the answer at its end."""
        self.deploy(name, **{"program": options.pop("program", ""), **options})
        with ThreadPoolExecutor(1) as pool:
            yield pool.submit(self.call, name, event)

    def watch_neighbour(
        self, while_running: Future[Answer], look: Callable[[], object] = lambda: None
    ) -> Watch:
        """Invoke a neighbour again and again, and `look`, until an invocation is answered."""
        watch = Watch()
        pause = threading.Event()
        while not while_running.done():
            try:
                answer = self.call("neighbour", len(watch.seconds))
                look()
            except Exception as error:
                watch.failures.append(repr(error))
                continue
            if answer.error or answer.payload["event"] != len(watch.seconds):
                watch.failures.append(str(answer.payload))
            watch.seconds.append(answer.seconds)
            watch.meanwhile += not while_running.done()
            watch.instances.add(answer.payload["instance"])
            pause.wait(0.05)
        print(f"neighbour: {len(watch.seconds)} answers, slowest {max(watch.seconds, default=0)}")
        return watch

    def _files(self, program: str) -> dict[str, str | bytes]:
        return {
            "app.py": (PROGRAMS / f"{program}.py").read_text(),
            "attempts.py": (PROGRAMS / "attempts.py").read_text(),
        }


def read_json(data: bytes) -> Any:
    """A payload; a function may have made it anything."""
    try:
        return json.loads(data or b"null")
    except ValueError:
        return {"errorType": "not JSON", "errorMessage": repr(data)}


@contextlib.contextmanager
def world_folder() -> Iterator[Path]:
    """Where every user may look for what is his; not under pytest's, which is root's alone."""
    folder = Path(tempfile.mkdtemp(prefix="lambent-escape-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
