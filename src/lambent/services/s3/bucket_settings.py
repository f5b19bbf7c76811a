"""What else buckets are set to: policies, tags, and what is kept or told of the rest."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from lambent.policy.document import (
    EVERYONE,
    Effect,
    PolicyDocument,
    PolicyKind,
    PolicySyntaxError,
    Statement,
    parse_policy,
)
from lambent.services.s3 import describe
from lambent.services.s3.calls import Answer, Call, S3Handler
from lambent.services.s3.errors import S3Error
from lambent.services.s3.model import Bucket
from lambent.services.s3.objects import owner_acl
from lambent.services.s3.state import State

POLICY_BYTES_MAX = 20 * 1024  # S3 User Guide, "Bucket policies"
TAGS_MAX = 50  # S3 User Guide, "Using cost allocation S3 bucket tags"

_BLOCK = "PublicAccessBlockConfiguration"
_BLOCK_DEFAULT = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
"""S3 User Guide, "Blocking public access": of new buckets, since April 2023."""
_ENCRYPTION = "ServerSideEncryptionConfiguration"
_ABSENT = {
    "GetBucketCors": "NoSuchCORSConfiguration",
    "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
    "GetBucketReplication": "ReplicationConfigurationNotFoundError",
    "GetBucketWebsite": "NoSuchWebsiteConfiguration",
    "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
}
"""Cannot be set: the answer of a bucket without."""
_EMPTY: dict[str, dict[str, Any]] = {
    "GetBucketAccelerateConfiguration": {},
    "GetBucketLogging": {},
    "GetBucketRequestPayment": {"Payer": "BucketOwner"},
}
_ENCRYPTION_DEFAULT = {
    "Rules": [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": False,
        }
    ]
}
"""S3 User Guide, "Default encryption FAQ": what every bucket begins with."""


class BucketSettings:
    """One method an operation, or one for a kind of them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._parsed: dict[str, PolicyDocument] = {}

    def handlers(self) -> Mapping[str, S3Handler]:
        handlers: dict[str, S3Handler] = {
            "GetBucketPolicy": self.get_bucket_policy,
            "PutBucketPolicy": self.put_bucket_policy,
            "DeleteBucketPolicy": self._deleting("policy"),
            "GetBucketTagging": self.get_bucket_tagging,
            "PutBucketTagging": self.put_bucket_tagging,
            "DeleteBucketTagging": self._deleting("tagging"),
            "GetBucketAcl": self.get_bucket_acl,
            "GetPublicAccessBlock": self.get_public_access_block,
            "PutPublicAccessBlock": self.put_public_access_block,
            "DeletePublicAccessBlock": self.delete_public_access_block,
            "GetBucketOwnershipControls": self.get_bucket_ownership_controls,
            "PutBucketOwnershipControls": self.put_bucket_ownership_controls,
            "DeleteBucketOwnershipControls": self._deleting("ownershipControls"),
            "GetBucketEncryption": self.get_bucket_encryption,
            "PutBucketEncryption": self.put_bucket_encryption,
            "DeleteBucketEncryption": self._deleting(_ENCRYPTION),
        }
        for name, code in _ABSENT.items():
            handlers[name] = self._refusing(code)
        for name, result in _EMPTY.items():
            handlers[name] = self._telling(result)
        return handlers

    def documents(self, arn: str) -> list[PolicyDocument]:
        """The policy in force on a bucket or an object, for those who decide on access."""
        bucket = self._state.buckets.get(arn.removeprefix("arn:aws:s3:::").partition("/")[0])
        text = None if bucket is None else bucket.configuration.get("policy")
        if text is None:
            return []
        if text not in self._parsed:
            if len(self._parsed) > 1_000:
                self._parsed.clear()
            self._parsed[text] = parse_policy(text, kind=PolicyKind.RESOURCE)
        document = self._parsed[text]
        if bucket is not None and _block(bucket).get("RestrictPublicBuckets"):
            kept = tuple(one for one in document.statements if not _lets_everybody_in(one))
            document = replace(document, statements=kept)
        return [document]

    async def get_bucket_policy(self, call: Call) -> Answer:
        policy = self._state.bucket(call.bucket, call.params).configuration.get("policy")
        if policy is None:
            raise S3Error("NoSuchBucketPolicy", BucketName=call.bucket)
        return Answer(result={"Policy": policy})

    async def put_bucket_policy(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        text = call.params["Policy"]
        _check_policy(text, bucket)
        await self._state.change(call.bucket, changes={"policy": text})
        return Answer(status=204)

    async def get_bucket_tagging(self, call: Call) -> Answer:
        tags = self._state.bucket(call.bucket, call.params).configuration.get("tagging")
        if not tags:
            raise S3Error("NoSuchTagSet", BucketName=call.bucket)
        return Answer(result={"TagSet": describe.tag_set(tags)})

    async def put_bucket_tagging(self, call: Call) -> Answer:
        self._state.bucket(call.bucket, call.params)
        tags = describe.check_tags(call.params["Tagging"]["TagSet"], TAGS_MAX)
        await self._state.change(call.bucket, changes={"tagging": dict(tags) or None})
        return Answer(status=204)

    async def get_bucket_acl(self, call: Call) -> Answer:
        self._state.bucket(call.bucket, call.params)
        return Answer(result=owner_acl(self._state.account.account_id))

    async def get_public_access_block(self, call: Call) -> Answer:
        block = _block(self._state.bucket(call.bucket, call.params))
        if not block:
            raise S3Error("NoSuchPublicAccessBlockConfiguration", BucketName=call.bucket)
        return Answer(result={_BLOCK: block})

    async def put_public_access_block(self, call: Call) -> Answer:
        self._state.bucket(call.bucket, call.params)
        given = call.params[_BLOCK]
        block = {name: bool(given.get(name)) for name in _BLOCK_DEFAULT}
        await self._state.change(call.bucket, changes={_BLOCK: block})
        return Answer()

    async def delete_public_access_block(self, call: Call) -> Answer:
        self._state.bucket(call.bucket, call.params)
        await self._state.change(call.bucket, changes={_BLOCK: {}})
        return Answer()

    async def get_bucket_ownership_controls(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        kept = bucket.configuration.get("ownershipControls", "BucketOwnerEnforced")
        return Answer(result={"OwnershipControls": {"Rules": [{"ObjectOwnership": kept}]}})

    async def put_bucket_ownership_controls(self, call: Call) -> Answer:
        self._state.bucket(call.bucket, call.params)
        rules = call.params["OwnershipControls"]["Rules"]
        if len(rules) != 1:
            raise S3Error("MalformedXML")
        changes = {"ownershipControls": rules[0]["ObjectOwnership"]}
        await self._state.change(call.bucket, changes=changes)
        return Answer()

    async def get_bucket_encryption(self, call: Call) -> Answer:
        bucket = self._state.bucket(call.bucket, call.params)
        kept = bucket.configuration.get(_ENCRYPTION, _ENCRYPTION_DEFAULT)
        return Answer(result={_ENCRYPTION: kept})

    async def put_bucket_encryption(self, call: Call) -> Answer:
        """Kept and told, without effect."""
        self._state.bucket(call.bucket, call.params)
        await self._state.change(call.bucket, changes={_ENCRYPTION: call.params[_ENCRYPTION]})
        return Answer()

    def _refusing(self, code: str) -> Callable[[Call], Awaitable[Answer]]:
        async def refuse(call: Call) -> Answer:
            self._state.bucket(call.bucket, call.params)
            raise S3Error(code, BucketName=call.bucket)

        return refuse

    def _deleting(self, member: str) -> Callable[[Call], Awaitable[Answer]]:
        async def delete(call: Call) -> Answer:
            self._state.bucket(call.bucket, call.params)
            await self._state.change(call.bucket, changes={member: None})
            return Answer()

        return delete

    def _telling(self, result: dict[str, Any]) -> Callable[[Call], Awaitable[Answer]]:
        async def tell(call: Call) -> Answer:
            self._state.bucket(call.bucket, call.params)
            return Answer(result=dict(result))

        return tell


def _block(bucket: Bucket) -> dict[str, bool]:
    """What of the public is kept out; empty where nothing is."""
    kept: dict[str, bool] = bucket.configuration.get(_BLOCK, _BLOCK_DEFAULT)
    return kept


def _check_policy(text: str, bucket: Bucket) -> None:
    """Raises S3Error: MalformedPolicy, or AccessDenied for what lets everybody in."""
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise S3Error("PolicyTooLarge", "Policy exceeds the maximum allowed document size.")
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise S3Error("MalformedPolicy") from None
    if not isinstance(raw, dict):
        raise S3Error("MalformedPolicy")
    try:
        document = parse_policy(raw, kind=PolicyKind.RESOURCE)
    except PolicySyntaxError as error:
        raise S3Error("MalformedPolicy", str(error)) from None
    for resource in _resources(raw):
        name = resource.removeprefix("arn:aws:s3:::").partition("/")[0]
        if name != bucket.name and not ("*" in name or "?" in name):
            raise S3Error("MalformedPolicy", "Policy has invalid resource")
    if _block(bucket).get("BlockPublicPolicy") and _is_public(document):
        raise S3Error("AccessDenied")


def _resources(raw: dict[str, Any]) -> Iterator[str]:
    found = raw["Statement"]
    for statement in found if isinstance(found, list) else [found]:
        for member in ("Resource", "NotResource"):
            named = statement.get(member, ())
            yield from [named] if isinstance(named, str) else named


def _is_public(document: PolicyDocument) -> bool:
    """Whether it lets everybody in, without a condition.

    AWS weighs conditions: those on fixed values of some keys do not make it public. Here any does.
    Source: S3 User Guide, "The meaning of 'public'".
    """
    return any(_lets_everybody_in(statement) for statement in document.statements)


def _lets_everybody_in(statement: Statement) -> bool:
    return (
        statement.effect is Effect.ALLOW
        and not statement.conditions
        and (statement.not_principals or EVERYONE in (statement.principals or ()))
    )
