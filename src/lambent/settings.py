"""What an operator may choose, read once from the command line and the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

STREAM_BYTES_PER_S_RANGE = (32 * 1024, 64 * 1024 * 1024)
"""[RIE] What AWS's emulator lets one choose."""


class SettingError(ValueError):
    """A setting that does not fit; the message names its variable, for whoever set it."""


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Where state is kept unless told otherwise: XDG's data home, else ~/.local/share."""
    base = environ.get("XDG_DATA_HOME") or str(
        Path(environ.get("HOME", "/var/lib")) / ".local/share"
    )
    return Path(base) / "lambent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with its default. The environment's name is LAMBENT_<FIELD IN CAPITALS>."""

    host: str = "127.0.0.1"
    port: int = 4566
    data_dir: Path = field(default_factory=lambda: default_data_dir(os.environ))
    account_id: str = "000000000000"
    region: str = "us-east-1"
    isolation: str = "auto"
    """auto | namespaces: `auto` takes the strongest that the host can give."""
    network: str = "auto"
    """auto | none: whether functions reach beyond this host's own endpoint."""
    freeze: str = "auto"
    """auto | off: whether the processes of a function are stopped between its invocations."""
    snapshots: str = "auto"
    """auto | off: whether functions with SnapStart are forked, which lets what they run be root of
    user namespaces; see docs/decisions/0026-snapshots-by-fork.md."""
    parked: int = 2
    """Sandboxes kept warm and unbound for each runtime in use; 0 turns parking off."""
    ahead: int = 8
    """Runtimes that may wait, started, for their versions' next cold start; of Python four times
    as many."""
    concurrency: int = 1000
    """Account limit of concurrent executions."""
    environments_max: int = 0
    """Ceiling of environments on this host; 0 derives it from the host's memory."""
    idle_timeout_s: float = 600.0
    """How long an unused environment is kept."""
    async_delay_scale: float = 1.0
    """Factor on the delays between tries of asynchronous events, for people who test."""
    sam_port: int = 0
    """One more port of loopback with the same API, as `sam local start-lambda` has; 0: none."""
    rie: str = ""
    """Functions with ports of their own in the form of AWS's emulator, as `NAME=9000,…`."""
    pythons: str = ""
    """More interpreters, as `python3.12=/path/to/python,…`; found before any other."""
    nodes: str = ""
    """More Node.js, as `nodejs22.x=/path/to/node,…`; found before any other."""
    rubies: str = ""
    """More Rubies, as `ruby3.4=/path/to/ruby,…`; found before any other."""
    javas: str = ""
    """More Javas, as `java21=/path/to/jdk,…`; found before any other."""
    java_client: str = ""
    """Folder of AWS's runtime interface client for Java; empty: the data folder's runtimes/java."""
    maven_repository: str = "https://repo1.maven.org/maven2"
    """Where `lambent runtimes get java` fetches it: Maven Central, or a mirror with its layout."""
    dotnets: str = ""
    """More .NETs, as `dotnet8=/path/to/dotnet,…`; found before any other."""
    hot_reload: str = "auto"
    """Folders of the host, separated by commas, under which code may be run in place; `auto`: any
    with open authentication, none with iam."""
    file_systems: str = ""
    """Folders that stand for access points of file systems, as `arn=/folder,…`."""
    image_folders: str = "auto"
    """Folders of the host, separated by commas, from which images may be read (oci:/folder and the
    like); `auto`: any with open authentication, none with iam."""
    registries: str = ""
    """Hosts that images may be pulled from, with their port, separated by commas; empty: any."""
    plain_registries: str = ""
    """Those of them that are spoken to without TLS; loopback is at all times."""
    docker_config: str = ""
    """The config.json with the logins of registries; empty: Docker's own."""
    stream_bytes_per_s: int = 2 * 1024 * 1024
    """What a streamed response may send a second after its first 6 MiB; 32 KiB to 64 MiB."""
    source_endpoints: str = ""
    """Where event source mappings find their sources if not here, as `sqs=https://host,…`."""
    source_credentials: str = ""
    """File in the form of AWS's own, whose default key signs calls to them; empty: each function's
    execution role does, as this server knows it."""
    auth: str = "open"
    """open | iam: `open` takes any credentials, `iam` verifies signatures and asks policies."""
    allow_open_network: bool = False
    """Whether open authentication may listen on an address that others reach."""
    role_session_s: float = 43_200.0
    """How long the credentials of an execution role last; 1 to 12 hours."""
    allow_reset: bool = False
    """Whether POST /_lambent/reset empties the server."""


