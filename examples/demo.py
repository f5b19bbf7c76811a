"""`make demo`: start Lambent, deploy the examples with boto3, run them, show logs and bill, stop.

Nothing here is special to Lambent but the address: the calls are those that would go to AWS. Each
step asserts what it expects; the exit code is 0 only when all of it was so. Whatever happens, the
server is stopped and its temporary folder removed.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
ROLE = "arn:aws:iam::000000000000:role/demo"
READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
WAIT = {"Delay": 0.1, "MaxAttempts": 200}
# The demo talks to its own server only: neither a proxy nor someone's account is wanted.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class DemoFailed(Exception):
    """Something was not as expected."""


class Steps:
    """A line for each step: what is going on while it runs, then a tick and how long it took."""

    def __init__(self) -> None:
        self.live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.colour = self.live and not os.environ.get("NO_COLOR")
        self.begun = time.perf_counter()

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Run a step; what it appends to the list is shown behind its time."""
        notes: list[str] = []
        self._show(f"… {title}")
        begun = time.perf_counter()
        try:
            yield notes
        except BaseException:
            self._finish(self.paint("✗", "31"), title, begun, ["failed"])
            raise
        self._finish(self.paint("✓", "32"), title, begun, notes)

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def heading(self, text: str) -> None:
        print(f"\n{self.paint(text, '1')}")

    def total_s(self) -> float:
        return time.perf_counter() - self.begun

    def _show(self, text: str) -> None:
        if self.live:
            sys.stdout.write(f"\r\x1b[K{text}")
            sys.stdout.flush()

    def _finish(self, mark: str, title: str, begun: float, notes: list[str]) -> None:
        self._show("")
        took = f"{(time.perf_counter() - begun) * 1000:8.1f} ms"
        print(f"{mark} {title:<34}{self.paint(took, '2')}  {' '.join(notes)}".rstrip(), flush=True)


def main() -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    steps = Steps()
    folder = Path(tempfile.mkdtemp(prefix="lambent-demo-"))
    try:
        run(steps, folder)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    except DemoFailed as failure:
        print(f"\nThe demo failed: {failure}", file=sys.stderr)
        return 1
    finally:
        ignore_signals()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\nEverything was as expected, in {steps.total_s():.1f} s. Now yours:")
    print("  .venv/bin/lambent start")
    print("  .venv/bin/lambent deploy examples/hello && .venv/bin/lambent invoke hello --log")
    return 0


def run(steps: Steps, folder: Path) -> None:
    print(steps.paint("Lambent: AWS Lambda on this machine\n", "1"), end="", flush=True)
    log = folder / "server.log"
    server = None
    try:
        with steps.step("start the server") as notes:
            endpoint = f"http://127.0.0.1:{free_port()}"
            with uninterrupted():
                server = start_server(endpoint, folder / "data", log)
            health = wait_until_ready(server, endpoint)
            notes.append(f"{endpoint}, isolation: {health['isolation'].get('backend', '?')}")
        use_examples(steps, endpoint, choose_runtime(health))
    except DemoFailed:
        show_server_log(log)
        raise
    except Exception as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error  # what was being cleaned up did not like it
        # boto3's errors and the server's surprises alike: the demo ends, and says what it was.
        show_server_log(log)
        raise DemoFailed(f"{type(error).__name__}: {error}") from error
    finally:
        if server is not None:
            ignore_signals()  # a second Ctrl-C must not leave the server behind
            with steps.step("stop the server") as notes:
                code = stop_server(server)
                notes.append(f"exit code {code}")
    expect(code == 0, f"the server ended with {code} after SIGTERM")


def use_examples(steps: Steps, endpoint: str, runtime: str) -> None:
    """Deploy, invoke cold and warm, and show what was logged and billed."""
    with steps.step("import boto3"):
        clients = make_clients(endpoint)
    client = clients["lambda"]
    steps.heading(f"Deploy ({runtime})")
    deploy_examples(steps, client, runtime)
    steps.heading("Invoke: cold, then warm")
    tails = [
        invoke_twice(steps, client, "hello", {"name": "Ada"}, {"message": "Hello, Ada!"}),
        invoke_twice(
            steps,
            client,
            "uses_boto3",
            {},
            {"account": "000000000000", "functions": ["hello", "layered", "uses_boto3"]},
        ),
        invoke_twice(steps, client, "layered", {"name": "Ada"}, {"message": "Bonjour, Ada!"}),
    ]
    steps.heading("The end of the log of hello's first invocation")
    print(tails[0], end="")
    check_logs(clients["logs"], "hello")
    steps.heading("The bill: what ran, at AWS's prices")
    show_bill(endpoint)
    print()


