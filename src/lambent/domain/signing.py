"""Code signing: who may sign code, and which functions ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ENFORCE = "Enforce"
WARN = "Warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSigningConfig:
    key: str
    """CodeSigningConfigId, e.g. `csc-0123456789abcdef0`."""
    publishers: tuple[str, ...]
    """SigningProfileVersionArns of those whose code is trusted."""
    policy: str = WARN
    """UntrustedArtifactOnDeployment."""
    description: str = ""
    last_modified: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCodeSigning:
    """That a function's deployments are checked."""

    config: str
    """The config's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningProfile:
    """One version of a signing profile, with the secret that its signatures are made with."""

    name: str
    version: str
    """Ten letters and digits."""
    secret: str
    """32 random bytes as hex; never leaves the server."""
    validity_s: float
    """How long a signature is good for."""
    validity: Mapping[str, str]
    """The same as it was asked for: value and type."""
    status: str = "Active"
    """Active, Canceled or Revoked."""
    revoked_from_s: float | None = None
    """Signatures made from this moment on are void."""
    revocation_reason: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningJob:
    """One signature that was made."""

    profile: str
    """Name and version of the profile, as name/version."""
    signed_s: float
    expires_s: float
    revoked: bool = False
    revocation_reason: str = ""
    revoked_s: float = 0
