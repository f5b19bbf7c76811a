"""Code signing configs, which functions have one, and what that means for a deployment.

Texts are [LS] (TestCodeSigningConfig, recorded from AWS), but for those that say otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from lambent.clock import Clock, format_iso_ms
from lambent.control import rules
from lambent.control.kinds import CODE_SIGNING_CONFIGS, FUNCTION_CODE_SIGNING
from lambent.control.paging import Page, take_page
from lambent.control.registry import Registry
from lambent.control.resources import ACCOUNT, Put, Remove
from lambent.control.signatures import (
    BrokenSignature,
    Signature,
    package_payload,
    read_signature,
)
from lambent.control.signing import Signing
from lambent.domain.errors import (
    LambdaError,
    invalid_parameter,
    resource_conflict,
    resource_not_found,
)
from lambent.domain.function import LayerRef
from lambent.domain.signing import ENFORCE, WARN, CodeSigningConfig, FunctionCodeSigning

PAGE_MAX = 50  # [own] the model lets 10,000 be asked for

_LETTERS = string.ascii_lowercase + string.digits

log = logging.getLogger("lambent")


class CodeSigning:
    """The operations on code signing configs of one account."""

    def __init__(self, registry: Registry, signing: Signing, *, clock: Clock) -> None:
        self._registry = registry
        self._signing = signing
        self._clock = clock
        self._attaching: Counter[str] = Counter()

    # Configs

    async def create(
        self,
        *,
        description: str,
        publishers: Sequence[str],
        policy: str | None,
        tags: Mapping[str, str],
    ) -> CodeSigningConfig:
        self._check_publishers(publishers)
        rules.check_tags(tags)
        config = CodeSigningConfig(
            key="csc-" + "".join(secrets.choice(_LETTERS) for _ in range(17)),
            publishers=tuple(publishers),
            policy=policy or WARN,
            description=description,
            last_modified=self._now(),
            tags=dict(tags),
        )
        await self._put(config)
        return config

    def get(self, arn: str) -> CodeSigningConfig:
        """Raises ResourceNotFoundException."""
        config = self._find(arn)
        if config is None:
            raise resource_not_found(
                f"The Lambda code signing configuration {arn} can not be found."
            )
        return config

    def list(self, *, marker: str | None, items_max: int | None) -> Page[CodeSigningConfig]:
        """By id."""
        configs = self._registry.resources.of(CODE_SIGNING_CONFIGS, ACCOUNT)
        return take_page(
            sorted(configs),
            configs.__getitem__,
            marker=marker,
            items_max=min(items_max or PAGE_MAX, PAGE_MAX),
        )

    async def update(
        self,
        arn: str,
        *,
        description: str | None,
        publishers: Sequence[str] | None,
        policy: str | None,
    ) -> CodeSigningConfig:
        """What is given replaces what was; it holds from the next deployment on."""
        async with self._registry.settling:
            config = self.get(arn)
            if publishers is not None:
                self._check_publishers(publishers)
            changed = replace(
                config,
                description=config.description if description is None else description,
                publishers=config.publishers if publishers is None else tuple(publishers),
                policy=policy or config.policy,
                last_modified=self._now(),
            )
            await self._put(changed)
        return changed

    async def delete(self, arn: str) -> None:
        """Refused while a function uses it. Text: unverified."""
        async with self._registry.settling:
            config = self.get(arn)
            if self._attaching[config.key] or self._users(config):
                raise resource_conflict(
                    f"The code signing configuration {arn} is in use by a function."
                )
            await self._registry.change(
                self._registry.begin(), [Remove(CODE_SIGNING_CONFIGS, ACCOUNT, config.key)]
            )

    def functions(self, arn: str, *, marker: str | None, items_max: int | None) -> Page[str]:
        """ARNs of the functions that use it, by name."""
        return take_page(
            sorted(self._users(self.get(arn))),
            self._registry.account.function_arn,
            marker=marker,
            items_max=min(items_max or PAGE_MAX, PAGE_MAX),
        )

    # Tags, for `Tags`

    def tags_of(self, key: str) -> Mapping[str, str]:
        """Raises ResourceNotFoundException."""
        return self.get(self._registry.account.code_signing_arn(key)).tags

    async def change_tags(
        self, key: str, change: Callable[[Mapping[str, str]], dict[str, str]]
    ) -> None:
        async with self._registry.settling:
            config = self.get(self._registry.account.code_signing_arn(key))
            await self._put(replace(config, tags=change(config.tags)))

    # Functions

    async def attach(self, name: str, arn: str) -> None:
        with self.attaching(arn) as config:
            self._registry.find(name)
            with self._registry.changing(name) as generation:
                async with self._registry.settling:
                    self._registry.find(name)
                    await self._registry.change(generation, [attachment(name, config)])

    async def detach(self, name: str) -> None:
        """Quiet where the function has none [LS]."""
        self._registry.find(name)
        with self._registry.changing(name) as generation:
            async with self._registry.settling:
                self._registry.find(name)
                if self.of(name) is not None:
                    removal = Remove(FUNCTION_CODE_SIGNING, name, name)
                    await self._registry.change(generation, [removal])

    def of(self, name: str) -> CodeSigningConfig | None:
        """The config that the function's deployments are held to."""
        attached = self._registry.resources.get(FUNCTION_CODE_SIGNING, name, name)
        if attached is None:
            return None
        return self._registry.resources.get(CODE_SIGNING_CONFIGS, ACCOUNT, attached.config)

    def of_function(self, name: str) -> CodeSigningConfig | None:
        """The same; raises ResourceNotFoundException where the function is not there."""
        self._registry.find(name)
        return self.of(name)

    @contextmanager
    def attaching(self, arn: str) -> Iterator[CodeSigningConfig]:
        """The config, which cannot be deleted inside. CodeSigningConfigNotFoundException."""
        config = self._find(arn)
        if config is None:
            raise LambdaError(
                "CodeSigningConfigNotFoundException",
                "The code signing configuration cannot be found. Check that the provided "
                f"configuration is not deleted: {arn}.",
                Type="User",
            )
        self._attaching[config.key] += 1
        try:
            yield config
        finally:
            self._attaching[config.key] -= 1
            self._attaching += Counter()  # drops what is back at nothing

    # Deployments

    async def check_code(
        self, config: CodeSigningConfig, what: str, content: bytes
    ) -> tuple[str, str]:
        """ARNs of the profile version and the job that signed; empty where nobody did.

        `what` is deployed, by name. Raises InvalidCodeSignatureException for a signature that does
        not fit the package, whatever the policy; CodeVerificationFailedException for one that is
        missing, expired, revoked or of somebody else, where the policy is Enforce.
        """
        try:
            signature, payload = await asyncio.to_thread(_read, content)
        except BrokenSignature:
            raise _broken(what) from None
        problem = self._problem(config, what, signature, payload)
        if problem is not None:
            log.warning("%s is deployed with %s (code signing: %s)", what, problem, config.policy)
            if config.policy == ENFORCE:  # AWS's text: aws/aws-cdk#29474
                raise LambdaError(
                    "CodeVerificationFailedException",
                    "Lambda cannot deploy the function. The function or layer might be signed "
                    "using a signature that the client is not configured to accept. Check the "
                    f"provided signature for {what}.",
                    Type="User",
                )
        if signature is None:
            return "", ""
        return signature.profile_version_arn, signature.job_arn

    async def check_layers(self, config: CodeSigningConfig, layers: Sequence[LayerRef]) -> None:
        """The same for layers that a function is to have."""
        for layer in layers:
            path = self._registry.files.zip_path(layer.package.digest)
            content = await asyncio.to_thread(path.read_bytes)
            await self.check_code(config, layer.arn, content)

    def _problem(
        self, config: CodeSigningConfig, what: str, signature: Signature | None, payload: bytes
    ) -> str | None:
        if signature is None:
            return "no signature"
        genuine = self._signing.is_genuine(signature, payload)
        if genuine is False:
            raise _broken(what)
        if genuine is None or signature.profile_version_arn not in config.publishers:
            return "the signature of a publisher that is not allowed"
        if self._signing.is_expired(signature):
            return "a signature that has expired"
        if self._signing.is_revoked(signature):
            return "a signature that was revoked"
        return None

    def _find(self, arn: str) -> CodeSigningConfig | None:
        key = arn.rpartition(":")[2]
        if arn != self._registry.account.code_signing_arn(key):
            return None
        return self._registry.resources.get(CODE_SIGNING_CONFIGS, ACCOUNT, key)

    def _users(self, config: CodeSigningConfig) -> Sequence[str]:
        return [
            name
            for name, _, attached in self._registry.resources.every(FUNCTION_CODE_SIGNING)
            if attached.config == config.key
        ]

    def _check_publishers(self, publishers: Sequence[str]) -> None:
        for arn in publishers:
            if ":signer:" not in arn or ":/signing-profiles/" not in arn:  # text unverified
                raise invalid_parameter(f"{arn} is not the ARN of a signing profile version.")

    async def _put(self, config: CodeSigningConfig) -> None:
        await self._registry.change(
            self._registry.begin(), [Put(CODE_SIGNING_CONFIGS, ACCOUNT, config.key, config)]
        )

    def _now(self) -> str:
        return format_iso_ms(self._clock.wall_s())


def attachment(name: str, config: CodeSigningConfig) -> Put:
    """The change by which a function gets the config."""
    return Put(FUNCTION_CODE_SIGNING, name, name, FunctionCodeSigning(config=config.key))


def _read(content: bytes) -> tuple[Signature | None, bytes]:
    signature = read_signature(content)
    return signature, b"" if signature is None else package_payload(content)


def _broken(what: str) -> LambdaError:
    """The words are the model's [B]; AWS's own text is not known."""
    return LambdaError(
        "InvalidCodeSignatureException",
        f"The code signature of {what} failed the integrity check.",
        Type="User",
    )
