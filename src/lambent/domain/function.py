"""Lambda's nouns as frozen values: what a function is, inert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from lambent.domain import limits
from lambent.domain.arns import LATEST
from lambent.domain.image import Image, ImageConfig


class State(StrEnum):
    """FunctionConfiguration.State."""

    PENDING = "Pending"
    ACTIVE = "Active"
    INACTIVE = "Inactive"
    FAILED = "Failed"
    DEACTIVATING = "Deactivating"
    DEACTIVATED = "Deactivated"
    ACTIVE_NON_INVOCABLE = "ActiveNonInvocable"
    DELETING = "Deleting"


class LastUpdateStatus(StrEnum):
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    IN_PROGRESS = "InProgress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A state or an update status with the reason AWS shows beside it."""

    value: str
    reason: str | None = None
    reason_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePackage:
    """A stored, validated deployment package."""

    digest: str
    """Hex SHA-256 of the zip as uploaded: the key of the folder in the code store."""
    sha256_b64: str
    """CodeSha256 as the API shows it."""
    size_bytes: int
    """CodeSize: the zip's."""
    unzipped_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRef:
    """A layer version as a function refers to it."""

    arn: str
    package: CodePackage


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerVersion:
    """One published version of a layer."""

    name: str
    version: int
    package: CodePackage
    description: str = ""
    created: str
    """ISO 8601 with milliseconds."""
    compatible_runtimes: tuple[str, ...] = ()
    compatible_architectures: tuple[str, ...] = ()
    license_info: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystem:
    """One FileSystemConfig."""

    arn: str
    """Of an access point."""
    local_mount_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionVersion:
    """Everything that an execution environment of one version is made from."""

    name: str
    arn: str
    """Unqualified."""
    version: str = LATEST
    runtime: str
    handler: str
    role: str
    code: CodePackage
    layers: tuple[LayerRef, ...] = ()
    description: str = ""
    memory_mib: int = limits.MEMORY_MIB_DEFAULT
    timeout_s: int = limits.TIMEOUT_S_DEFAULT
    ephemeral_mib: int = limits.EPHEMERAL_MIB_MIN
    environment: Mapping[str, str] | None = None
    architectures: tuple[str, ...] = ("x86_64",)
    dead_letter_arn: str = ""
    """DeadLetterConfig.TargetArn."""
    kms_key_arn: str = ""
    tracing_mode: str = "PassThrough"
    log_format: str = "Text"
    application_log_level: str | None = None
    system_log_level: str | None = None
    log_group_name: str = ""
    """LoggingConfig.LogGroup; empty for the function's own."""
    file_systems: tuple[FileSystem, ...] = ()
    tenant_isolation: str = ""
    """TenancyConfig.TenantIsolationMode."""
    snap_start: str = ""
    """SnapStart.ApplyOn where it is PublishedVersions; else empty."""
    optimized: bool = False
    """SnapStart.OptimizationStatus: whether its environments begin from a snapshot."""
    capacity_provider: Mapping[str, Any] | None = None
    """CapacityProviderConfig, as given."""
    image: Image | None = None
    """What PackageType Image runs; `code` then has the image's name, and there are no layers."""
    image_config: ImageConfig = field(default_factory=ImageConfig)
    next_image: Image | None = None
    """Of $LATEST: the image of an update that is under way; until it is here the other one runs."""
    hot_reload_folder: str = ""
    """A folder of this host that is mounted in place of a package."""
    signing_profile_version_arn: str = ""
    signing_job_arn: str = ""
    source_description: str | None = None
    """Of a published version: what $LATEST's description was, which PublishVersion may override."""
    last_modified: str = ""
    revision_id: str
    state: Status = field(default_factory=lambda: Status(value=State.PENDING))
    last_update: Status | None = None

    @property
    def log_group(self) -> str:
        return self.log_group_name or f"/aws/lambda/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function: its $LATEST, its published versions and its tags."""

    latest: FunctionVersion
    versions: Mapping[str, FunctionVersion] = field(default_factory=dict)
    """By number, as text, oldest first."""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.latest.name

    def every_version(self) -> list[FunctionVersion]:
        """$LATEST, then the published ones."""
        return [self.latest, *self.versions.values()]
