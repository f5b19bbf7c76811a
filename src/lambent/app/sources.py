"""Event source mappings, with the readers that this process has."""

from __future__ import annotations

import configparser
from pathlib import Path

from lambent.app.access import ExecutionRoles
from lambent.app.around import Around as Surroundings
from lambent.control.plane import Plane
from lambent.domain.credentials import TemporaryCredentials
from lambent.domain.event_source import EventSourceMapping, SourceType
from lambent.invoke.invoker import Invoker
from lambent.services.sqs import Sqs
from lambent.settings import Settings, parse_source_endpoints
from lambent.sources.endpoint_queues import Credentials, EndpointQueueReader
from lambent.sources.interface import Around, QueueReader
from lambent.sources.local_queues import LocalQueueReader
from lambent.sources.runner import FunctionRunner
from lambent.sources.sources import Sources

CREDENTIALS_MARGIN_S = 300
"""How long before their end credentials are made anew."""


def make_sources(
    settings: Settings,
    around: Surroundings,
    invoker: Invoker,
    plane: Plane,
    sqs: Sqs,
    roles: ExecutionRoles,
) -> Sources:
    """A service that can be a source adds its reader here."""
    endpoint = parse_source_endpoints(settings.source_endpoints).get("sqs")
    queues: QueueReader = LocalQueueReader(sqs.local)
    if endpoint is not None:
        path = settings.source_credentials
        credentials = _of_file(Path(path)) if path else _of_roles(around, invoker, roles)
        queues = EndpointQueueReader(endpoint, credentials, around.clock)
    runner = FunctionRunner(invoker, plane.role_permissions, plane.recursion, around.clock)
    sources = Sources(Around(runner, around.clock, around.tasks), {SourceType.SQS: queues})
    plane.event_sources.live = sources
    if endpoint is None:
        plane.event_sources.visibility_s = lambda arn: _visibility_s(sqs, arn)
        plane.event_sources.has_queue = lambda arn: sqs.local.config(arn) is not None
    return sources


def _visibility_s(sqs: Sqs, arn: str) -> int | None:
    config = sqs.local.config(arn)
    return None if config is None else config.visibility_s


def _of_roles(around: Surroundings, invoker: Invoker, roles: ExecutionRoles) -> Credentials:
    """Of each function's execution role, as this server issues them."""
    issued: dict[str, TemporaryCredentials] = {}

    def credentials(mapping: EventSourceMapping) -> TemporaryCredentials:
        version = invoker.check(mapping.function_name, mapping.qualifier)
        known = issued.get(version.role)
        if known is None or known.expires_s < around.clock.wall_s() + CREDENTIALS_MARGIN_S:
            known = issued[version.role] = roles.credentials(version)
        return known

    return credentials


def _of_file(path: Path) -> Credentials:
    """The default key of a file; it is read again for each call, so that it may change."""

    def credentials(mapping: EventSourceMapping) -> TemporaryCredentials:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(path.read_text())
            found = parser["default"]
            return TemporaryCredentials(
                key_id=found["aws_access_key_id"],
                secret=found["aws_secret_access_key"],
                token=found.get("aws_session_token", ""),
                expires_s=2**62,
            )
        except (KeyError, configparser.Error) as error:
            raise OSError(f"{path} holds no default access key: {error}") from None

    return credentials
