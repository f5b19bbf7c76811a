"""JSON of the wrong form or type.

Sources of the texts: the tests of two open emulators, which say that they probed AWS: one Athena
(json 1.1, raw HTTP, 2026-09-23), one SES v2 (rest-json, no date). That Lambda words it the same is
UNVERIFIED; all of them are thought to share one deserialiser.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.wire import WireError, WireRequest, parse_request, serialize_response
from tests.unit.wire.demo import demo_service

STRUCTURE_FOUND = "Start of structure or map found where not expected."
LIST_FOUND = "Start of list found where not expected"


def check(body: bytes | str) -> dict[str, Any]:
    service = demo_service()
    raw = body if isinstance(body, bytes) else body.encode()
    request = WireRequest(method="POST", path="/v1/check", body=raw)
    return parse_request(service, service.operations["Check"], request)


def refused(body: bytes | str) -> str:
    with pytest.raises(WireError) as caught:
        check(body)
    assert caught.value.code == "SerializationException"
    return caught.value.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"Short": 1}', "NUMBER_VALUE can not be converted to a String"),
        ('{"Short": 1.5}', "NUMBER_VALUE can not be converted to a String"),
        ('{"Short": true}', "TRUE_VALUE can not be converted to a String"),
        ('{"Short": false}', "FALSE_VALUE can not be converted to a String"),
        ('{"Short": ["x"]}', LIST_FOUND),
        ('{"Short": {"a": 1}}', STRUCTURE_FOUND),
        ('{"Number": "1"}', "STRING_VALUE can not be converted to an Integer"),
        ('{"Number": true}', "TRUE_VALUE can not be converted to an Integer"),
        ('{"Number": [1]}', LIST_FOUND),
        ('{"Number": {}}', STRUCTURE_FOUND),
        ('{"Flag": 0}', "NUMBER_VALUE can not be converted to a Boolean"),
        ('{"Texts": "x"}', "Expected list or null"),
        ('{"Texts": 1}', "Expected list or null"),
        ('{"Texts": {}}', STRUCTURE_FOUND),
        ('{"Texts": [1]}', "NUMBER_VALUE can not be converted to a String"),
        ('{"Texts": [["a"]]}', LIST_FOUND),
        ('{"Things": ["x"]}', "Expected null"),
        ('{"TextMap": "x"}', "Expected null"),
        ('{"TextMap": []}', LIST_FOUND),
        ("[]", LIST_FOUND),
        # UNVERIFIED from here on
        ('{"Flag": "false"}', "STRING_VALUE can not be converted to a Boolean"),
        ('{"Number": 2147483648}', "NUMBER_VALUE can not be converted to an Integer"),
        ('{"Long": 1e300}', "NUMBER_VALUE can not be converted to a Long"),
        ('{"Weight": "x"}', "STRING_VALUE can not be converted to a Double"),
        ('{"Bytes": "a"}', "The value is not valid base64."),
        ('{"Moment": "yesterday"}', "Invalid timestamp: yesterday"),
        ('{"Moment": 1e300}', "Invalid timestamp: 1e+300"),
        ('{"Texts": ["\\ud800"]}', "The text is not valid Unicode."),
        ('"x"', "Expected null"),
        ("1", "Expected null"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_as_aws_names_it(body: str, message: str) -> None:
    assert refused(body) == message


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b" ",
        b'{"a": 1,}',
        b'{"a": 1} {}',
        b"\xff\xfe{}",
        b'{"Weight": NaN}',
        b'{"Number": ' + b"1" * 5_000 + b"}",
        b'{"x": ' * 100_000,
        b"[" * 1_000_000,
        b'{"Things": ' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_not_json_is_refused_with_a_reason(body: bytes) -> None:
    assert refused(body).startswith("Could not parse request body into json: ")


def test_a_recursive_shape_has_an_end() -> None:
    body = '{"Things": [' + '{"Name": "ab", "Inner": ' * 150 + "null" + "}" * 150 + "]}"
    assert refused(body) == "The request is nested too deeply."


def test_nulls_and_unknown_members_are_not_there() -> None:
    """Athena, as above: a null is an absent member, an unknown one is ignored."""
    body = '{"Short": null, "Number": 2, "Surprise": {"deep": [1]}, "Things": [{"Name": "ab"}]}'
    assert check(body) == {"Number": 2, "Things": [{"Name": "ab"}]}
    assert check("null") == {}
    assert check("") == {}


def test_a_fraction_is_cut_off_an_integer() -> None:
    """Athena, as above."""
    assert check('{"Number": 1.9}') == {"Number": 1}


def test_values_are_what_a_caller_of_botocore_would_give() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    body = {
        "Bytes": "AQI=",
        "Moment": moment.timestamp(),
        "IsoMoment": "2026-01-02T03:04:05Z",
        "Weight": 1,
        "Free": {"any": [1, None, {"thing": True}]},
    }
    assert check(json.dumps(body)) == {
        "Bytes": b"\x01\x02",
        "Moment": moment,
        "IsoMoment": moment,
        "Weight": 1.0,
        "Free": {"any": [1, None, {"thing": True}]},
    }


def test_an_answer_leaves_nulls_out_and_keeps_the_models_forms() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
    service = demo_service()
    response = serialize_response(
        service,
        service.operations["Check"],
        {
            "Short": None,
            "Flag": False,
            "Bytes": b"\x01",
            "Moment": moment,
            "IsoMoment": moment,
            "Weight": float("inf"),
            "Texts": ["é", "\ud800"],
            "FlatTexts": [],
            "TextMap": {"a": None, "b": "red"},
        },
        "id-1",
    )
    assert response.status == 200
    assert response.headers == [
        ("x-amzn-RequestId", "id-1"),
        ("Content-Type", "application/json"),
    ]
    assert json.loads(response.body) == {
        "Flag": False,
        "Bytes": "AQ==",
        "Moment": 1767323045.678,
        "IsoMoment": "2026-01-02T03:04:05.678Z",
        "Weight": "Infinity",
        "Texts": ["é", "?"],
        "FlatTexts": [],
        "TextMap": {"b": "red"},
    }


def test_a_member_that_the_model_lacks_is_the_handlers_fault() -> None:
    service = demo_service()
    with pytest.raises(KeyError):
        serialize_response(service, service.operations["Check"], {"Shrt": "x"}, "id")
