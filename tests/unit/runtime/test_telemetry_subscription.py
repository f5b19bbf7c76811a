"""What may be subscribed to, what is refused and how, and what each schema tells.

Source: Developer Guide, "Lambda Telemetry API reference", its event schema reference, and "Lambda
Logs API".
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.runtime.api.replies import Reply
from lambent.runtime.api.telemetry_buffer import Buffering
from lambent.runtime.api.telemetry_events import TelemetryEvent, dropped, render
from lambent.runtime.api.telemetry_subscription import (
    Api,
    Destination,
    Subscription,
    parse_subscription,
)

HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/a?b=c"}
RIGHT: dict[str, Any] = {
    "schemaVersion": "2022-12-13",
    "types": ["platform", "function"],
    "destination": HTTP,
}


def parse(value: object, api: Api = Api.TELEMETRY) -> Subscription | Reply:
    return parse_subscription(json.dumps(value).encode(), api)


def refused(value: object, api: Api = Api.TELEMETRY) -> tuple[int, str, str]:
    reply = parse(value, api)
    assert isinstance(reply, Reply), reply
    body = json.loads(reply.body)
    return reply.status, body["errorType"], body["errorMessage"]


def test_what_is_not_said_has_aws_defaults() -> None:
    assert parse(RIGHT) == Subscription(
        api=Api.TELEMETRY,
        schema="2022-12-13",
        types=("platform", "function"),
        destination=Destination(protocol="HTTP", port=8080, path="/a?b=c", method="POST"),
        buffering=Buffering(max_items=10_000, max_bytes=262_144, timeout_s=1.0),
    )
    logs = parse({"types": ["function"], "destination": HTTP}, Api.LOGS)
    assert isinstance(logs, Subscription)
    assert logs.schema == "2020-08-15"


def test_everything_that_may_be_said_is_taken() -> None:
    said = {
        **RIGHT,
        "buffering": {"maxItems": 1000, "maxBytes": 1_048_576, "timeoutMs": 25},
        "destination": {"protocol": "TCP", "port": 4444},
    }
    subscription = parse(said)
    assert isinstance(subscription, Subscription)
    assert subscription.buffering == Buffering(max_items=1000, max_bytes=1_048_576, timeout_s=0.025)
    assert subscription.destination == Destination(protocol="TCP", port=4444)
    put = parse({**RIGHT, "destination": {**HTTP, "method": "PUT", "encoding": "JSON"}})
    assert isinstance(put, Subscription)
    assert put.destination.method == "PUT"


def test_several_problems_are_told_at_once_as_the_guide_shows() -> None:
    wrong = {**RIGHT, "types": [], "destination": {**HTTP, "URI": "http://sandbox.localdomain"}}
    text = "URI port is not provided; types should not be empty"
    assert refused(wrong) == (400, "ValidationError", text)
    del wrong["schemaVersion"]
    assert refused(wrong, Api.LOGS) == (400, "Logs.ValidationError", text)


@pytest.mark.parametrize(
    ("change", "status", "part"),
    [
        ({"schemaVersion": "2021-03-18"}, 400, "released after 2021-03-18"),
        ({"schemaVersion": "1999-01-01"}, 400, "unknown variant `1999-01-01`"),
        ({"types": None}, 400, "missing field `types`"),
        ({"types": "platform"}, 400, "missing field `types`"),
        ({"types": ["logs"]}, 400, "unknown variant `logs`"),
        ({"types": [["platform"]]}, 400, "unknown variant"),
        ({"types": ["platform", "platform"]}, 400, "types should be unique"),
        ({"buffering": []}, 400, "invalid `buffering`"),
        ({"buffering": {"maxItems": 999}}, 400, "maxItems should be between 1000 and 10000"),
        ({"buffering": {"maxBytes": 2**30}}, 400, "maxBytes should be between"),
        ({"buffering": {"timeoutMs": 24}}, 400, "timeoutMs should be between 25 and 30000"),
        ({"buffering": {"timeoutMs": True}}, 400, "timeoutMs is not an integer"),
        ({"destination": None}, 400, "missing field `destination`"),
        ({"destination": {"protocol": "UDP"}}, 400, "unknown variant `UDP`"),
        ({"destination": {"protocol": "HTTP"}}, 400, "missing field `URI`"),
        ({"destination": {"protocol": "TCP"}}, 400, "missing field `port`"),
        ({"destination": {"protocol": "TCP", "port": 0}}, 400, "port should be between"),
        ({"destination": {"protocol": "TCP", "port": 9001}}, 400, "port 9001 is reserved"),
        ({"destination": {**HTTP, "method": "GET"}}, 400, "unknown variant `GET`"),
        ({"destination": {**HTTP, "URI": "https://sandbox.localdomain:1"}}, 403, "'http' scheme"),
        ({"destination": {**HTTP, "URI": "http://example.com:80"}}, 403, "hostname"),
        ({"destination": {**HTTP, "URI": "http://sandbox.localdomain:99999"}}, 400, "not valid"),
        ({"destination": {**HTTP, "URI": "http://sandbox.localdomain:1/\r\nX: y"}}, 400, ""),
        ({"destination": {**HTTP, "URI": "http://sandbox.localdomain:1/é"}}, 400, "not valid"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    change: dict[str, Any], status: int, part: str
) -> None:
    value = {**RIGHT, **change}
    if "\r" in str(change):  # urlsplit leaves line ends out: nothing of it may reach a request
        taken = parse(value)
        assert isinstance(taken, Subscription)
        assert taken.destination.path.isprintable()
        return
    got, _, text = refused(value)
    assert got == status
    assert part in text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    api=st.sampled_from(Api),
    value=_JSON | st.fixed_dictionaries({name: _JSON | st.just(RIGHT[name]) for name in RIGHT}),
)
def test_no_json_makes_it_fail(api: Api, value: object) -> None:
    assert isinstance(parse(value, api), Subscription | Reply)


@given(api=st.sampled_from(Api), body=st.binary(max_size=40))
def test_no_bytes_make_it_fail(api: Api, body: bytes) -> None:
    assert isinstance(parse_subscription(body, api), Subscription | Reply)


def rendered(kind: str, record: Any, schema: str, *, json_lines: bool = False) -> Any:
    told = render(TelemetryEvent(1_700_000_000.5, kind, record), schema, json_lines=json_lines)
    return None if told is None else json.loads(told)


DONE = {"requestId": "r", "status": "error", "errorType": "E", "metrics": {"durationMs": 1.5}}


@pytest.mark.parametrize(
    ("kind", "record", "told"),
    [
        ("platform.initStart", {"phase": "init"}, ("2022-07-01",)),
        ("platform.restoreStart", {}, ("2022-07-01",)),
        ("platform.end", {"requestId": "r"}, ("2020-08-15", "2021-03-18")),
        ("platform.fault", "text", ("2020-08-15", "2021-03-18")),
        ("platform.runtimeDone", DONE, ("2021-03-18", "2022-07-01")),
        ("platform.report", {"requestId": "r"}, ("2020-08-15", "2021-03-18", "2022-07-01")),
        ("function", "line\n", ("2020-08-15", "2021-03-18", "2022-07-01")),
    ],
)
def test_each_schema_tells_what_it_knows(kind: str, record: Any, told: tuple[str, ...]) -> None:
    for schema in ("2020-08-15", "2021-03-18", "2022-07-01"):
        event = rendered(kind, record, schema)
        assert (event is not None) == (schema in told)
        if event is not None:
            assert (event["time"], event["type"]) == ("2023-11-14T22:13:20.500Z", kind)


def test_the_older_schema_has_other_words_for_the_same() -> None:
    older = rendered("platform.runtimeDone", DONE, "2021-03-18")
    assert older["record"] == {"requestId": "r", "status": "failure"}
    assert rendered("platform.runtimeDone", DONE, "2022-07-01")["record"] == DONE


def test_lines_of_json_are_told_as_objects_where_the_function_logs_json() -> None:
    line = '{"level": "INFO", "message": "m"}\n'
    as_object = {"level": "INFO", "message": "m"}
    assert rendered("function", line, "2022-12-13", json_lines=True)["record"] == as_object
    assert rendered("function", line, "2022-12-13")["record"] == line
    assert rendered("function", line, "2022-07-01", json_lines=True)["record"] == line
    assert rendered("function", "{x\n", "2022-12-13", json_lines=True)["record"] == "{x\n"


def test_what_was_dropped_is_told_with_its_size() -> None:
    event = dropped(0.0, 3, 42)
    assert event.type == "platform"
    told = rendered(event.kind, event.record, "2020-08-15")["record"]
    assert (told["droppedRecords"], told["droppedBytes"]) == (3, 42)
    assert "fallen behind" in told["reason"]