EMULATORS_MAX = 64
AUTHS = ("open", "iam")
SWITCHES = ("auto", "off")
SOURCE_SERVICES = ("sqs",)
ROLE_SESSION_S_MIN = 3_600
ROLE_SESSION_S_MAX = 43_200
PORT_MAX = 65_535
_EMULATOR = re.compile(r"([a-zA-Z0-9_-]{1,64}(?::[a-zA-Z0-9$_-]{1,128})?)=([0-9]{1,5})")
_TRUE = {"1", "true", "yes", "on"}


def load_settings(environ: Mapping[str, str], overrides: Mapping[str, object]) -> Settings:
    """Settings from LAMBENT_* variables, then `overrides` (the command line); None means unset.

    Raises ValueError naming the variable whose value does not fit.
    """
    values: dict[str, object] = {}
    for name, kind in Settings.__annotations__.items():
        raw = environ.get(f"LAMBENT_{name.upper()}")
        if raw is not None and raw != "":
            values[name] = _convert(name, str(kind), raw)
    values.update({key: value for key, value in overrides.items() if value is not None})
    settings = Settings(**values)  # type: ignore[arg-type]  # each was converted by its annotation
    if settings.auth not in AUTHS:
        raise SettingError(f"LAMBENT_AUTH={settings.auth} is neither of {', '.join(AUTHS)}")
    for name in ("freeze", "snapshots"):
        if (value := getattr(settings, name)) not in SWITCHES:
            raise SettingError(
                f"LAMBENT_{name.upper()}={value} is neither of {', '.join(SWITCHES)}"
            )
    if not ROLE_SESSION_S_MIN <= settings.role_session_s <= ROLE_SESSION_S_MAX:
        raise SettingError(
            f"LAMBENT_ROLE_SESSION_S={settings.role_session_s} is not between"
            f" {ROLE_SESSION_S_MIN} and {ROLE_SESSION_S_MAX}"
        )
    rate, least, most = settings.stream_bytes_per_s, *STREAM_BYTES_PER_S_RANGE
    if not least <= rate <= most:
        raise SettingError(f"LAMBENT_STREAM_BYTES_PER_S={rate} is not between {least} and {most}")
    parse_file_systems(settings.file_systems)
    parse_source_endpoints(settings.source_endpoints)
    if parse_emulators(settings.rie) and settings.auth != "open":
        raise SettingError(
            "LAMBENT_RIE takes requests without signatures, which LAMBENT_AUTH=iam does not allow"
        )
    return settings


def parse_source_endpoints(text: str) -> dict[str, str]:
    """Service → URL. Raises ValueError, naming what does not fit."""
    endpoints: dict[str, str] = {}
    for item in filter(None, text.split(",")):
        service, _, url = item.partition("=")
        if service not in SOURCE_SERVICES or not url.startswith(("http://", "https://")):
            raise SettingError(f"LAMBENT_SOURCE_ENDPOINTS: {item!r} is not sqs=https://host")
        endpoints[service] = url.rstrip("/")
    return endpoints


def parse_file_systems(text: str) -> dict[str, Path]:
    """ARN of an access point → folder. Raises ValueError, naming what does not fit."""
    folders: dict[str, Path] = {}
    for item in filter(None, text.split(",")):
        arn, _, folder = item.partition("=")
        if not arn.startswith("arn:") or not folder.startswith("/"):
            raise SettingError(f"LAMBENT_FILE_SYSTEMS: {item!r} is not arn=/folder")
        folders[arn] = Path(folder)
    return folders


def parse_emulators(text: str) -> list[tuple[str, int]]:
    """Function (perhaps with a qualifier) and its port; 0 takes a free one. Raises ValueError."""
    emulators = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        match = _EMULATOR.fullmatch(item)
        if match is None or int(match[2]) > PORT_MAX:
            raise SettingError(f"LAMBENT_RIE: {item!r} is not FUNCTION=PORT, as hello=9000")
        emulators.append((match[1], int(match[2])))
    if len(emulators) > EMULATORS_MAX:
        raise SettingError(f"LAMBENT_RIE names more than {EMULATORS_MAX} functions")
    return emulators


def hot_reload_roots(settings: Settings) -> tuple[str, ...] | None:
    """The folders under which code may be run in place; None: anywhere."""
    return _folders(settings.hot_reload, settings)


def image_folders(settings: Settings) -> tuple[str, ...] | None:
    """The folders from which images may be read; None: anywhere."""
    return _folders(settings.image_folders, settings)


def _folders(text: str, settings: Settings) -> tuple[str, ...] | None:
    if text == "auto":
        return None if settings.auth == "open" else ()
    return tuple(filter(None, text.split(",")))


def _convert(name: str, kind: str, raw: str) -> object:
    try:
        match kind:
            case "int":
                return int(raw)
            case "float":
                return float(raw)
            case "bool":
                return raw.strip().lower() in _TRUE
            case "Path":
                return Path(raw)
            case _:
                return raw
    except ValueError:
        raise SettingError(f"LAMBENT_{name.upper()}={raw!r} is not a valid {kind}") from None
