"""`start` and `doctor`: their options. What they do is `lambent.app`'s."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lambent.cli.durations import parse_duration_s
from lambent.settings import AUTHS, PORT_MAX, SWITCHES, Settings


class _JoinPairs(argparse.Action):
    """Gathers a repeated option NAME=VALUE in the settings' form."""

    form = "RUNTIME=PATH, as python3.12=/usr/bin/python3"

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        name, _, path = str(values).partition("=")
        if not name or not path or "," in path:
            parser.error(f"{option_string}: expected {self.form}")
        before = getattr(namespace, self.dest, None)
        setattr(namespace, self.dest, f"{before},{values}" if before else values)


class _JoinEmulators(_JoinPairs):
    form = "FUNCTION=PORT, as hello=9000"


def add_parsers(commands: Any) -> None:
    """`commands` is what argparse's add_subparsers returns, whose type is private."""
    start = commands.add_parser(
        "start",
        help="serve in the foreground",
        description="Serve Lambda's API in the foreground until SIGTERM or Ctrl-C. Settings "
        "come from the environment too, as LAMBENT_PORT, LAMBENT_IDLE_TIMEOUT_S, LAMBENT_PYTHONS.",
    )
    start.add_argument("--host", help="address to listen on (127.0.0.1)")
    start.add_argument("--port", type=_port, help="port to listen on; 0 takes a free one (4566)")
    start.add_argument("--account-id", metavar="ID", help="the account (000000000000)")
    # SUPPRESS here and below: what stood before the command is not undone.
    start.add_argument("--region", default=argparse.SUPPRESS, help="AWS region (us-east-1)")
    start.add_argument("--concurrency", type=_count, metavar="N", help="account limit (1000)")
    start.add_argument(
        "--environments-max",
        type=_count,
        metavar="N",
        help="ceiling of environments on this host (0: from its memory)",
    )
    start.add_argument(
        "--parked",
        type=_count,
        metavar="N",
        help="sandboxes kept warm for each runtime in use (2)",
    )
    start.add_argument(
        "--ahead",
        type=_count,
        metavar="N",
        help="runtimes kept started for the next cold start of functions in use (8)",
    )
    start.add_argument(
        "--idle-timeout",
        dest="idle_timeout_s",
        type=parse_duration_s,
        metavar="DURATION",
        help="how long an unused environment is kept (10m)",
    )
    start.add_argument(
        "--async-delay-scale",
        type=float,
        metavar="FACTOR",
        help="factor on the delays between tries of asynchronous events, for tests (1.0)",
    )
    start.add_argument(
        "--hot-reload",
        metavar="DIR,…",
        help="folders under which code may be run in place (auto: any when open, none with iam)",
    )
    start.add_argument(
        "--file-systems",
        metavar="ARN=DIR,…",
        help="folders that stand for access points of EFS, for FileSystemConfigs",
    )
    start.add_argument(
        "--source-endpoints",
        metavar="SERVICE=URL,…",
        help="where event source mappings find queues if not here, as sqs=https://host",
    )
    start.add_argument(
        "--source-credentials",
        metavar="FILE",
        help="credentials for them, in the form of ~/.aws/credentials (the function's role)",
    )
    _add_side_ports(start)
    _add_image_options(start)
    start.add_argument(
        "--stream-bytes-per-s",
        type=_count,
        metavar="N",
        help="rate of a streamed response after its first 6 MiB (2097152)",
    )
    _add_access_options(start)
    _add_host_options(start)
    _add_reports(commands)


def _add_reports(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="what this host can enforce, and how to get the rest",
        description="Report which isolation this host can enforce and which runtimes it has.",
    )
    doctor.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON, for programs"
    )
    _add_host_options(doctor)
    runtimes = commands.add_parser(
        "runtimes",
        help="the languages that this host has",
        description="List the runtimes that this host has and how to get the others; `get java` "
        "fetches AWS's runtime interface client for Java from Maven Central; `get dotnet` compiles "
        "Lambent's bootstrap for the .NETs of this host.",
    )
    runtimes.add_argument("action", nargs="?", choices=("list", "get"), default="list")
    runtimes.add_argument("language", nargs="?", choices=("java", "dotnet"), help="of `get`")
    runtimes.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON, for programs"
    )
    _add_host_options(runtimes)


