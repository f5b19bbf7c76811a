"""What AWS requires of the options of a function beyond its model, and what they become; pure.

Texts are AWS's where [LS] or another source stands beside them; others are Lambent's own, because
no recording of AWS's was found.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Collection, Mapping
from typing import Any

from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError, invalid_parameter
from lambent.domain.function import FileSystem, FunctionVersion

HOT_RELOAD_BUCKET = "hot-reload"
"""[LS] LocalStack's convention: the S3Key is then a folder of the host."""
DEFAULT_LEVEL = "INFO"

_KMS_KEY = re.compile(
    r"^arn:aws[a-zA-Z-]*:kms:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):(?:key|alias)/\S+\Z"
)
_TARGET = re.compile(r"^arn:aws[a-zA-Z-]*:(?:sqs|sns):[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]+\Z")


def hot_reload_package() -> bytes:
    """The package that stands for every hot-reload folder; always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("hot-reload.txt")
        archive.writestr(entry, "The code of this function is a folder of the host.\n")
    return buffer.getvalue()


def check_hot_reload(folder: str) -> None:
    """Raise where the folder cannot be mounted. Texts: own, there is no such thing on AWS."""
    if not os.path.isabs(folder):
        raise invalid_parameter(
            f"A hot-reload folder is named by its absolute path in S3Key, not {folder!r}."
        )
    if not os.path.isdir(folder):
        raise invalid_parameter(
            f"The hot-reload folder {folder} is not there on the server's host. Make it, then try "
            "again."
        )


def is_under(path: str, root: str) -> bool:
    """Whether `path` is `root` or inside it; both without links."""
    return os.path.commonpath([path, root]) == root


def check_hot_reload_root(folder: str, roots: Collection[str] | None) -> None:
    """Raise where the operator lets no code be run from that folder. Text: own."""
    if not folder or roots is None:
        return
    real = os.path.realpath(folder)
    if any(is_under(real, os.path.realpath(root)) for root in roots):
        return
    raise LambdaError(
        "AccessDeniedException",
        f"This server runs no code from {folder}. Its operator allows folders with --hot-reload.",
    )


def check_dead_letter(arn: str) -> None:
    """Kinds: [DG] "an SQS queue or SNS topic", no FIFO. Texts: own."""
    if not arn:
        return
    if not _TARGET.match(arn):
        raise invalid_parameter(
            f"The provided dead-letter target {arn} is neither the ARN of an Amazon SQS queue nor "
            "of an Amazon SNS topic."
        )
    if arn.endswith(".fifo"):
        kind = "queue" if ":sqs:" in arn else "topic"
        raise invalid_parameter(f"A dead-letter {kind} must be a standard {kind}, not FIFO: {arn}")


def check_kms_key(arn: str, account: Account) -> None:
    """A key of this account and region is there as soon as it is named; no other ever is.

    Text: AWS's for a key that cannot be granted, as quoted in many issue threads; what it says of
    another account's key is UNVERIFIED.
    """
    found = _KMS_KEY.match(arn)
    if not arn or (found and found.groups() == (account.region, account.account_id)):
        return
    why = "InvalidArnException KMS Message: ARN does not refer to a valid principal"
    if found is not None and found["region"] == account.region:
        why = f"AccessDeniedException KMS Message: the key {arn} is another account's"
    raise invalid_parameter(
        "Lambda was unable to configure access to your environment variables because the KMS key "
        f"is invalid for CreateGrant. Please check your KMS key settings. KMS Exception: {why}"
    )


def check_file_systems(file_systems: tuple[FileSystem, ...], known: Collection[str]) -> None:
    """`known`: ARNs of access points that stand for folders of this host."""
    for one in file_systems:
        if os.path.basename(one.local_mount_path) in ("", ".", ".."):
            raise invalid_parameter(f"{one.local_mount_path} is no path that can be mounted at.")
        if one.arn not in known:
            raise invalid_parameter(
                f"EFS access point {one.arn} does not exist. Start Lambent with --file-systems "
                f"{one.arn}=/folder to have it stand for a folder of the host."
            )


def logging_fields(version: FunctionVersion, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `version` that a LoggingConfig sets; what it does not name stays.

    Levels are for JSON alone, where both are INFO unless said otherwise [DG].
    """
    log_format = given.get("LogFormat") or version.log_format
    levels = (given.get("ApplicationLogLevel"), given.get("SystemLogLevel"))
    if log_format != "JSON":
        if any(levels):  # [LS]
            raise invalid_parameter(
                'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from '
                'your request or change the LogFormat to "JSON" and try again.'
            )
        application = system = None
    else:
        application = levels[0] or version.application_log_level or DEFAULT_LEVEL
        system = levels[1] or version.system_log_level or DEFAULT_LEVEL
    return {
        "log_format": log_format,
        "application_log_level": application,
        "system_log_level": system,
        "log_group_name": given.get("LogGroup") or version.log_group_name,
    }