def make_clients(endpoint: str) -> dict:
    """boto3 clients on the endpoint, with credentials that mean nothing and nobody's settings."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    with uninterrupted():  # Python tells of an exception inside of an import's own callbacks
        import boto3
        from botocore.config import Config

    config = Config(proxies={}, retries={"total_max_attempts": 1}, read_timeout=30)
    session = boto3.Session("demo", "demo", region_name="us-east-1")
    return {
        name: session.client(name, endpoint_url=endpoint, config=config)
        for name in ("lambda", "logs")
    }


def deploy_examples(steps: Steps, client: object, runtime: str) -> None:
    deploy(steps, client, "hello", zip_folder(EXAMPLES / "hello"), Runtime=runtime)
    deploy(
        steps,
        client,
        "uses_boto3",
        zip_folder(EXAMPLES / "uses_boto3"),
        Runtime=runtime,
        MemorySize=256,
        Timeout=15,
    )
    with steps.step("publish the layer of layered") as notes:
        layer = client.publish_layer_version(
            LayerName="greetings",
            Content={"ZipFile": zip_folder(EXAMPLES / "layered" / "layer")},
            CompatibleRuntimes=[runtime],
        )
        notes.append(layer["LayerVersionArn"])
    deploy(
        steps,
        client,
        "layered",
        zip_folder(EXAMPLES / "layered", without="layer"),
        Runtime=runtime,
        Layers=[layer["LayerVersionArn"]],
        Environment={"Variables": {"LANGUAGE": "fr"}},
    )


def deploy(steps: Steps, client: object, name: str, package: bytes, **options: object) -> None:
    """CreateFunction, and wait until the function is Active."""
    with steps.step(f"deploy {name}") as notes:
        client.create_function(
            FunctionName=name,
            Role=ROLE,
            Handler="app.handler",
            Code={"ZipFile": package},
            **options,
        )
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAIT)
        notes.append(f"{len(package)} bytes")


def invoke_twice(
    steps: Steps, client: object, name: str, event: dict, expected: dict[str, object]
) -> str:
    """The log of the cold one."""
    cold = invoke(steps, client, name, event, expected, kind="cold")
    warm = invoke(steps, client, name, event, expected, kind="warm")
    expect("Init Duration:" in cold, f"{name}: the first invocation was not a cold start:\n{cold}")
    expect("Init Duration:" not in warm, f"{name}: the second was not warm:\n{warm}")
    return cold


def invoke(
    steps: Steps, client: object, name: str, event: dict, expected: dict[str, object], *, kind: str
) -> str:
    """Invoke once; the tail of its log, with the lines that AWS writes in it."""
    with steps.step(f"invoke {name} ({kind})") as notes:
        answer = client.invoke(
            FunctionName=name, Payload=json.dumps(event).encode(), LogType="Tail"
        )
        result = json.loads(answer["Payload"].read())
        tail = base64.b64decode(answer["LogResult"]).decode()
        expect("FunctionError" not in answer, f"{name} failed: {result}\n{tail}")
        notes.append(json.dumps(result, ensure_ascii=False))
    got = {key: result.get(key) for key in expected}
    expect(got == expected, f"{name} answered {result}, expected {expected}")
    request_id = answer["ResponseMetadata"]["RequestId"]
    for word in ("START", "END", "REPORT"):
        line = f"{word} RequestId: {request_id}"
        expect(line in tail, f"{name}: the log tail has no '{line}':\n{tail}")
    return tail


def check_logs(logs: object, name: str) -> None:
    """The same lines are in CloudWatch Logs, with what the function printed."""
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    text = "".join(event["message"] for event in events)
    expect(text.count("REPORT RequestId:") == 2, f"two REPORT lines in the log of {name}:\n{text}")
    expect("Greeting Ada" in text, f"what {name} printed is in its log:\n{text}")


def show_bill(endpoint: str) -> None:
    bill = fetch(f"{endpoint}/_lambent/bill")
    for name, usage in [*sorted(bill["functions"].items()), ("total", bill["total"])]:
        print(
            f"{name:<12}{usage['Invocations']:>3} invocations  {usage['Errors']} errors"
            f"  {usage['BilledDurationMs']:>5} ms  {usage['GBSeconds']:.6f} GB-s"
            f"  ${usage['USD']:.8f}"
        )
        expected = 6 if name == "total" else 2
        expect(usage["Invocations"] == expected, f"{name} was billed {usage}, ran {expected} times")
        expect(usage["Errors"] == 0, f"{name} has errors on its bill: {usage}")
    expect(len(bill["functions"]) == 3, f"three functions on the bill: {bill}")


def zip_folder(folder: Path, *, without: str | None = None) -> bytes:
    """A deployment package of the files in `folder`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and "__pycache__" not in name.parts and name.parts[0] != without:
                archive.write(path, name.as_posix())
    return buffer.getvalue()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(endpoint: str, data_dir: Path, log: Path) -> subprocess.Popen:
    """`lambent start`, with no setting of this shell's; in a session of its own, so that Ctrl-C
    reaches the demo alone, which then stops it in order."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LAMBENT_")}
    port = endpoint.rpartition(":")[2]
    command = [sys.executable, "-I", "-m", "lambent", "start", "--port", port]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,
        )


def wait_until_ready(server: subprocess.Popen, endpoint: str) -> dict:
    """What /_lambent/health says once it says ready."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        expect(server.poll() is None, f"the server ended with {server.returncode}")
        try:
            health = fetch(f"{endpoint}/_lambent/health")
        except (urllib.error.URLError, ConnectionError):
            health = {}
        if health.get("status") == "ready":
            return health
        time.sleep(0.02)
    raise DemoFailed(f"the server was not ready within {READY_TIMEOUT_S} s")


def choose_runtime(health: dict) -> str:
    """That of this Python, else the newest that the server found."""
    own = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = [name for name in health["runtimes"] if name.startswith("python")]
    expect(bool(found), "the server found no Python interpreter for functions")
    newest = max(found, key=lambda name: int(name.rpartition(".")[2]))
    return own if own in found else newest


def stop_server(server: subprocess.Popen) -> int:
    """SIGTERM, as any supervisor does; SIGKILL when that is not heeded. The exit code."""
    server.terminate()
    try:
        return server.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        return server.wait()


def show_server_log(log: Path) -> None:
    with contextlib.suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()[-30:]
        print("\nThe server's last words:", *lines, sep="\n  ", file=sys.stderr)


def fetch(url: str) -> dict:
    with DIRECT.open(url, timeout=5) as response:
        return json.load(response)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block has ended: no process may start unnoticed."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: came.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise DemoFailed(message)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
