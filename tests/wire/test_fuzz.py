"""Whatever a client sends, it gets a WireError or is understood: nothing else is ever raised."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.wire import (
    Operation,
    Service,
    Shape,
    WireError,
    WireRequest,
    identify,
    load_service,
    parse_request,
)
from tests.wire.profile import load_profile
from tests.wire.test_round_trips import OPERATIONS

few = settings(load_profile(), max_examples=20)
NOISE = st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))


def accept_or_refuse(service: Service, request: WireRequest) -> None:
    refusal = None
    try:
        parse_request(service, identify(service, request), request)
    except WireError as error:
        refusal = error
    if refusal is not None:
        refusal.message.encode()  # an answer can hold it


def names_within(shape: Shape | None, depth: int = 0) -> set[str]:
    """Every name that a request of `shape` may hold, so that noise reaches deep."""
    if shape is None or depth > 4:
        return set()
    match shape.kind:
        case "structure":
            inner = (names_within(member, depth + 1) for member in shape.members.values())
            return {m.wire_name(name) for name, m in shape.members.items()}.union(*inner)
        case "list":
            return names_within(shape.member, depth + 1)
        case "map":
            return names_within(shape.value, depth + 1)
        case _:
            return set()


def json_noise(names: set[str]) -> st.SearchStrategy[Any]:
    leaves = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        NOISE,
        st.sampled_from(["\ud800", "1e999", "-1", "2026-01-01T00:00:00Z", "NaN", "AAAA", "$"]),
    )
    keys = st.one_of(st.sampled_from(sorted(names)), NOISE) if names else NOISE
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=6)
        ),
        max_leaves=12,
    )


def noisy_request(draw: Any, service: Service, operation: Operation) -> WireRequest:
    names = names_within(operation.input)
    label = urllib.parse.quote(draw(NOISE), safe="") if draw(st.booleans()) else "x%ZZ%ff"
    path = operation.uri.partition("?")[0]
    for name in names:
        path = path.replace("{" + name + "}", label)
    fields = draw(st.lists(st.tuples(st.sampled_from(sorted(names) or ["x"]), NOISE), max_size=4))
    query = urllib.parse.urlencode(fields) if draw(st.booleans()) else draw(NOISE)
    headers = {name.lower(): value for name, value in fields}
    if service.protocol == "json":
        headers["x-amz-target"] = f"{service.metadata['targetPrefix']}.{operation.name}"
    if service.protocol == "query":
        body = f"Action={operation.name}&{form_noise(draw, names)}".encode("latin-1")
    elif draw(st.integers(0, 4)):
        body = json.dumps(draw(json_noise(names))).encode()
    else:
        body = draw(st.binary(max_size=60))
    return WireRequest(method=operation.method, path=path, query=query, headers=headers, body=body)


def form_noise(draw: Any, names: set[str]) -> str:
    parts = st.one_of(
        st.sampled_from([*sorted(names), "member", "entry", "key", "value", "1", "0", "99999"]),
        NOISE,
    )
    keys = st.lists(parts, min_size=1, max_size=5).map(".".join)
    return urllib.parse.urlencode(draw(st.lists(st.tuples(keys, NOISE), max_size=5)))


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
@few
@given(data=st.data())
def test_noise_is_understood_or_refused(service: str, name: str, data: st.DataObject) -> None:
    ours = load_service(service)
    accept_or_refuse(ours, noisy_request(data.draw, ours, ours.operations[name]))


@settings(few, max_examples=300)
@given(
    service=st.sampled_from(["lambda", "logs", "sts", "iam"]),
    method=st.one_of(st.sampled_from(["GET", "POST", "PUT", "DELETE"]), NOISE),
    path=st.one_of(NOISE, NOISE.map(lambda text: "/2015-03-31/functions/" + text)),
    query=NOISE,
    target=NOISE,
    body=st.binary(max_size=200),
)
def test_a_request_of_pure_noise_is_refused(
    service: str, method: str, path: str, query: str, target: str, body: bytes
) -> None:
    request = WireRequest(
        method=method, path=path, query=query, headers={"x-amz-target": target}, body=body
    )
    accept_or_refuse(load_service(service), request)
