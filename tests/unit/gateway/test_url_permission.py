"""Who may call a function URL under `--auth iam`. Rules: [DG] urls-auth, as of October 2025."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from lambent.clock import ManualClock
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.domain.function_url import AWS_IAM, NONE, FunctionUrlConfig, UrlTarget
from lambent.gateway.authorization import Authorization
from lambent.gateway.url_permission import IamUrlAccess
from lambent.http.message import Request
from lambent.policy.document import PolicyDocument, PolicyKind
from lambent.policy.principal import Principal, root_of
from lambent.services.iam.directory import Caller
from lambent.wire.sigv4 import Signable, SignatureError, SignatureProblem
from tests.unit.policy.cases import allow, deny, document

ACCOUNT = Account()
ARN = ACCOUNT.function_arn("f", "live")
THERE, FOREIGN = "000000000000", "999988887777"
ALICE = Principal("user", THERE, f"arn:aws:iam::{THERE}:user/alice", user_id="AIDAALICE")
EVE = Principal("user", FOREIGN, f"arn:aws:iam::{FOREIGN}:user/eve", user_id="AIDAEVE")
CALL, INVOKE = "lambda:InvokeFunctionUrl", "lambda:InvokeFunction"
BY_URL = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}


def typed(auth_type: str) -> dict[str, Any]:
    return {"StringEquals": {"lambda:FunctionUrlAuthType": auth_type}}


def granted(principal: Any, auth_type: str) -> list[dict[str, Any]]:
    """The two statements that AddPermission makes for a URL."""
    return [
        allow(CALL, ARN, Principal=principal, Condition=typed(auth_type)),
        allow(INVOKE, ARN, Principal=principal, Condition=BY_URL),
    ]


@dataclass
class World:
    """One function URL of an alias, its policy, and who signs."""

    auth_type: str
    policy: list[dict[str, Any]] = field(default_factory=list)
    caller_: Caller | None = None

    def caller(self, request: Signable, service: str) -> Caller:
        assert service == "lambda"
        if self.caller_ is None:
            raise SignatureError(SignatureProblem.MISMATCH, "")
        return self.caller_

    def documents(self, name: str, qualifier: str | None) -> list[PolicyDocument]:
        assert (name, qualifier) == ("f", "live")
        return [document(*self.policy, kind=PolicyKind.RESOURCE)] if self.policy else []

    def admitted(self) -> bool:
        config = FunctionUrlConfig(
            url_id="x", auth_type=self.auth_type, cors={}, created_s=0, modified_s=0
        )
        target = UrlTarget(name="f", qualifier="live", config=config, cors=None)
        request = Request()
        if self.caller_ is not None:
            request.raw_headers[b"authorization"] = (
                b"AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/lambda/aws4_request,"
                b" SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64
            )
            request.raw_headers[b"x-amz-date"] = b"20260101T000000Z"
        nobody: Any = SimpleNamespace(role_arn=lambda name: None, user_arn=lambda name: None)
        authorization = Authorization(
            nobody,
            ACCOUNT,
            ManualClock(),
            documents=self.documents,
            tags=lambda name: {"Team": "red"},
        )
        access = IamUrlAccess(self, authorization, ACCOUNT)
        try:
            found = access.admit(target, request)
        except LambdaError as error:
            if error.code != "AccessDeniedException":
                raise
            return False
        if self.auth_type == AWS_IAM:
            assert found is not None
            assert self.caller_ is not None
            assert found.user_arn == self.caller_.principal.arn
        else:
            assert found is None
        return True


OWN = (document(allow([CALL, INVOKE])),)


@pytest.mark.parametrize(
    ("world", "admitted"),
    [
        pytest.param(World(NONE), False, id="NONE without a policy is for nobody"),
        pytest.param(World(NONE, granted("*", NONE)), True, id="NONE with both grants is open"),
        pytest.param(
            World(NONE, granted("*", NONE)[:1]), False, id="the grant of the URL alone is too few"
        ),
        pytest.param(
            World(NONE, granted("*", NONE)[1:]), False, id="that of the invocation alone too"
        ),
        pytest.param(
            World(NONE, granted("*", AWS_IAM)), False, id="a grant for AWS_IAM is not one for NONE"
        ),
        pytest.param(
            World(NONE, [*granted("*", NONE), deny(CALL, ARN, Principal="*")]),
            False,
            id="a Deny closes it",
        ),
        pytest.param(World(AWS_IAM, granted("*", AWS_IAM)), False, id="AWS_IAM needs a signature"),
        pytest.param(World(AWS_IAM, [], Caller(root_of(THERE))), True, id="root may"),
        pytest.param(World(AWS_IAM, [], Caller(ALICE)), False, id="a user without a policy not"),
        pytest.param(World(AWS_IAM, [], Caller(ALICE, OWN)), True, id="a user's policy is enough"),
        pytest.param(
            World(AWS_IAM, granted({"AWS": ALICE.arn}, AWS_IAM), Caller(ALICE)),
            True,
            id="so is the function's",
        ),
        *(
            pytest.param(
                World(
                    AWS_IAM, [deny(CALL, ARN, Principal="*", Condition=fact)], Caller(ALICE, OWN)
                ),
                False,
                id=f"a Deny by {next(iter(*fact.values()))}",
            )
            for fact in (
                {"StringEquals": {"aws:ResourceTag/Team": "red"}},
                {"StringEquals": {"aws:RequestedRegion": ACCOUNT.region}},
                {"Bool": {"aws:SecureTransport": "false"}},
            )
        ),
        pytest.param(World(AWS_IAM, [], Caller(EVE, OWN)), False, id="a stranger needs both"),
        pytest.param(
            World(AWS_IAM, granted({"AWS": FOREIGN}, AWS_IAM), Caller(EVE, OWN)),
            True,
            id="a stranger who has both",
        ),
        pytest.param(
            World(AWS_IAM, [], Caller(ALICE, OWN, document(allow(CALL)))),
            False,
            id="a boundary that lacks one of the two",
        ),
    ],
)
def test_a_url_is_for_whom_the_policies_allow(world: World, admitted: bool) -> None:
    assert world.admitted() is admitted
