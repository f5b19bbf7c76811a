"""The table of policy cases: one sentence, one rule, one decision.

Sources are pages of the IAM User Guide: LOGIC is "Policy evaluation logic" with its sub-pages,
PRINCIPAL, NOTPRINCIPAL, ACTION, RESOURCE, NOTACTION, NOTRESOURCE and VERSION are the pages of these
elements, OPERATORS is "Condition operators", SETS "Multivalued context keys", KEYS "AWS global
condition context keys", VARIABLES "Variables and tags", BOUNDARIES "Permissions boundaries".
"""

from __future__ import annotations

import pytest

from tests.unit.policy.cases import (
    ALICE_ARN,
    BOB,
    DENIED,
    FUNCTION,
    INVOKE,
    NO,
    NOBODY,
    ORG,
    OURS,
    ROLE_ARN,
    ROOT,
    S3,
    SESSION_ARN,
    STRANGER,
    THEIR_ROOT,
    THEIRS,
    WORKER,
    YES,
    Case,
    allow,
    conditional,
    deny,
    to,
    trusting,
)

LOGIC, PRINCIPAL, NOTPRINCIPAL = "LOGIC", "PRINCIPAL", "NOTPRINCIPAL"
ACTION, RESOURCE, NOTACTION, NOTRESOURCE = "ACTION", "RESOURCE", "NOTACTION", "NOTRESOURCE"
VERSION, VARIABLES, KEYS, SETS, BOUNDARIES = "VERSION", "VARIABLES", "KEYS", "SETS", "BOUNDARIES"

ANYTHING = allow("*")
READ = allow("lambda:GetFunction")
FOR_S3 = {"Service": "s3.amazonaws.com"}
BUCKET = "arn:aws:s3:::uploads"

ACCOUNTS = [
    Case(said="nothing is allowed by default", source=LOGIC, decided=NO),
    Case(said="an Allow allows", source=LOGIC, decided=YES, identity=(allow(),)),
    Case(
        said="an explicit Deny wins over an Allow before it",
        source=LOGIC,
        decided=DENIED,
        identity=(ANYTHING, deny()),
    ),
    Case(
        said="an explicit Deny wins over an Allow behind it",
        source=LOGIC,
        decided=DENIED,
        identity=(deny(), ANYTHING),
    ),
    Case(
        said="a Deny of something else does not matter",
        source=LOGIC,
        decided=YES,
        identity=(ANYTHING, deny("lambda:DeleteFunction")),
    ),
    Case(
        said="the root of the account needs no policy",
        source=LOGIC,
        decided=YES,
        who=ROOT,
    ),
    Case(
        said="a resource policy can deny even the account's root",
        source=LOGIC,
        decided=DENIED,
        who=ROOT,
        on_resource=(deny(Principal="*"),),
    ),
    Case(
        said="the root of another account is a stranger",
        source=LOGIC,
        decided=NO,
        who=THEIR_ROOT,
    ),
    Case(
        said="in one account the resource policy that names the user is enough",
        source=LOGIC,
        decided=YES,
        on_resource=(to({"AWS": ALICE_ARN}),),
    ),
    Case(
        said="a Deny in the resource policy wins over the user's own Allow",
        source=LOGIC,
        decided=DENIED,
        identity=(ANYTHING,),
        on_resource=(deny(Principal={"AWS": ALICE_ARN}),),
    ),
    Case(
        said="a resource policy for somebody else does not help",
        source=PRINCIPAL,
        decided=NO,
        who=BOB,
        on_resource=(to({"AWS": ALICE_ARN}),),
    ),
    Case(
        said="naming the account leaves the decision to the account's policies: none, no access",
        source=PRINCIPAL,
        decided=NO,
        on_resource=(to({"AWS": OURS}),),
    ),
    Case(
        said="a Deny of an account catches everybody in it",
        source=PRINCIPAL,
        decided=DENIED,
        identity=(ANYTHING,),
        on_resource=(deny(Principal={"AWS": OURS}),),
    ),
    Case(
        said="from another account the resource policy alone is not enough",
        source=LOGIC,
        decided=NO,
        who=STRANGER,
        on_resource=(to({"AWS": STRANGER.arn}),),
    ),
    Case(
        said="from another account the own policy alone is not enough",
        source=LOGIC,
        decided=NO,
        who=STRANGER,
        identity=(ANYTHING,),
    ),
    Case(
        said="from another account both are enough, its id being named",
        source=LOGIC,
        decided=YES,
        who=STRANGER,
        identity=(allow(),),
        on_resource=(to({"AWS": THEIRS}),),
    ),
    Case(
        said="an account's id and the ARN of its root are the same",
        source=PRINCIPAL,
        decided=YES,
        who=STRANGER,
        identity=(allow(),),
        on_resource=(to({"AWS": f"arn:aws:iam::{THEIRS}:root"}),),
    ),
    Case(
        said="the root of another account may what the resource policy gives its account",
        source=LOGIC,
        decided=YES,
        who=THEIR_ROOT,
        on_resource=(to({"AWS": THEIRS}),),
    ),
    Case(
        said="a resource without an account in its ARN counts as one's own",
        source=LOGIC,
        decided=YES,
        action="s3:GetObject",
        resource="arn:aws:s3:::uploads/x",
        identity=(allow("s3:*"),),
    ),
]

