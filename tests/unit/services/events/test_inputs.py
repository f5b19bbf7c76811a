"""What targets get of events. Golden: LocalStack's recordings of AWS, test_events_inputs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.errors import LambdaError
from lambent.services.events.inputs import Occasion, parse_input, parse_path

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "7bf73129",
    "detail-type": "order",
    "source": "shop",
    "account": "000000000000",
    "time": "2026-01-02T03:04:05Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {"text": 'a "b" \\ c', "list": [{"n": 1}, {"n": 2}, {}], "none": None, "at-x": 1.5},
}


def occasion(event: dict[str, Any]) -> Occasion:
    return Occasion(
        event=event,
        text=json.dumps(event),
        rule_arn="arn:aws:events:us-east-1:000000000000:rule/r",
        rule_name="r",
        ingested="2026-01-02T03:04:06Z",
    )


def render(event: dict[str, Any] = EVENT, **target: Any) -> str:
    return parse_input({"Id": "one", "Arn": "a", **target}).render(occasion(event))


def transform(template: str, **paths: str) -> str:
    return render(InputTransformer={"InputPathsMap": paths, "InputTemplate": template})


def test_without_an_input_it_is_the_event() -> None:
    assert json.loads(render()) == EVENT


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", EVENT),
        ("$.detail.list[1].n", 2),
        ("$.detail.list[*].n", [1, 2]),
        ("$.detail.list.*.n", [1, 2]),
        ("$.detail.at-x", 1.5),
        ("$['detail-type']", "order"),
        ("$.detail.list[7]", None),
        ("$.detail.text.deeper", None),
        ("$.nothing", None),
    ],
)
def test_an_input_path_names_a_part(path: str, expected: Any) -> None:
    assert json.loads(render(InputPath=path)) == expected


@pytest.mark.parametrize("path", ["detail", "$detail", "$.", "$.a[", "$.a[x]", "$..a", "$.a b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    assert parse_path(path) is None
    with pytest.raises(LambdaError):
        parse_input({"Id": "one", "InputPath": path})


def test_a_template_puts_values_where_its_variables_stand() -> None:
    paths = {
        "t": "$.detail.text",
        "l": "$.detail.list",
        "no": "$.detail.none",
        "x": "$.detail.at-x",
    }
    assert transform('"<x> of <no>."', **paths) == '"1.5 of ."'
    assert json.loads(transform('{"t": <t>, "l": <l>, "x": <x>}', **paths)) == {
        "t": EVENT["detail"]["text"],
        "l": EVENT["detail"]["list"],
        "x": 1.5,
    }
    assert json.loads(transform('"in quotes: <t>, <l>"', **paths)) == (
        'in quotes: a "b" \\ c, [{n:1},{n:2},{}]'
    )
    assert json.loads(transform('"all of it: <d>"', d="$.detail")).startswith(
        "all of it: {text:a b \\ c,"
    )
    assert json.loads(transform('{"a \\" b": "<t>"}', **paths)) == {
        'a " b': EVENT["detail"]["text"]
    }


def test_predefined_variables_need_no_path() -> None:
    made = json.loads(
        transform(
            '{"e": <aws.events.event>, "j": <aws.events.event.json>,'
            ' "r": "<aws.events.rule-arn> <aws.events.rule-name>",'
            ' "at": <aws.events.event.ingestion-time>}'
        )
    )
    assert made["j"] == EVENT
    assert made["r"] == "arn:aws:events:us-east-1:000000000000:rule/r r"
    assert made["at"] == "2026-01-02T03:04:06Z"
    assert list(made["e"]) == [
        *("id", "account", "detailType", "time", "source", "region", "resources", "version")
    ]
    with pytest.raises(LambdaError):
        transform('"<aws.events.other>"')
    with pytest.raises(LambdaError):
        render(
            InputTransformer={
                "InputPathsMap": {"aws.mine": "$.detail"},
                "InputTemplate": "<aws.mine>",
            }
        )


def test_what_is_no_text_stays_escaped() -> None:
    """Records of other services may hold half a pair of surrogates, escaped."""
    event = {"detail": json.loads('{"a": "\\ud83d", "b": "é"}')}
    for target in ({"InputPath": "$.detail"}, {}):
        assert render(event, **target).encode()
    assert render(event, InputPath="$.detail.b") == '"é"'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_whatever_the_values_a_template_that_is_json_stays_json(first: Any, second: Any) -> None:
    event = {"detail": {"a": first, "b": second}}
    plan = parse_input(
        {
            "Id": "one",
            "InputTransformer": {
                "InputPathsMap": {"a": "$.detail.a", "b": "$.detail.b"},
                "InputTemplate": '{"bare": <a>, "quoted": "x <b> y", "both": [<b>, "<a>"]}',
            },
        }
    )
    made = json.loads(plan.render(occasion(event)))
    assert made["bare"] == ("" if first is None else first)
    if isinstance(second, str):
        assert made["quoted"] == f"x {second} y"
