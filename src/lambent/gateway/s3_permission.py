"""What a caller may do with S3, beyond yes and no to the whole call.

Source: S3 API Reference, "GetObject" (who may not list a bucket does not learn what is not in it)
and "DeleteObjects" (each key has an answer of its own).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.domain.errors import LambdaError
from lambent.gateway.asked import Asked
from lambent.gateway.authorization import Authorization
from lambent.policy.evaluator import Decision
from lambent.services.iam.directory import Caller
from lambent.services.s3.calls import Call
from lambent.services.s3.errors import S3Error

_READS = frozenset(("GetObject", "HeadObject", "GetObjectAttributes"))


class S3Permission:
    """By the policies, where they are enforced at all."""

    def __init__(self, authorization: Authorization | None) -> None:
        self._authorization = authorization

    def check(
        self, caller: Caller, operation: str, params: dict[str, Any]
    ) -> tuple[Mapping[str, str], ...]:
        """The errors of keys that may not be deleted, which `params` has no more.

        Raises LambdaError where the whole call is refused.
        """
        if self._authorization is None:
            return ()
        if operation != "DeleteObjects":
            self._authorization.check(caller, "s3", operation, params)
            return ()
        kept, refused = [], []
        for one in params["Delete"].get("Objects") or ():
            wanted = {"Bucket": params["Bucket"], "Delete": {"Objects": [one]}}
            try:
                self._authorization.check(caller, "s3", operation, wanted)
            except LambdaError as error:
                refused.append(
                    {"Key": str(one.get("Key")), "Code": error.code, "Message": error.message}
                )
            else:
                kept.append(one)
        if refused:
            params["Delete"] = {**params["Delete"], "Objects": kept}
        return tuple(refused)

    def hide(self, call: Call, operation: str, error: S3Error) -> S3Error:
        """What the caller is told instead of an error that would show what is not there."""
        if self._authorization is None or error.code != "NoSuchKey" or operation not in _READS:
            return error
        caller = call.caller
        assert caller is not None
        asked = Asked("s3:ListBucket", f"arn:aws:s3:::{call.bucket}")
        if self._authorization.decide(caller, asked) is Decision.ALLOWED:
            return error
        if caller.principal.kind == "anonymous":
            return S3Error("AccessDenied")
        return S3Error(
            "AccessDenied",
            f"User: {caller.principal.arn} is not authorized to perform: {asked.action} on"
            f' resource: "{asked.resource}" because no identity-based policy allows the'
            f" {asked.action} action",
        )