PRINCIPALS = [
    Case(
        said="a star is everybody, without a signature too",
        source=PRINCIPAL,
        decided=YES,
        who=NOBODY,
        on_resource=(to("*"),),
    ),
    Case(
        said="AWS star is the same as a star",
        source=PRINCIPAL,
        decided=YES,
        who=NOBODY,
        on_resource=(to({"AWS": "*"}),),
    ),
    Case(
        said="nobody gets nothing without a star",
        source=PRINCIPAL,
        decided=NO,
        who=NOBODY,
        on_resource=(to({"AWS": [OURS, THEIRS]}),),
    ),
    Case(
        said="a service that is named may",
        source=PRINCIPAL,
        decided=YES,
        who=S3,
        on_resource=(to(FOR_S3),),
    ),
    Case(
        said="another service may not",
        source=PRINCIPAL,
        decided=NO,
        who=S3,
        on_resource=(to({"Service": "sns.amazonaws.com"}),),
    ),
    Case(
        said="one of several services is enough",
        source=PRINCIPAL,
        decided=YES,
        who=S3,
        on_resource=(to({"Service": ["sns.amazonaws.com", "s3.amazonaws.com"]}),),
    ),
    Case(
        said="a role's session has the permissions of its role",
        source=PRINCIPAL,
        decided=YES,
        who=WORKER,
        on_resource=(to({"AWS": ROLE_ARN}),),
    ),
    Case(
        said="a role's session can be named itself",
        source=PRINCIPAL,
        decided=YES,
        who=WORKER,
        on_resource=(to({"AWS": SESSION_ARN}),),
    ),
    Case(
        said="another session of the role is not the one that is named",
        source=PRINCIPAL,
        decided=NO,
        who=WORKER,
        on_resource=(to({"AWS": SESSION_ARN + "-other"}),),
    ),
    Case(
        said="the ARNs of principals are compared with their case",
        source=PRINCIPAL,
        decided=NO,
        on_resource=(to({"AWS": ALICE_ARN.replace("alice", "Alice")}),),
    ),
    Case(
        said="a Deny for all but one catches the others",
        source=NOTPRINCIPAL,
        decided=DENIED,
        who=BOB,
        identity=(ANYTHING,),
        on_resource=(deny(NotPrincipal={"AWS": [ALICE_ARN, OURS]}),),
    ),
    Case(
        said="a Deny for all but one leaves that one alone",
        source=NOTPRINCIPAL,
        decided=YES,
        identity=(ANYTHING,),
        on_resource=(deny(NotPrincipal={"AWS": [ALICE_ARN, OURS]}),),
    ),
    Case(
        said="who may assume a role is said by its trust policy: without it an Allow is nothing",
        source=LOGIC,
        decided=NO,
        action="sts:AssumeRole",
        resource=ROLE_ARN,
        identity=(allow("sts:AssumeRole"),),
        trust=(trusting({"Service": "lambda.amazonaws.com"}),),
    ),
    Case(
        said="a trust policy that names the user is enough in one account",
        source=LOGIC,
        decided=YES,
        action="sts:AssumeRole",
        resource=ROLE_ARN,
        trust=(trusting({"AWS": ALICE_ARN}),),
    ),
    Case(
        said="a trust policy that names the account needs the user's policy as well",
        source=LOGIC,
        decided=NO,
        action="sts:AssumeRole",
        resource=ROLE_ARN,
        trust=(trusting({"AWS": OURS}),),
    ),
    Case(
        said="a trusted account and the user's policy together are enough",
        source=LOGIC,
        decided=YES,
        action="sts:AssumeRole",
        resource=ROLE_ARN,
        identity=(allow("sts:AssumeRole", ROLE_ARN),),
        trust=(trusting({"AWS": OURS}),),
    ),
]