def settings_overrides(arguments: argparse.Namespace) -> dict[str, object]:
    """What the command line sets, by Settings' field names; the rest is not in it."""
    given = vars(arguments)
    return {name: given[name] for name in Settings.__annotations__ if given.get(name) is not None}


def _add_side_ports(start: argparse.ArgumentParser) -> None:
    """Ports as other local tools have them."""
    start.add_argument(
        "--sam-port",
        type=_port,
        metavar="PORT",
        help="one more port with the same API, as sam local start-lambda has: 3001 (0: none)",
    )
    start.add_argument(
        "--rie",
        action=_JoinEmulators,
        metavar="FUNCTION=PORT",
        help="run a function on a port of its own as AWS's Runtime Interface Emulator does, as"
        " hello=9000; repeatable",
    )


def _add_access_options(start: argparse.ArgumentParser) -> None:
    """Who may call."""
    start.add_argument(
        "--auth",
        choices=AUTHS,
        help="open takes any credentials, iam verifies signatures and asks policies (open)",
    )
    start.add_argument(
        "--allow-open-network",
        action="store_true",
        default=None,
        help="with --auth open: listen beyond this machine, where whoever comes can run code",
    )
    start.add_argument(
        "--role-session",
        dest="role_session_s",
        type=parse_duration_s,
        metavar="DURATION",
        help="how long the credentials of an execution role last (12h)",
    )
    start.add_argument(
        "--allow-reset",
        action="store_true",
        default=None,
        help="let POST /_lambent/reset empty the server",
    )


def _add_image_options(start: argparse.ArgumentParser) -> None:
    """Where container images may come from."""
    start.add_argument(
        "--image-folders",
        metavar="DIR,…",
        help="folders from which images may be read (auto: any when open, none with iam)",
    )
    start.add_argument(
        "--registries",
        metavar="HOST,…",
        help="the only hosts that images may be pulled from (any)",
    )
    start.add_argument(
        "--plain-registries",
        metavar="HOST,…",
        help="registries that are spoken to without TLS; loopback always is",
    )
    start.add_argument(
        "--docker-config",
        metavar="FILE",
        help="the config.json with the logins of registries (Docker's own)",
    )


def _add_host_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where state is kept (~/.local/share/lambent)"
    )
    parser.add_argument(
        "--isolation",
        choices=("auto", "namespaces"),
        help="auto takes the strongest that the host can give",
    )
    parser.add_argument(
        "--network", choices=("auto", "none"), help="whether functions reach beyond this endpoint"
    )
    parser.add_argument(
        "--freeze",
        choices=SWITCHES,
        help="whether processes of functions are stopped between invocations (auto)",
    )
    parser.add_argument(
        "--snapshots",
        choices=SWITCHES,
        help="whether SnapStart forks Python functions; off starts them as any other (auto)",
    )
    parser.add_argument(
        "--python",
        dest="pythons",
        action=_JoinPairs,
        metavar="RUNTIME=PATH",
        help="one more interpreter, as python3.12=/opt/python3.12/bin/python3.12; repeatable",
    )
    parser.add_argument(
        "--node",
        dest="nodes",
        action=_JoinPairs,
        metavar="RUNTIME=PATH",
        help="one more Node.js, as nodejs22.x=/opt/node22/bin/node; repeatable",
    )
    parser.add_argument(
        "--ruby",
        dest="rubies",
        action=_JoinPairs,
        metavar="RUNTIME=PATH",
        help="one more Ruby, as ruby3.4=/opt/ruby-3.4/bin/ruby; repeatable",
    )
    parser.add_argument(
        "--java",
        dest="javas",
        action=_JoinPairs,
        metavar="RUNTIME=PATH",
        help="one more Java, as java21=/opt/jdk-21; repeatable",
    )
    parser.add_argument(
        "--java-client",
        metavar="DIR",
        help="AWS's runtime interface client for Java, in DIR/lib (runtimes/java in the data "
        "folder; `lambent runtimes get java` fetches it)",
    )
    parser.add_argument(
        "--maven-repository",
        metavar="URL",
        help="where `lambent runtimes get java` fetches: Maven Central, or a mirror of it",
    )
    parser.add_argument(
        "--dotnet",
        dest="dotnets",
        action=_JoinPairs,
        metavar="RUNTIME=PATH",
        help="one more .NET, as dotnet8=/opt/dotnet; repeatable",
    )


def _port(text: str) -> int:
    port = _count(text)
    if port > PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to {PORT_MAX})")
    return port


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)
