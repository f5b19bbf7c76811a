"""Signer's operations: profiles, and signatures over payloads that the caller computed.

Signing jobs that read from S3 and write there need an S3; `lambent sign` uses SignPayload instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.control.signatures import PAYLOAD_FORMAT
from lambent.control.signing import Signing, invalid, not_found
from lambent.domain.arns import Account
from lambent.domain.request import Handler, RequestContext
from lambent.domain.signing import SigningProfile

Shape = dict[str, Any]

PLATFORM_ID = "AWSLambda-SHA384-ECDSA"
PLATFORM_NAME = "AWS Lambda"


class Signer:
    """One method an operation."""

    def __init__(self, signing: Signing) -> None:
        self._signing = signing

    @property
    def operations(self) -> Mapping[str, Handler]:
        return {
            "PutSigningProfile": self.put_signing_profile,
            "GetSigningProfile": self.get_signing_profile,
            "ListSigningProfiles": self.list_signing_profiles,
            "CancelSigningProfile": self.cancel_signing_profile,
            "RevokeSigningProfile": self.revoke_signing_profile,
            "SignPayload": self.sign_payload,
            "DescribeSigningJob": self.describe_signing_job,
            "RevokeSignature": self.revoke_signature,
        }

    async def put_signing_profile(self, params: Shape, context: RequestContext) -> Shape:
        if params["platformId"] != PLATFORM_ID:
            raise invalid(f"Lambent signs only for the platform {PLATFORM_ID}.")
        for option in ("signingMaterial", "overrides", "signingParameters"):
            if params.get(option):
                raise invalid(f"Lambent does not support the option {option}.")
        validity = params.get("signatureValidityPeriod")
        if validity is not None:
            validity = {key: str(value) for key, value in validity.items()}
        profile = await self._signing.put_profile(
            params["profileName"], validity, params.get("tags") or {}
        )
        return _names(profile, context.account)

    async def get_signing_profile(self, params: Shape, context: RequestContext) -> Shape:
        owner = params.get("profileOwner")
        if owner not in (None, context.account.account_id):
            raise not_found(f"There is no signing profile of the account {owner}.")
        profile = self._signing.find_profile(params["profileName"])
        shape = _describe(profile, context.account)
        if profile.revoked_from_s is not None:
            shape["revocationRecord"] = {"revocationEffectiveFrom": profile.revoked_from_s}
            shape["statusReason"] = profile.revocation_reason
        return shape

    async def list_signing_profiles(self, params: Shape, context: RequestContext) -> Shape:
        statuses = params.get("statuses")
        with_canceled = bool(params.get("includeCanceled"))
        found = [
            _describe(profile, context.account)
            for profile in self._signing.profiles()
            if (profile.status in statuses if statuses else True)
            and (with_canceled or statuses or profile.status != "Canceled")
            and params.get("platformId") in (None, PLATFORM_ID)
        ]
        after = params.get("nextToken") or ""
        ahead = [one for one in found if one["profileName"] > after]
        page = ahead[: params.get("maxResults") or 25]
        more = {"nextToken": page[-1]["profileName"]} if len(ahead) > len(page) else {}
        return {"profiles": page, **more}

    async def cancel_signing_profile(self, params: Shape, context: RequestContext) -> Shape:
        await self._signing.cancel_profile(params["profileName"])
        return {}

    async def revoke_signing_profile(self, params: Shape, context: RequestContext) -> Shape:
        await self._signing.revoke_profile(
            params["profileName"],
            params["profileVersion"],
            reason=params["reason"],
            from_s=params["effectiveTime"].timestamp(),
        )
        return {}

    async def sign_payload(self, params: Shape, context: RequestContext) -> Shape:
        if params["payloadFormat"] != PAYLOAD_FORMAT:
            raise invalid(f"Lambent signs only payloads of the format {PAYLOAD_FORMAT}.")
        job_id, signature = await self._signing.sign(
            params["profileName"], bytes(params["payload"])
        )
        return {
            "jobId": job_id,
            "jobOwner": context.account.account_id,
            "metadata": {},
            "signature": signature,
        }

    async def describe_signing_job(self, params: Shape, context: RequestContext) -> Shape:
        job = self._signing.find_job(params["jobId"])
        name, _, version = job.profile.partition("/")
        shape: Shape = {
            "jobId": params["jobId"],
            "platformId": PLATFORM_ID,
            "platformDisplayName": PLATFORM_NAME,
            "profileName": name,
            "profileVersion": version,
            "createdAt": job.signed_s,
            "completedAt": job.signed_s,
            "signatureExpiresAt": job.expires_s,
            "status": "Succeeded",
            "jobOwner": context.account.account_id,
        }
        if job.revoked:
            shape["revocationRecord"] = {
                "reason": job.revocation_reason,
                "revokedAt": job.revoked_s,
            }
        return shape

    async def revoke_signature(self, params: Shape, context: RequestContext) -> Shape:
        await self._signing.revoke_signature(params["jobId"], params["reason"])
        return {}


def _names(profile: SigningProfile, account: Account) -> Shape:
    return {
        "arn": account.signer_arn("signing-profiles", profile.name),
        "profileVersion": profile.version,
        "profileVersionArn": account.signer_arn(
            "signing-profiles", f"{profile.name}/{profile.version}"
        ),
    }


def _describe(profile: SigningProfile, account: Account) -> Shape:
    shape: Shape = {
        **_names(profile, account),
        "profileName": profile.name,
        "platformId": PLATFORM_ID,
        "platformDisplayName": PLATFORM_NAME,
        "signatureValidityPeriod": {
            "value": int(profile.validity["value"]),
            "type": profile.validity["type"],
        },
        "status": profile.status,
    }
    if profile.tags:
        shape["tags"] = dict(profile.tags)
    return shape