CAPS = [
    Case(
        said="a boundary allows nothing by itself",
        source=BOUNDARIES,
        decided=NO,
        boundary=(ANYTHING,),
    ),
    Case(
        said="what the boundary does not allow is not allowed",
        source=BOUNDARIES,
        decided=NO,
        identity=(ANYTHING,),
        boundary=(READ,),
    ),
    Case(
        said="what policy and boundary both allow is allowed",
        source=BOUNDARIES,
        decided=YES,
        identity=(allow(),),
        boundary=(ANYTHING,),
    ),
    Case(
        said="a boundary's Deny is a Deny",
        source=BOUNDARIES,
        decided=DENIED,
        identity=(ANYTHING,),
        boundary=(ANYTHING, deny()),
    ),
    Case(
        said="a resource policy that names the user is not limited by the boundary",
        source=BOUNDARIES,
        decided=YES,
        on_resource=(to({"AWS": ALICE_ARN}),),
        boundary=(READ,),
    ),
    Case(
        said="a resource policy that names the role is limited by the boundary",
        source=BOUNDARIES,
        decided=NO,
        who=WORKER,
        on_resource=(to({"AWS": ROLE_ARN}),),
        boundary=(READ,),
    ),
    Case(
        said="a session policy narrows the role's policies",
        source=LOGIC,
        decided=NO,
        who=WORKER,
        identity=(ANYTHING,),
        session=(READ,),
    ),
    Case(
        said="what role and session policy both allow is allowed",
        source=LOGIC,
        decided=YES,
        who=WORKER,
        identity=(ANYTHING,),
        session=(allow(),),
    ),
    Case(
        said="a session policy gives nothing that the role has not",
        source=LOGIC,
        decided=NO,
        who=WORKER,
        identity=(READ,),
        session=(ANYTHING,),
    ),
    Case(
        said="a resource policy that names the role is limited by the session policy",
        source=LOGIC,
        decided=NO,
        who=WORKER,
        on_resource=(to({"AWS": ROLE_ARN}),),
        session=(READ,),
    ),
    Case(
        said="a resource policy that names the session is not limited by the session policy",
        source=LOGIC,
        decided=YES,
        who=WORKER,
        on_resource=(to({"AWS": SESSION_ARN}),),
        session=(READ,),
    ),
]

