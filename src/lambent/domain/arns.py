"""Names and ARNs of functions and layers: parsed once, at the boundary."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from lambent.domain.errors import invalid_parameter, resource_not_found
from lambent.domain.limits import FUNCTION_NAME_MAX

LATEST = "$LATEST"
LATEST_PUBLISHED = "$LATEST.PUBLISHED"
"""The version without a number of a function on a capacity provider: published over and over."""
PARTITION = "aws"

_FUNCTION = re.compile(
    r"^(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?\Z"
)

_LAYER = re.compile(
    r"^(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:)?"
    r"(?P<name>[a-zA-Z0-9-_]{1,140})(?::(?P<version>[0-9]{1,18}))?\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose resources these are."""

    account_id: str = "000000000000"
    region: str = "us-east-1"

    def function_arn(self, name: str, qualifier: str | None = None) -> str:
        suffix = f":{qualifier}" if qualifier else ""
        return f"arn:{PARTITION}:lambda:{self.region}:{self.account_id}:function:{name}{suffix}"

    def layer_arn(self, name: str, version: int | None = None) -> str:
        suffix = f":{version}" if version is not None else ""
        return f"arn:{PARTITION}:lambda:{self.region}:{self.account_id}:layer:{name}{suffix}"

    def event_source_mapping_arn(self, key: str) -> str:
        return f"arn:{PARTITION}:lambda:{self.region}:{self.account_id}:event-source-mapping:{key}"

    def runtime_arn(self, runtime: str) -> str:
        """AWS names each build of a runtime by a hash; here it is a hash of the runtime's name."""
        digest = hashlib.sha256(runtime.encode()).hexdigest()
        return f"arn:{PARTITION}:lambda:{self.region}::runtime:{digest}"

    def code_signing_arn(self, key: str) -> str:
        return f"arn:{PARTITION}:lambda:{self.region}:{self.account_id}:code-signing-config:{key}"

    def signer_arn(self, kind: str, key: str) -> str:
        """Of AWS Signer: `signing-profiles` with name/version, `signing-jobs` with the id."""
        return f"arn:{PARTITION}:signer:{self.region}:{self.account_id}:/{kind}/{key}"

    def role_arn(self, name: str, path: str = "/") -> str:
        return f"arn:{PARTITION}:iam::{self.account_id}:role{path}{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRef:
    """A function as a caller named it: bare name, partial or full ARN, perhaps with a qualifier."""

    name: str
    qualifier: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerName:
    """A layer, or one version of it, as a caller named it; None where a bare name left it open."""

    name: str
    version: int | None
    region: str | None
    account_id: str | None


def parse_layer_name(text: str) -> LayerName:
    """The layer that `text` names: bare name, ARN, or ARN of a version.

    Raises LambdaError InvalidParameterValueException for anything else.
    """
    match = _LAYER.match(text)
    if match is None:
        raise invalid_parameter(f"Invalid layer name or ARN: {text}")
    version = match["version"]
    return LayerName(
        name=match["name"],
        version=int(version) if version else None,
        region=match["region"],
        account_id=match["account"],
    )


def parse_function_ref(text: str, account: Account, *, qualifier: str | None = None) -> FunctionRef:
    """The function that `text` names, with the qualifier from there or from the request.

    Raises LambdaError: another region (ResourceNotFoundException), a contradiction between the two
    qualifiers, a name over 64 characters (InvalidParameterValueException). Source: facts, 'Errors'.
    """
    match = _FUNCTION.match(text)
    if match is None:
        raise invalid_parameter(f"Invalid function name or ARN: {text}")
    region, owner, name = match["region"], match["account"], match["name"]
    if len(name) > FUNCTION_NAME_MAX:
        raise invalid_parameter(
            f"Function name {name} is longer than {FUNCTION_NAME_MAX} characters."
        )
    if region is not None and region != account.region:
        raise resource_not_found(
            f"Functions from '{region}' are not reachable in this region ('{account.region}')"
        )
    if owner is not None and owner != account.account_id:
        raise resource_not_found(f"Function not found: {text}")
    named = match["qualifier"]
    if named is not None and qualifier is not None and named != qualifier:
        raise invalid_parameter(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionRef(name=name, qualifier=named or qualifier)
