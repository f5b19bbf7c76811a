"""What a policy document may look like, and how AWS refuses one that does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.policy.evaluator import PolicyKind, PolicySyntaxError, parse_policy

IDENTITY, RESOURCE, TRUST = PolicyKind.IDENTITY, PolicyKind.RESOURCE, PolicyKind.TRUST
ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}
TRUSTING: dict[str, Any] = {
    "Effect": "Allow",
    "Principal": {"Service": "lambda.amazonaws.com"},
    "Action": "sts:AssumeRole",
}


def refusal(document: object, kind: PolicyKind = IDENTITY) -> str:
    """The message with which `document` is refused."""
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(PolicySyntaxError) as refused:
        parse_policy(text, kind=kind)
    return refused.value.message


def one(**members: Any) -> dict[str, Any]:
    """A document of one statement: the plain Allow with these members instead; None takes out."""
    statement = {k: v for k, v in {**ALLOW, **members}.items() if v is not None}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_statements_come_alone_or_as_a_list() -> None:
    for statements in (ALLOW, [ALLOW], [ALLOW, ALLOW]):
        parse_policy({"Version": "2012-10-17", "Statement": statements}, kind=IDENTITY)


def test_a_document_without_a_version_is_of_2008() -> None:
    assert parse_policy({"Statement": ALLOW}, kind=IDENTITY).version == "2008-10-17"


@pytest.mark.parametrize(
    ("document", "kind", "message"),
    [
        ("{", IDENTITY, "This policy contains invalid Json"),
        ("[" * 5000, IDENTITY, "This policy contains invalid Json"),
        ('{"Statement": NaN}', IDENTITY, "This policy contains invalid Json"),
        ("[]", IDENTITY, "Syntax errors in policy."),
        ('{"Version":"2012-10-17","Version":"2012-10-17"}', IDENTITY, "Syntax errors in policy."),
        ({"Version": "2012-10-17"}, IDENTITY, "Syntax errors in policy."),
        ({"Version": "2013-01-01", "Statement": ALLOW}, IDENTITY, "Syntax errors in policy."),
        ({"Statement": ALLOW, "Comment": "x"}, IDENTITY, "Syntax errors in policy."),
        ({"Id": 3, "Statement": ALLOW}, IDENTITY, "Syntax errors in policy."),
        ({"Statement": ["x"]}, IDENTITY, "Syntax errors in policy."),
        (one(Effect="allow"), IDENTITY, "Syntax errors in policy."),
        (one(Effect=["Allow"]), IDENTITY, "Syntax errors in policy."),
        (one(Effects="Allow"), IDENTITY, "Syntax errors in policy."),
        (one(NotAction="lambda:*"), IDENTITY, "Syntax errors in policy."),
        (one(NotResource="*"), IDENTITY, "Syntax errors in policy."),
        (one(Action=3), IDENTITY, "Syntax errors in policy."),
        (one(Sid=3), IDENTITY, "Syntax errors in policy."),
        (one(Condition=[]), IDENTITY, "Syntax errors in policy."),
        (one(Condition={"Bool": 3}), IDENTITY, "Syntax errors in policy."),
        (one(Condition={"Bool": {"aws:x": None}}), IDENTITY, "Syntax errors in policy."),
        (one(Condition={"Equals": {"aws:x": "1"}}), IDENTITY, "Syntax errors in policy."),
        (one(Condition={"ForOne:Bool": {"aws:x": "1"}}), IDENTITY, "Syntax errors in policy."),
        (one(Action=None), IDENTITY, "Policy statement must contain actions."),
        (one(Action=[]), IDENTITY, "Policy statement must contain actions."),
        (one(Resource=None), IDENTITY, "Policy statement must contain resources."),
        (one(Resource=[]), IDENTITY, "Policy statement must contain resources."),
        (one(Principal="*"), IDENTITY, "Policy document should not specify a principal."),
        (
            one(Action="InvokeFunction"),
            IDENTITY,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (one(Action="lam da:x"), IDENTITY, "Vendor lam da is not valid"),
        (one(Resource="f"), IDENTITY, 'Resource f must be in ARN format or "*".'),
        (
            one(Resource="arn:gcp:s3:::b"),
            IDENTITY,
            'Partition "gcp" is not valid for resource "arn:gcp:s3:::b".',
        ),
        (
            one(Resource="arn:aws:*:::b"),
            IDENTITY,
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (one(Resource="arn:aws:s3:b"), IDENTITY, "The policy failed legacy parsing"),
        (
            one(Sid="with space"),
            IDENTITY,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
            "regular expression [0-9A-Za-z]*",
        ),
        (
            {"Statement": [{**ALLOW, "Sid": "a"}, {**ALLOW, "Sid": "a"}]},
            IDENTITY,
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (one(), RESOURCE, "Missing required field Principal"),
        (one(Principal={}), RESOURCE, "Syntax errors in policy."),
        (one(Principal={"AWS": "*"}, NotPrincipal="*"), RESOURCE, "Syntax errors in policy."),
        (
            one(Principal={"AWS": "arn:aws:iam::123456789012:user/*"}),
            RESOURCE,
            'Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:user/*"',
        ),
        (
            one(Principal={"Service": "s3"}),
            RESOURCE,
            'Invalid principal in policy: "Service":"s3"',
        ),
        (
            one(Principal={"Service": "a." * 200 + "com"}),
            RESOURCE,
            f'Invalid principal in policy: "Service":"{"a." * 200}com"',
        ),
        (one(Principal={"User": "x"}), RESOURCE, 'Invalid principal in policy: "User":"x"'),
        ({"Statement": {**TRUSTING, "Resource": "*"}}, TRUST, "Has prohibited field Resource"),
        (
            {"Statement": {**TRUSTING, "Action": "lambda:InvokeFunction"}},
            TRUST,
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}},
            TRUST,
            "Missing required field Principal",
        ),
    ],
)
def test_a_malformed_document_is_refused_in_awss_words(
    document: object, kind: PolicyKind, message: str
) -> None:
    """Texts: IAM's and STS's MalformedPolicyDocument answers; the generic one is UNVERIFIED where
    AWS may say more."""
    assert refusal(document, kind) == message