ELEMENTS = [
    Case(
        said="actions are compared without case",
        source=ACTION,
        decided=YES,
        identity=(allow("LAMBDA:invokefunction"),),
    ),
    Case(
        said="a star in an action stands for any letters",
        source=ACTION,
        decided=YES,
        identity=(allow("lambda:*Function"),),
    ),
    Case(
        said="a question mark stands for exactly one",
        source=ACTION,
        decided=NO,
        identity=(allow("lambda:InvokeFunction?"),),
    ),
    Case(
        said="an action of another service does not fit",
        source=ACTION,
        decided=NO,
        identity=(allow("sqs:*"),),
    ),
    Case(
        said="one of several actions is enough",
        source=ACTION,
        decided=YES,
        identity=(allow(["sqs:*", INVOKE]),),
    ),
    Case(
        said="NotAction allows all but what it names",
        source=NOTACTION,
        decided=YES,
        identity=(allow(Action=None, NotAction="iam:*"),),
    ),
    Case(
        said="NotAction does not allow what it names",
        source=NOTACTION,
        decided=NO,
        identity=(allow(Action=None, NotAction=["iam:*", "lambda:Invoke*"]),),
    ),
    Case(
        said="a Deny with NotAction denies all but what it names",
        source=NOTACTION,
        decided=DENIED,
        identity=(ANYTHING, deny(Action=None, NotAction="iam:*")),
    ),
    Case(
        said="resources are compared with their case",
        source=RESOURCE,
        decided=NO,
        identity=(allow(resource=FUNCTION.upper().replace("ARN:AWS:LAMBDA", "arn:aws:lambda")),),
    ),
    Case(
        said="the function's ARN is not that of its alias",
        source=RESOURCE,
        decided=NO,
        resource=f"{FUNCTION}:live",
        identity=(allow(resource=FUNCTION),),
    ),
    Case(
        said="a star behind the function's ARN reaches its aliases",
        source=RESOURCE,
        decided=YES,
        resource=f"{FUNCTION}:live",
        identity=(allow(resource=f"{FUNCTION}:*"),),
    ),
    Case(
        said="a star at the end of an ARN reaches beyond the colon",
        source=RESOURCE,
        decided=YES,
        identity=(allow(resource="arn:aws:lambda:us-east-1:*:*"),),
    ),
    Case(
        said="NotResource allows all but what it names",
        source=NOTRESOURCE,
        decided=YES,
        identity=(allow(Resource=None, NotResource=f"{FUNCTION}-other"),),
    ),
    Case(
        said="NotResource does not allow what it names",
        source=NOTRESOURCE,
        decided=NO,
        identity=(allow(Resource=None, NotResource=FUNCTION),),
    ),
    Case(
        said="the user's name stands for a variable in a resource",
        source=VARIABLES,
        decided=YES,
        resource=f"arn:aws:lambda:us-east-1:{OURS}:function:alice-x",
        identity=(allow(resource="arn:aws:lambda:*:*:function:${aws:username}-*"),),
    ),
    Case(
        said="a policy of 2008 has no variables",
        source=VERSION,
        decided=NO,
        resource=f"arn:aws:lambda:us-east-1:{OURS}:function:alice-x",
        identity=(allow(resource="arn:aws:lambda:*:*:function:${aws:username}-*"),),
        version="2008-10-17",
    ),
    Case(
        said="a variable without a value fits nothing",
        source=VARIABLES,
        decided=NO,
        who=WORKER,
        identity=(allow(resource="arn:aws:lambda:*:*:function:*${aws:username}*"),),
    ),
    Case(
        said="a variable may have a default",
        source=VARIABLES,
        decided=YES,
        who=WORKER,
        identity=(allow(resource="arn:aws:lambda:*:*:function:${aws:username, 'orders'}"),),
    ),
    Case(
        said="a star that a variable stands for is no wildcard",
        source=VARIABLES,
        decided=NO,
        context={"custom:name": "*"},
        identity=(allow(resource="arn:aws:lambda:*:*:function:${custom:name}"),),
    ),
    Case(
        said="a star can be meant itself",
        source=VARIABLES,
        decided=NO,
        identity=(allow(resource="arn:aws:lambda:*:*:function:${*}"),),
    ),
]

