"""What holds for any policies: denies take away, order does not count, patterns match."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.policy.evaluator import (
    AccessRequest,
    Decision,
    PolicyDocument,
    PolicyKind,
    evaluate,
)
from lambent.policy.wildcards import Pattern
from tests.unit.policy.cases import (
    ALICE,
    ALICE_ARN,
    FUNCTION,
    NOBODY,
    OURS,
    ROLE_ARN,
    ROOT,
    S3,
    STRANGER,
    THEIRS,
    WORKER,
    document,
)

ACTIONS = ("lambda:InvokeFunction", "lambda:GetFunction", "iam:PassRole")
ACTION_PATTERNS = (*ACTIONS, "*", "lambda:*", "lambda:Get*", "*:?assRole", "LAMBDA:INVOKEFUNCTION")
RESOURCES = (FUNCTION, f"{FUNCTION}:live", f"arn:aws:iam::{OURS}:role/worker")
RESOURCE_PATTERNS = (
    *RESOURCES,
    "*",
    "arn:aws:lambda:*",
    f"{FUNCTION}*",
    "arn:aws:iam::*:role/${aws:username}",
)
PRINCIPALS: tuple[Any, ...] = (
    "*",
    {"AWS": OURS},
    {"AWS": THEIRS},
    {"AWS": [ALICE_ARN, ROLE_ARN]},
    {"Service": "s3.amazonaws.com"},
    {"AWS": STRANGER.arn},
)
CONDITIONS: tuple[Any, ...] = (
    {},
    {"StringEquals": {"custom:a": "1"}},
    {"StringNotEquals": {"custom:a": "1"}},
    {"Null": {"custom:a": "true"}},
    {"ForAllValues:StringLike": {"custom:a": ["1", "2*"]}},
    {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}},
)


@st.composite
def statements(draw: st.DrawFn, *, named: bool) -> dict[str, Any]:
    """Any statement; `named`: with a principal."""
    raw = {
        "Effect": draw(st.sampled_from(("Allow", "Deny"))),
        draw(st.sampled_from(("Action", "NotAction"))): draw(
            st.lists(st.sampled_from(ACTION_PATTERNS), min_size=1, max_size=3)
        ),
        draw(st.sampled_from(("Resource", "NotResource"))): draw(
            st.lists(st.sampled_from(RESOURCE_PATTERNS), min_size=1, max_size=3)
        ),
        "Condition": draw(st.sampled_from(CONDITIONS)),
    }
    if named:
        element = draw(st.sampled_from(("Principal", "Principal", "NotPrincipal")))
        raw[element] = draw(st.sampled_from(PRINCIPALS))
    return raw


identities = st.lists(statements(named=False), max_size=4)
on_resources = st.lists(statements(named=True), max_size=4)
caps = st.none() | st.lists(statements(named=False), max_size=3)
requests = st.builds(
    AccessRequest,
    st.sampled_from((ALICE, WORKER, STRANGER, ROOT, S3, NOBODY)),
    st.sampled_from(ACTIONS),
    st.sampled_from(RESOURCES),
    st.sampled_from(({}, {"custom:a": "1"}, {"custom:a": ("1", "22")}, {"custom:a": ()})),
)


class World:
    """A request and the statements around it."""

    def __init__(
        self,
        request: AccessRequest,
        identity: list[Any],
        resource: list[Any],
        boundary: list[Any] | None,
        session: list[Any] | None,
    ) -> None:
        self.request = request
        self.identity, self.resource = identity, resource
        self.boundary, self.session = boundary, session

    def decide(self, *, identity: list[Any] = (), resource: list[Any] = ()) -> Decision:  # type: ignore[assignment]
        """With these statements more."""
        return evaluate(
            self.request,
            identity=[document(*self.identity, *identity)],
            resource=_on_resource([*self.resource, *resource]),
            boundary=None if self.boundary is None else document(*self.boundary),
            session=None if self.session is None else [document(*self.session)],
        )


def _on_resource(raw: list[Any]) -> list[PolicyDocument]:
    return [document(*raw, kind=PolicyKind.RESOURCE)]


worlds = st.builds(World, requests, identities, on_resources, caps, caps)


@given(worlds, statements(named=False), statements(named=True))
def test_another_deny_never_allows_more(world: World, own: Any, named: Any) -> None:
    before = world.decide()
    for more in (
        {"identity": [{**own, "Effect": "Deny"}]},
        {"resource": [{**named, "Effect": "Deny"}]},
    ):
        after = world.decide(**more)
        assert after is before or after is Decision.EXPLICITLY_DENIED


@given(worlds, statements(named=False), statements(named=True))
def test_another_allow_never_denies_more(world: World, own: Any, named: Any) -> None:
    before = world.decide()
    for more in (
        {"identity": [{**own, "Effect": "Allow"}]},
        {"resource": [{**named, "Effect": "Allow"}]},
    ):
        after = world.decide(**more)
        assert after is before or after is Decision.ALLOWED
        assert (after is Decision.EXPLICITLY_DENIED) == (before is Decision.EXPLICITLY_DENIED)


@given(worlds, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_count(world: World, random: Any) -> None:
    before = world.decide()
    identity, resource = world.identity * 2, world.resource * 2
    random.shuffle(identity)
    random.shuffle(resource)
    world.identity, world.resource = identity, resource
    assert world.decide() is before


@given(worlds)
def test_one_document_or_one_for_each_statement_is_the_same(world: World) -> None:
    apart = evaluate(
        world.request,
        identity=[document(raw) for raw in world.identity],
        resource=[document(raw, kind=PolicyKind.RESOURCE) for raw in world.resource],
        boundary=None if world.boundary is None else document(*world.boundary),
        session=None if world.session is None else [document(*world.session)],
    )
    assert apart is world.decide()


@given(requests, st.lists(st.sampled_from(ACTION_PATTERNS), min_size=1, max_size=3))
def test_not_action_is_the_complement_of_action(request: AccessRequest, actions: list[str]) -> None:
    """Of everybody and everything: exactly one of the two applies."""
    decided = [
        evaluate(
            request,
            resource=_on_resource(
                [{"Effect": "Deny", "Principal": "*", element: actions, "Resource": "*"}]
            ),
        )
        for element in ("Action", "NotAction")
    ]
    assert [d is Decision.EXPLICITLY_DENIED for d in decided].count(True) == 1


@given(worlds)
def test_a_cap_never_allows_more(world: World) -> None:
    capped = world.decide()
    if capped is Decision.ALLOWED:
        world.boundary = world.session = None
        assert world.decide() is Decision.ALLOWED


letters = st.text(alphabet="ab.A\n", max_size=12)


@settings(max_examples=500)
@given(st.text(alphabet="ab.A\n*?", max_size=12), letters, st.booleans())
def test_patterns_match_what_the_plain_regular_expression_matches(
    pattern: str, text: str, ignore_case: bool
) -> None:
    expression = "".join(
        ".*" if letter == "*" else "." if letter == "?" else re.escape(letter) for letter in pattern
    )
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else re.NOFLAG)
    assert Pattern(pattern, ignore_case=ignore_case).matches(text) == bool(
        re.fullmatch(expression, text, flags)
    )


def test_patterns_full_of_stars_do_not_blow_up() -> None:
    """A backtracking matcher would not come back from any of these."""
    text = "a" * 20_000
    for pattern in ("*a" * 500 + "*b", "a*" * 5_000 + "b", "*?a" * 300 + "b", "?*" * 1_000 + "b*c"):
        assert not Pattern(pattern).matches(text)
    assert Pattern("*a?" * 3_000 + "*").matches(text)
