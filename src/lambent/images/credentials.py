"""Who this server is to a registry: a docker config.json, as `docker login` leaves it.

Read anew for each image, so that a login takes effect at once. Source: Docker CLI documentation,
"Credential stores"; helpers are programs that answer `get` with JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambent.images.errors import ImageDenied
from lambent.images.reference import DOCKER_HUB

HELPER_TIMEOUT_S = 20.0

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", DOCKER_HUB)
_HELPER = re.compile(r"[A-Za-z0-9._-]+")
_TOKEN_USER = "<token>"
"""What a helper names the user of an identity token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user and a password, or a token that is exchanged for others."""

    user: str = ""
    password: str = ""
    identity_token: str = ""

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def config_path(setting: str, environ: Mapping[str, str]) -> Path:
    """Where the file is: the setting, else $DOCKER_CONFIG, else the home's."""
    if setting:
        return Path(setting)
    folder = environ.get("DOCKER_CONFIG") or os.path.join(environ.get("HOME", "/root"), ".docker")
    return Path(folder) / "config.json"


def find_login(path: Path, host: str) -> Login | None:
    """Of a registry; None where there is none. Blocks. Raises ImageDenied, saying what is wrong."""
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ImageDenied(f"The credentials in {path} cannot be read: {error}") from None
    if not isinstance(config, dict):
        raise ImageDenied(f"The credentials in {path} are no JSON object.")
    keys = _HUB_KEYS if host == DOCKER_HUB else (host, f"https://{host}", f"https://{host}/")
    for key in keys:
        helper = _member(config, "credHelpers").get(key)
        if helper:
            return _ask_helper(str(helper), key)
    for key in keys:
        entry = _member(config, "auths").get(key)
        if isinstance(entry, dict) and (login := _parse_entry(entry)) is not None:
            return login
    if store := config.get("credsStore"):
        return _ask_helper(str(store), keys[0])
    return None


def _member(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def _parse_entry(entry: Mapping[str, Any]) -> Login | None:
    token = str(entry.get("identitytoken") or "")
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            pair = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise ImageDenied("An `auth` of the docker config.json is no base64.") from None
        user, _, password = pair.partition(":")
        password = password.rstrip("\0")
    if not (token or user):
        return None
    return Login(user=user, password=password, identity_token=token)


def _ask_helper(name: str, key: str) -> Login | None:
    """Of the program docker-credential-<name>, which the operator's own config.json names."""
    if not _HELPER.fullmatch(name):
        raise ImageDenied(f"{name!r} is no name of a credential helper.")
    try:
        answer = subprocess.run(
            [f"docker-credential-{name}", "get"],
            input=key.encode(),
            capture_output=True,
            timeout=HELPER_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageDenied(f"The credential helper {name} failed: {error}") from None
    try:
        found = json.loads(answer.stdout) if answer.returncode == 0 else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return None  # it has none for this registry
    user, secret = str(found.get("Username") or ""), str(found.get("Secret") or "")
    if user == _TOKEN_USER:
        return Login(identity_token=secret)
    return Login(user=user, password=secret)
