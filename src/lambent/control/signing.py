"""Signing profiles of this server: made, revoked, and asked to sign."""

from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import replace

from lambent.clock import Clock
from lambent.control.kinds import SIGNING_JOBS, SIGNING_PROFILES
from lambent.control.registry import Registry
from lambent.control.resources import ACCOUNT, Put
from lambent.control.signatures import Signature, format_signature, is_genuine, make_mac
from lambent.domain import limits
from lambent.domain.errors import LambdaError
from lambent.domain.signing import SigningJob, SigningProfile

_LETTERS = string.ascii_letters + string.digits
_DAY_S = 24 * 3600.0
# [B] signatureValidityPeriod; a month of 30 days and a year of 365 are ours.
_PERIODS_S = {"DAYS": _DAY_S, "MONTHS": 30 * _DAY_S, "YEARS": 365 * _DAY_S}
_DEFAULT_VALIDITY = {"value": "135", "type": "MONTHS"}  # AWS Signer's default for Lambda


class Signing:
    """Profiles and signatures of one account."""

    def __init__(self, registry: Registry, *, clock: Clock) -> None:
        self._registry = registry
        self._clock = clock

    async def put_profile(
        self, name: str, validity: Mapping[str, str] | None, tags: Mapping[str, str]
    ) -> SigningProfile:
        """A new profile; of a name that is in use only once the old one was ended."""
        validity = dict(validity or _DEFAULT_VALIDITY)
        async with self._registry.settling:
            current = self.newest(name)
            if current is not None and current.status == "Active":
                raise invalid(f"The signing profile {name} is there already.")
            profile = SigningProfile(
                name=name,
                version="".join(secrets.choice(_LETTERS) for _ in range(10)),
                secret=secrets.token_hex(32),
                validity_s=_seconds(validity),
                validity=validity,
                tags=tags,
            )
            await self._put_profile(profile)
        return profile

    def newest(self, name: str) -> SigningProfile | None:
        """The version of the profile that was made last."""
        found = None
        for profile in self._registry.resources.of(SIGNING_PROFILES, ACCOUNT).values():
            if profile.name == name:
                found = profile
        return found

    def find_profile(self, name: str) -> SigningProfile:
        """Raises ResourceNotFoundException."""
        profile = self.newest(name)
        if profile is None:
            raise not_found(f"There is no signing profile {name}.")
        return profile

    def profiles(self) -> list[SigningProfile]:
        """The newest version of each, by name."""
        newest = {
            profile.name: profile
            for profile in self._registry.resources.of(SIGNING_PROFILES, ACCOUNT).values()
        }
        return [newest[name] for name in sorted(newest)]

    async def cancel_profile(self, name: str) -> None:
        """No further signatures; those that were made stay good."""
        async with self._registry.settling:
            await self._put_profile(replace(self.find_profile(name), status="Canceled"))

    async def revoke_profile(self, name: str, version: str, *, reason: str, from_s: float) -> None:
        """Signatures of that version from `from_s` on are void."""
        async with self._registry.settling:
            key = f"{name}/{version}"
            profile = self._registry.resources.get(SIGNING_PROFILES, ACCOUNT, key)
            if profile is None:
                raise not_found(f"There is no signing profile {name} of version {version}.")
            await self._put_profile(
                replace(profile, status="Revoked", revoked_from_s=from_s, revocation_reason=reason)
            )

    async def sign(self, name: str, payload: bytes) -> tuple[str, bytes]:
        """Job id and signature of `payload`."""
        async with self._registry.settling:
            profile = self.find_profile(name)
            if profile.status != "Active":
                raise invalid(f"The signing profile {name} is {profile.status}.")
            jobs = self._registry.resources.of(SIGNING_JOBS, ACCOUNT)
            if len(jobs) >= limits.SIGNING_JOBS_MAX:
                raise LambdaError(
                    "TooManyRequestsException",
                    f"This server keeps at most {limits.SIGNING_JOBS_MAX} signatures.",
                )
            job_id, now_s = str(uuid.uuid4()), self._clock.wall_s()
            job = SigningJob(
                profile=f"{name}/{profile.version}",
                signed_s=now_s,
                expires_s=now_s + profile.validity_s,
            )
            account = self._registry.account
            unsigned = Signature(
                profile_version_arn=account.signer_arn("signing-profiles", job.profile),
                job_arn=account.signer_arn("signing-jobs", job_id),
                signed_s=job.signed_s,
                expires_s=job.expires_s,
            )
            await self._registry.change(
                self._registry.begin(), [Put(SIGNING_JOBS, ACCOUNT, job_id, job)]
            )
        signature = replace(unsigned, mac=make_mac(unsigned, payload, profile.secret))
        return job_id, format_signature(signature)

    def find_job(self, job_id: str) -> SigningJob:
        """Raises ResourceNotFoundException."""
        job = self._registry.resources.get(SIGNING_JOBS, ACCOUNT, job_id)
        if job is None:
            raise not_found(f"There is no signing job {job_id}.")
        return job

    async def revoke_signature(self, job_id: str, reason: str) -> None:
        """That one signature is void."""
        async with self._registry.settling:
            revoked = replace(
                self.find_job(job_id),
                revoked=True,
                revocation_reason=reason,
                revoked_s=self._clock.wall_s(),
            )
            await self._registry.change(
                self._registry.begin(), [Put(SIGNING_JOBS, ACCOUNT, job_id, revoked)]
            )

    def is_genuine(self, signature: Signature, payload: bytes) -> bool | None:
        """Whether the profile it names signed that; None where the profile is not one of ours."""
        profile = self._profile_of(signature)
        return None if profile is None else is_genuine(signature, payload, profile.secret)

    def is_expired(self, signature: Signature) -> bool:
        return self._clock.wall_s() >= signature.expires_s

    def is_revoked(self, signature: Signature) -> bool:
        """The signature itself, or its profile from before it was made."""
        job_id = signature.job_arn.rpartition("/")[2]
        job = self._registry.resources.get(SIGNING_JOBS, ACCOUNT, job_id)
        profile = self._profile_of(signature)
        return bool(
            (job is not None and job.revoked)
            or (
                profile is not None
                and profile.revoked_from_s is not None
                and signature.signed_s >= profile.revoked_from_s
            )
        )

    def _profile_of(self, signature: Signature) -> SigningProfile | None:
        key = "/".join(signature.profile_version_arn.split("/")[-2:])
        profile = self._registry.resources.get(SIGNING_PROFILES, ACCOUNT, key)
        arn = self._registry.account.signer_arn("signing-profiles", key)
        return profile if arn == signature.profile_version_arn else None

    async def _put_profile(self, profile: SigningProfile) -> None:
        key = f"{profile.name}/{profile.version}"
        await self._registry.change(
            self._registry.begin(), [Put(SIGNING_PROFILES, ACCOUNT, key, profile)]
        )


def _seconds(validity: Mapping[str, str]) -> float:
    unit = _PERIODS_S.get(validity.get("type", ""))
    value = validity.get("value", "")
    if unit is None or not value.isdecimal() or not 1 <= int(value) <= 10_000:
        raise invalid(f"The signature validity period {dict(validity)} is not valid.")
    return int(value) * unit


def invalid(message: str) -> LambdaError:
    """AWS Signer's error for bad input; its texts are not known."""
    return LambdaError("ValidationException", message)


def not_found(message: str) -> LambdaError:
    return LambdaError("ResourceNotFoundException", message)
