"""`deploy`: a folder or file becomes a function, or the next code of one, and is ready to run."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambent.cli import handlers
from lambent.cli.aws import Connection
from lambent.cli.package import Files, build_zip, code_sha256, collect_files, load_zip
from lambent.cli.terminal import CliError, Progress, format_bytes, paint

DEFAULT_ROLE = "arn:aws:iam::000000000000:role/lambent"
NAME_MAX = 64
ARCHIVES = (".zip", ".jar")
"""A jar is a zip."""
# Our server has a function ready when it answers; real AWS needs a second or more.
WAIT = {"Delay": 0.1, "MaxAttempts": 1200}


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The code of a deployment."""

    zipped: bytes
    files: Files
    """Empty for a zip that was made elsewhere."""

    @property
    def sha256(self) -> str:
        return code_sha256(self.zipped)


def add_parsers(commands: Any, common: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "deploy",
        parents=[common],
        usage="lambent deploy DIR|FILE [OPTION…]",  # --env and --layer would swallow a DIR behind
        help="create or update a function from a folder or file",
        description="Create a function from a folder, a source file, a zip or a jar, or update it. "
        "On an update, what no option names stays as it was.",
    )
    parser.add_argument("target", type=Path, metavar="DIR|FILE")
    parser.add_argument("--name", help="of the function (that of the folder or file)")
    add_code_options(parser)
    parser.add_argument("--memory", type=int, metavar="MB", help="MemorySize (128)")
    parser.add_argument("--timeout", type=int, metavar="SECONDS", help="(3)")
    parser.add_argument(
        "--env",
        nargs="+",
        action="extend",
        metavar="K=V",
        help="environment variables; all of them",
    )
    parser.add_argument(
        "--layer",
        nargs="+",
        action="extend",
        metavar="ARN|DIR",
        help="layers, all of them, in order; a folder is published as one",
    )
    parser.add_argument("--role", metavar="ARN", help=f"({DEFAULT_ROLE})")
    parser.set_defaults(perform=perform_deploy)


def add_code_options(parser: argparse.ArgumentParser) -> None:
    """What is guessed where it is not named."""
    parser.add_argument(
        "--runtime",
        help="(Python: that of this command; Node.js, Ruby: the newest on this host; with a "
        f"`bootstrap`: {handlers.PROGRAMS})",
    )
    parser.add_argument("--handler", metavar="MODULE.FUNCTION", help="(found by reading the code)")


def perform_deploy(arguments: argparse.Namespace, connection: Connection) -> int:
    name = arguments.name or guess_name(arguments.target)
    package = load_package(arguments.target, arguments.layer or ())
    progress = Progress()
    try:
        client = connection.client("lambda")
        progress.show(f"{name}: looking for it at {connection.endpoint_url}")
        current = find_configuration(client, name)
        options = given_options(arguments)
        if arguments.layer is not None:
            options["Layers"] = [
                _resolve_layer(client, layer, name, progress) for layer in arguments.layer
            ]
        if current is None:
            done = ["created"]
            _create(client, name, package, options, progress)
        else:
            done = _update(client, current, package, options, progress)
        configuration = client.get_function_configuration(FunctionName=name)
    finally:
        progress.clear()
    _print_outcome(configuration, done, as_json=arguments.json)
    return 0


def guess_name(target: Path) -> str:
    """The folder's or file's name, with what Lambda does not allow in one replaced by `-`."""
    resolved = target.resolve()
    stem = resolved.stem if resolved.suffix in (*handlers.SOURCES, *ARCHIVES) else resolved.name
    name = re.sub(r"[^a-zA-Z0-9_-]+", "-", stem).strip("-")[:NAME_MAX]
    if not name:
        raise CliError(f"No function name can be made from {target}: give one with --name")
    return name


def load_package(target: Path, layers: Sequence[str]) -> Package:
    """Zip `target`; folders that are its own layers stay out of it."""
    if target.suffix in ARCHIVES and target.is_file():
        return Package(zipped=load_zip(target), files={})
    files = collect_files(target, without=[Path(layer) for layer in layers if not _is_arn(layer)])
    return Package(zipped=build_zip(files), files=files)


def parse_variables(pairs: Sequence[str]) -> dict[str, str]:
    """`K=V` pairs. Raises CliError for one without a name or `=`."""
    variables = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise CliError(f"--env {pair!r}: expected NAME=VALUE")
        variables[name] = value
    return variables


