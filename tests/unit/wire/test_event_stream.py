"""Event streams: whatever is encoded here is what botocore's decoder reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.loaders
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.model import ServiceModel
from botocore.parsers import RestJSONParser
from hypothesis import given
from hypothesis import strategies as st

from lambent.wire.event_stream import EventStream, encode_headers, encode_message
from lambent.wire.model import load_service

KINDS: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "byte": st.integers(-128, 127),
    "short": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "blob": st.binary(max_size=50),
    "string": st.text(st.characters(codec="utf-8"), max_size=50),
}
header = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.tuples(st.text("abc:-", min_size=1, max_size=20), KINDS[kind], st.just(kind))
)


@given(st.lists(header, max_size=5, unique_by=lambda one: one[0]), st.binary(max_size=300))
def test_botocore_reads_any_message(headers: list[tuple[str, Any, str]], payload: bytes) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(encode_message(encode_headers(headers), payload))
    (event,) = list(buffer)  # it checks both sums
    assert event.headers == {name: value for name, value, _ in headers}
    assert event.payload == payload


def test_a_time_is_a_header_of_milliseconds() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    buffer = EventStreamBuffer()
    buffer.add_data(encode_message(encode_headers([("at", moment, "timestamp")]), b""))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert next(buffer).headers == {"at": (moment - epoch) // timedelta(milliseconds=1)}


def lambda_stream() -> EventStream:
    shape = load_service("lambda").operations["InvokeWithResponseStream"].output
    assert shape is not None
    return EventStream(shape.members["EventStream"])


def parsed(data: bytes) -> list[dict[str, Any]]:
    """What a caller of boto3 gets for the messages in `data`."""
    model = ServiceModel(botocore.loaders.Loader().load_service_model("lambda", "service-2"))
    output = model.operation_model("InvokeWithResponseStream").output_shape
    shape = output.members["EventStream"]
    parser = RestJSONParser()._event_stream_parser  # as EventStream of botocore does it
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [parser.parse(event.to_response_dict(), shape) for event in buffer]


@given(st.lists(st.binary(max_size=200), max_size=5), st.data())
def test_botocore_reads_the_events_of_a_response(parts: list[bytes], data: st.DataObject) -> None:
    stream = lambda_stream()
    texts = st.none() | st.text(st.characters(codec="utf-8"), max_size=40)
    end = {name: data.draw(texts) for name in ("ErrorCode", "ErrorDetails", "LogResult")}
    sent = b"".join(stream.encode("PayloadChunk", {"Payload": part}) for part in parts)
    sent += stream.encode("InvokeComplete", end)
    *chunks, complete = parsed(sent)
    assert [chunk["PayloadChunk"]["Payload"] for chunk in chunks] == parts
    assert complete == {
        "InvokeComplete": {name: value for name, value in end.items() if value is not None}
    }


def test_the_headers_are_those_of_aws() -> None:
    """Smithy, 'Amazon event stream': message type, event type and content type."""
    buffer = EventStreamBuffer()
    buffer.add_data(lambda_stream().encode("PayloadChunk", {"Payload": b"x"}))
    assert next(buffer).headers == {
        ":event-type": "PayloadChunk",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    buffer.add_data(lambda_stream().encode("InvokeComplete", {}))
    event = next(buffer)
    assert event.headers[":content-type"] == "application/json"
    assert event.payload == b"{}"


@pytest.mark.parametrize(("event", "member"), [("Unknown", "Payload"), ("PayloadChunk", "Other")])
def test_what_the_model_does_not_name_is_a_mistake(event: str, member: str) -> None:
    with pytest.raises(KeyError):
        lambda_stream().encode(event, {member: b""})
