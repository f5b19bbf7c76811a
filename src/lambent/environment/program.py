"""What a function finds around itself: its environment variables and what the bootstrap is told.

Source: facts, 'Environment' (a real python3.12 environment, recorded) and the Developer Guide's
list of defined runtime environment variables.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from lambent.domain.credentials import TemporaryCredentials
from lambent.domain.function import FunctionVersion
from lambent.runtime.catalogue import family_of
from lambent.runtime.debuggers import FOLDER, Debugger
from lambent.runtime.families.start import AHEAD, LD_LIBRARY_PATH, PATH, Link, Start

TASK_ROOT = "/var/task"
RUNTIME_DIR = "/var/runtime"
RUNTIME_API = "127.0.0.1:9001"

ARN_VARIABLE = "_LAMBENT_FUNCTION_ARN"

SNAP_START = "snap-start"  # [DG] AWS_LAMBDA_INITIALIZATION_TYPE
CREDENTIALS_URI = f"http://{RUNTIME_API}/2021-04-23/credentials"
MANAGED_INSTANCES = "lambda-managed-instances"  # [DG] on a capacity provider

_FOLDERS = {"LAMBDA_TASK_ROOT": TASK_ROOT, "LAMBDA_RUNTIME_DIR": RUNTIME_DIR}
_OF_HOST = {
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": PATH,
    "LD_LIBRARY_PATH": LD_LIBRARY_PATH,
    "PWD": "/var/task",
}
# Where X-Ray's daemon is on AWS. None is here: what is sent to a port of nobody's is lost.
# Names: Developer Guide, "Using extensions" and a real environment [LS-snap].
_XRAY = {
    "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "_AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1",
    "_AWS_XRAY_DAEMON_PORT": "2000",
}
# An image brings its own: AWS's base images set all of the above. _HANDLER is its command.
_OF_IMAGES = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TZ": ":UTC",
    **_FOLDERS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is the same for every environment of this server."""

    region: str
    endpoint_url: str
    """Lambent's own endpoint as a function reaches it."""
    credentials: Callable[[FunctionVersion], TemporaryCredentials]
    """Of a version's execution role, made anew for each environment."""


def build_environment(
    version: FunctionVersion,
    around: Surroundings,
    stream: str,
    init_type: str,
    start: Start,
    token: str = "",
) -> dict[str, str]:
    """All variables of one environment: AWS's, then the function's own (never a reserved one).

    With a `token` (SnapStart) credentials are to be asked for by it, and of the log's group and
    stream nothing is told: Developer Guide, "Monitoring for Lambda SnapStart".
    """
    values = {
        "AWS_ENDPOINT_URL": around.endpoint_url,
        **_XRAY,
        **(_OF_HOST if version.image is None else _OF_IMAGES),
        **start.environment,
    }
    values.update(version.environment or {})
    values.update(_of_one(version, around, stream) if not token else _of_snapshots(token))
    values.update(
        {
            "AWS_REGION": around.region,
            "AWS_DEFAULT_REGION": around.region,
            "AWS_LAMBDA_FUNCTION_NAME": version.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mib),
            "AWS_LAMBDA_FUNCTION_VERSION": version.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": (
                init_type if version.capacity_provider is None else MANAGED_INSTANCES
            ),
            "AWS_LAMBDA_RUNTIME_API": RUNTIME_API,
        }
    )
    if version.image is None:
        values |= {"_HANDLER": version.handler, **_FOLDERS}
        if not family_of(version.runtime).OS_ONLY:
            values["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{version.runtime}"
    if version.log_format == "JSON":
        values["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        values["AWS_LAMBDA_LOG_LEVEL"] = version.application_log_level or "INFO"
    return values


def _of_one(version: FunctionVersion, around: Surroundings, stream: str) -> dict[str, str]:
    """What one environment alone has."""
    credentials = around.credentials(version)
    return {
        "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_ACCESS_KEY_ID": credentials.key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret,
        "AWS_SESSION_TOKEN": credentials.token,
    }


def _of_snapshots(token: str) -> dict[str, str]:
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": CREDENTIALS_URI,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
    }


def build_program(
    version: FunctionVersion,
    around: Surroundings,
    stream: str,
    start: Start,
    *,
    init_type: str = "on-demand",
    token: str = "",
    supervised: bool = False,
    debugger: Debugger | None = None,
    ahead: bool = False,
) -> bytes:
    """What the guest program is told, as JSON: python/bootstrap.py, python/_lambent_starter.py.

    `supervised`: the runtime is one of several processes, see python/_lambent_supervisor.py.
    `ahead`: it waits for START before its init begins.
    """
    environment = build_environment(version, around, stream, init_type, start, token)
    more: dict[str, object] = {"supervised": True} if supervised else {}
    if debugger is not None:
        environment |= debugger.variables(environment)
    if start.wrapper:
        more["wrapper"] = start.wrapper
    if start.commands:
        commands = (start.ahead,) if ahead else start.commands
        if ahead and start.link is Link.FRAMES:
            environment[AHEAD] = "1"
        if start.link is Link.FRAMES:  # its bootstrap takes this away before the function runs
            environment[ARN_VARIABLE] = version.arn
        if start.brought:
            more |= {"architecture": version.architectures[0], "launch_error": start.launch_error}
        return json.dumps(
            {
                "commands": commands,
                "environment": environment,
                "link": start.link,
                "directory": start.directory,
                **more,
            }
        ).encode()
    if debugger is not None:
        more["debug"] = {"port": debugger.port, "folder": FOLDER}
    return json.dumps(
        {
            "handler": version.handler,
            "environment": environment,
            "log_format": version.log_format,
            "function_name": version.name,
            "function_version": version.version,
            "invoked_function_arn": version.arn,
            "memory_limit_in_mb": version.memory_mib,
            "log_group_name": version.log_group,
            "log_stream_name": stream,
            **({"ahead": True} if ahead else {}),
            **more,
        }
    ).encode()