T, F = "true", "false"
NOON, ADDRESS, OPERATORS = "2026-01-01T12:00:00Z", "203.0.113.7", "Condition operators"
CONDITIONS = [
    conditional("equal text is equal", "StringEquals", "a", YES, given="a"),
    conditional("case counts in text", "StringEquals", "a", NO, given="A"),
    conditional("a star is text to StringEquals", "StringEquals", "*", NO, given="a"),
    conditional("one value of several is enough", "StringEquals", ["b", "a"], YES, given="a"),
    conditional("a key that is missing does not fit", "StringEquals", "a", NO),
    conditional("none of several may be equal", "StringNotEquals", ["b", "a"], NO, given="a"),
    conditional("a missing key is not equal", "StringNotEquals", "a", YES),
    conditional("case does not count", "StringEqualsIgnoreCase", "aB", YES, given="Ab"),
    conditional("nor here", "StringNotEqualsIgnoreCase", "aB", NO, given="Ab"),
    conditional("a pattern fits", "StringLike", "a*c?", YES, given="abbcd"),
    conditional("a pattern does not fit", "StringLike", "a*c?", NO, given="abbc"),
    conditional("not like the pattern", "StringNotLike", "a*", NO, given="abc"),
    conditional("1.0 is 1", "NumericEquals", 1, YES, given="1.0"),
    conditional("2 is not 1", "NumericNotEquals", "1", YES, given="2"),
    conditional("less", "NumericLessThan", "10", YES, given="9"),
    conditional("not less than itself", "NumericLessThan", "10", NO, given="10"),
    conditional("up to itself", "NumericLessThanEquals", "10", YES, given="10"),
    conditional("more", "NumericGreaterThan", "9", YES, given="10"),
    conditional("from itself", "NumericGreaterThanEquals", "9", YES, given="9"),
    conditional("what is no number is not less", "NumericLessThan", "10", NO, given="few"),
    conditional(
        "a date in another zone", "DateEquals", "2026-01-01T13:00:00+01:00", YES, given=NOON
    ),
    conditional("seconds are a date too", "DateEquals", "1767268800", YES, given=NOON),
    conditional("another date", "DateNotEquals", "2026-01-02", YES, given=NOON),
    conditional("before", "DateLessThan", "2026-01-02", YES, given=NOON),
    conditional("until", "DateLessThanEquals", NOON, YES, given=NOON),
    conditional("not after itself", "DateGreaterThan", NOON, NO, given=NOON),
    conditional("since", "DateGreaterThanEquals", NOON, YES, given=NOON),
    conditional("truth as JSON's", "Bool", True, YES, given=T),
    conditional("falsehood is not truth", "Bool", T, NO, given=F),
    conditional("bytes in base64", "BinaryEquals", "QmluYXJ5", YES, given="QmluYXJ5"),
    conditional("other bytes", "BinaryEquals", "QmluYXJ5", NO, given="QmluYXJ6"),
    conditional("within the network", "IpAddress", "203.0.113.0/24", YES, given=ADDRESS),
    conditional("outside of the network", "IpAddress", "203.0.112.0/24", NO, given=ADDRESS),
    conditional("an address alone", "IpAddress", ADDRESS, YES, given=ADDRESS),
    conditional("IPv6", "IpAddress", "2001:db8::/32", YES, given="2001:db8::7"),
    conditional("not in the network", "NotIpAddress", "203.0.113.0/24", NO, given=ADDRESS),
    conditional("an ARN's parts fit", "ArnLike", "arn:aws:s3:*:*:up*", YES, given=BUCKET),
    conditional("a star stays in its part", "ArnLike", "arn:*:uploads", NO, given=BUCKET),
    conditional("ArnEquals takes patterns", "ArnEquals", "arn:aws:s3:::*", YES, given=BUCKET),
    conditional("what is no ARN is not like one", "ArnLike", "arn:aws:s3:::*", NO, given="s3"),
    conditional("not an ARN like it", "ArnNotLike", "arn:aws:s3:::*", NO, given=BUCKET),
    conditional("not equal to it", "ArnNotEquals", "arn:aws:sns:::*", YES, given=BUCKET),
    conditional("the key must be absent", "Null", T, YES),
    conditional("the key must be absent and is not", "Null", T, NO, given="x"),
    conditional("the key must be there", "Null", F, YES, given="x"),
    conditional("if it exists it must fit", "StringEqualsIfExists", "a", NO, given="b"),
    conditional("if it does not exist it fits", "StringEqualsIfExists", "a", YES),
    conditional(
        "all values must be among these",
        "ForAllValues:StringEquals",
        ["a", "b"],
        YES,
        source=SETS,
        given=("a", "b"),
    ),
    conditional(
        "all values must be among these, and one is not",
        "ForAllValues:StringEquals",
        ["a"],
        NO,
        source=SETS,
        given=("a", "b"),
    ),
    conditional(
        "all of no values are among these", "ForAllValues:StringEquals", ["a"], YES, source=SETS
    ),
    conditional(
        "any value may be among these",
        "ForAnyValue:StringLike",
        ["b*"],
        YES,
        source=SETS,
        given=("a", "bc"),
    ),
    conditional(
        "no value is among these",
        "ForAnyValue:StringEquals",
        ["c"],
        NO,
        source=SETS,
        given=("a", "b"),
    ),
    conditional(
        "of no values none is among these", "ForAnyValue:StringEquals", ["a"], NO, source=SETS
    ),
    conditional(
        "a value's variable is filled in",
        "StringEquals",
        "${aws:username}",
        YES,
        source=VARIABLES,
        given="alice",
    ),
    conditional(
        "the names of keys are compared without case",
        "StringEquals",
        "alice",
        YES,
        source=KEYS,
        key="AWS:UserName",
    ),
    conditional(
        "the caller cannot say who it is",
        "StringEquals",
        "root",
        NO,
        source=KEYS,
        key="aws:username",
        given="root",
    ),
    conditional("the organization is known", "StringEquals", ORG, YES, key="aws:PrincipalOrgID"),
    Case(
        said="all keys of an operator must fit",
        source=OPERATORS,
        decided=NO,
        context={"custom:a": "1", "custom:b": "1"},
        identity=(allow(Condition={"StringEquals": {"custom:a": "1", "custom:b": "2"}}),),
    ),
    Case(
        said="all operators must fit",
        source=OPERATORS,
        decided=NO,
        context={"custom:a": "1"},
        identity=(
            allow(
                Condition={
                    "StringEquals": {"custom:a": "1"},
                    "NumericGreaterThan": {"custom:a": "1"},
                }
            ),
        ),
    ),
    Case(
        said="a Deny whose condition does not fit denies nothing",
        source=OPERATORS,
        decided=YES,
        identity=(ANYTHING, deny(Condition={"Bool": {"aws:SecureTransport": "false"}})),
    ),
    Case(
        said="a role is known by its own ARN in conditions, not by its session's",
        source=KEYS,
        decided=YES,
        who=WORKER,
        identity=(allow(Condition={"ArnEquals": {"aws:PrincipalArn": ROLE_ARN}}),),
    ),
    Case(
        said="a service may for the bucket that is named",
        source=KEYS,
        decided=YES,
        who=S3,
        context={"aws:sourcearn": BUCKET, "aws:sourceaccount": OURS},
        on_resource=(
            to(
                FOR_S3,
                Condition={
                    "StringEquals": {"AWS:SourceAccount": OURS},
                    "ArnLike": {"AWS:SourceArn": BUCKET},
                },
            ),
        ),
    ),
    Case(
        said="a service may not for another bucket",
        source=KEYS,
        decided=NO,
        who=S3,
        context={"aws:sourcearn": BUCKET + "-2"},
        on_resource=(to(FOR_S3, Condition={"ArnLike": {"AWS:SourceArn": BUCKET}}),),
    ),
]

CASES = [*ACCOUNTS, *PRINCIPALS, *CAPS, *ELEMENTS, *CONDITIONS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.said)
def test_the_decision_is_that_of_the_guide(case: Case) -> None:
    assert case.decide() is case.decided, f"{case.said} ({case.source})"


def test_no_rule_is_told_twice() -> None:
    assert len({case.said for case in CASES}) == len(CASES)
