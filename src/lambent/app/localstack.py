"""LocalStack's environment variables, where they have an equal here. Pure.

Source of the names: LocalStack's documentation, "Configuration" (Core, Lambda). Variables without
the prefix LOCALSTACK_ count too, as in its container; names that others use as well, such as DEBUG
or DATA_DIR, do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_LISTEN = re.compile(r"(?:(?P<host>[^:,]*):)?(?P<port>[0-9]{1,5})")
_RETRY_S = 60
"""What both wait before the first retry of an asynchronous event, unless told otherwise."""

_WITHOUT_EQUAL = {
    "BUCKET_MARKER_LOCAL": "the bucket of hot reload is hot-reload",
    "ENFORCE_IAM": "use --auth iam",
    "LAMBDA_DEBUG_MODE": "use lambent debug NAME",
    "LAMBDA_DOCKER_DNS": "there are no containers",
    "LAMBDA_DOCKER_FLAGS": "there are no containers",
    "LAMBDA_DOCKER_NETWORK": "there are no containers",
    "LAMBDA_EVENT_SOURCE_MAPPING": "there is one implementation",
    "LAMBDA_IGNORE_ARCHITECTURE": "programs run on the host's processor",
    "LAMBDA_REMOVE_CONTAINERS": "there are no containers",
    "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "init has Lambda's own 10 seconds",
    "LAMBDA_RUNTIME_EXECUTOR": "functions run in namespaces of the host",
    "LAMBDA_RUNTIME_IMAGE_MAPPING": "runtimes are found on the host: see lambent runtimes",
    "LAMBDA_SQS_EVENT_SOURCE_MAPPING_INTERVAL": "queues feed functions without polling",
    "LAMBDA_SYNCHRONOUS_CREATE": "functions are Active at the first look",
    "LAMBDA_TRUNCATE_STDOUT": "logs are kept whole",
    "PERSISTENCE": "state is always kept",
}


def _listen(value: str) -> dict[str, str]:
    match = _LISTEN.fullmatch(value.partition(",")[0].strip())
    if match is None:
        return {}
    return {"PORT": match["port"], **({"HOST": match["host"]} if match["host"] else {})}


def _port(value: str) -> dict[str, str]:
    return {"PORT": value} if value.isascii() and value.isdigit() else {}


def _keep_alive(value: str) -> dict[str, str]:
    return (
        {"IDLE_TIMEOUT_S": f"{int(value) / 1000:g}"} if value.isascii() and value.isdigit() else {}
    )


def _concurrency(value: str) -> dict[str, str]:
    return {"CONCURRENCY": value} if value.isascii() and value.isdigit() else {}


def _retry_delay(value: str) -> dict[str, str]:
    known = value.isascii() and value.isdigit()
    return {"ASYNC_DELAY_SCALE": f"{int(value) / _RETRY_S:g}"} if known else {}


_EQUAL: Mapping[str, Callable[[str], dict[str, str]]] = {
    "EDGE_PORT": _port,
    "GATEWAY_LISTEN": _listen,
    "LAMBDA_KEEPALIVE_MS": _keep_alive,
    "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS": _concurrency,
    "LAMBDA_RETRY_BASE_DELAY_SECONDS": _retry_delay,
}


def adopt(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """The environment with LAMBENT_* for what LocalStack's variables say; what to tell of each.

    A LAMBENT_ variable that is set already wins.
    """
    adopted, told = dict(environ), []
    for name in sorted({*_EQUAL, *_WITHOUT_EQUAL}):
        value = environ.get(f"LOCALSTACK_{name}") or environ.get(name)
        if not value:
            continue
        if name in _WITHOUT_EQUAL:
            told.append(f"{name} is ignored: {_WITHOUT_EQUAL[name]}")
            continue
        found = {f"LAMBENT_{key}": text for key, text in _EQUAL[name](value).items()}
        if not found:
            told.append(f"{name} is ignored: {value[:40]!r} is not understood")
            continue
        new = {key: text for key, text in found.items() if not environ.get(key)}
        adopted.update(new)
        taken = ", ".join(f"{key}={text}" for key, text in new.items())
        told.append(f"{name} means {taken}" if taken else f"{name} is set aside by LAMBENT_ ones")
    return adopted, told