def changed_options(options: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `options` that `current`, a function's configuration, does not have already."""
    shown = {
        **current,
        "Environment": {"Variables": current.get("Environment", {}).get("Variables", {})},
        "Layers": [layer["Arn"] for layer in current.get("Layers", ())],
    }
    return {key: value for key, value in options.items() if shown.get(key) != value}


def given_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of the configuration, by the API's names."""
    given = {
        "Runtime": arguments.runtime,
        "Handler": arguments.handler,
        "MemorySize": arguments.memory,
        "Timeout": arguments.timeout,
        "Role": arguments.role,
    }
    options = {key: value for key, value in given.items() if value is not None}
    if arguments.env is not None:
        options["Environment"] = {"Variables": parse_variables(arguments.env)}
    return options


def find_configuration(client: Any, name: str) -> Mapping[str, Any] | None:
    """None where there is no such function."""
    try:
        configuration: Mapping[str, Any] = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        return None
    return configuration


def _create(
    client: Any, name: str, package: Package, options: Mapping[str, Any], progress: Progress
) -> None:
    # What cannot be guessed ends the command before anything was sent.
    defaults = {"Role": DEFAULT_ROLE, **guess_options(package.files, options)}
    progress.show(f"{name}: creating, {format_bytes(len(package.zipped))}")
    client.create_function(
        FunctionName=name, Code={"ZipFile": package.zipped}, **{**defaults, **options}
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=WAIT)


def _update(
    client: Any,
    current: Mapping[str, Any],
    package: Package,
    options: dict[str, Any],
    progress: Progress,
) -> list[str]:
    """Change what differs; what that was."""
    name, done = current["FunctionName"], []
    runtime = options.get("Runtime") or current["Runtime"]
    if "Handler" not in options and _has_lost_handler(package, current, runtime):
        options["Handler"] = handlers.guess_handler(package.files, runtime)
    waiter = client.get_waiter("function_updated_v2")
    if package.sha256 != current.get("CodeSha256"):
        progress.show(f"{name}: updating its code, {format_bytes(len(package.zipped))}")
        client.update_function_code(FunctionName=name, ZipFile=package.zipped)
        waiter.wait(FunctionName=name, WaiterConfig=WAIT)
        done.append("updated the code of")
    changes = changed_options(options, current)
    if changes:
        progress.show(f"{name}: updating its configuration")
        client.update_function_configuration(FunctionName=name, **changes)
        waiter.wait(FunctionName=name, WaiterConfig=WAIT)
        done.append("updated the configuration of")
    return done


def _has_lost_handler(package: Package, current: Mapping[str, Any], runtime: str) -> bool:
    """Whether the handler left with the old code; one that a layer may hold is left alone."""
    if not package.files or current.get("Layers"):
        return False
    return handlers.has_lost_handler(package.files, runtime, current["Handler"])


def guess_options(files: Files, options: Mapping[str, Any]) -> dict[str, str]:
    """Runtime and Handler, as far as no option names them. `files`: empty for a finished zip."""
    runtime = options.get("Runtime")
    if "Handler" in options:
        return {} if runtime else {"Runtime": handlers.guess_runtime(files)}
    if not files:
        raise CliError("A zip's handler is not guessed: name it with --handler module.function")
    runtime = runtime or handlers.guess_runtime(files)
    return {"Runtime": runtime, "Handler": handlers.guess_handler(files, runtime)}


def _resolve_layer(client: Any, layer: str, function_name: str, progress: Progress) -> str:
    """The ARN of a layer version; a folder is published unless its newest version is the same."""
    if _is_arn(layer):
        return layer
    folder = Path(layer)
    if not folder.is_dir():
        raise CliError(f"--layer {layer}: neither an ARN nor a folder.")
    content = build_zip(collect_files(folder))
    name = f"{function_name}-{guess_name(folder)}"
    progress.show(f"{name}: publishing the layer, {format_bytes(len(content))}")
    newest = client.list_layer_versions(LayerName=name, MaxItems=1)["LayerVersions"]
    if newest:
        known = client.get_layer_version(LayerName=name, VersionNumber=newest[0]["Version"])
        if known["Content"].get("CodeSha256") == code_sha256(content):
            return str(known["LayerVersionArn"])
    published = client.publish_layer_version(LayerName=name, Content={"ZipFile": content})
    return str(published["LayerVersionArn"])


def _is_arn(text: str) -> bool:
    return text.startswith("arn:")


def _print_outcome(configuration: Mapping[str, Any], done: list[str], *, as_json: bool) -> None:
    if as_json:
        shown = {key: value for key, value in configuration.items() if key != "ResponseMetadata"}
        print(json.dumps({**shown, "Changed": bool(done)}, indent=2))
        return
    name = configuration["FunctionName"]
    action = " and ".join(done).capitalize() if done else "Nothing changed in"
    print(f"{action} {paint(name, 'bold')}")
    facts = (
        configuration.get("Runtime", ""),
        configuration.get("Handler", ""),
        f"{configuration['MemorySize']} MB",
        f"{configuration['Timeout']} s",
        format_bytes(configuration["CodeSize"]),
    )
    print(f"  {' · '.join(facts)}")
    for layer in configuration.get("Layers", ()):
        print(f"  {layer['Arn']}")
    print(f"  {configuration['FunctionArn']}")
    print(f"Next: lambent invoke {name} --log")
