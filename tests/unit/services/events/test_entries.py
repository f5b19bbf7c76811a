"""What PutEvents takes. Sizes: EventBridge User Guide, "Calculating PutEvents event entry size"."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.services.events.entries import (
    ENTRIES_BYTES_MAX,
    EntryRefused,
    build_event,
    check_size,
    size_of,
)

WHOLE = {"Source": "shop", "DetailType": "order", "Detail": "{}"}


def build(**changes: object) -> tuple[dict[str, object], str]:
    return build_event({**WHOLE, **changes}, event_id="1", account=Account(), now_s=1_700_000_000.5)


def test_an_entry_is_as_large_as_its_texts_and_its_time() -> None:
    assert size_of(WHOLE) == len("shop") + len("order") + 2
    more = {"Detail": '"é"', "Time": datetime.now(UTC), "Resources": ["a", "bc"]}
    assert size_of({**WHOLE, **more}) == 4 + 5 + 4 + 14 + 3
    check_size([{**WHOLE, "Detail": "x" * (ENTRIES_BYTES_MAX - 10)}])
    with pytest.raises(LambdaError):
        check_size([{**WHOLE, "Detail": "x" * (ENTRIES_BYTES_MAX - 9)}])


def test_an_event_has_the_time_of_its_call_unless_it_names_one() -> None:
    assert build()[0]["time"] == "2023-11-14T22:13:20Z"
    moment = datetime.fromisoformat("2026-01-02T03:04:05.678+02:00")
    assert build(Time=moment)[0]["time"] == "2026-01-02T01:04:05Z"


@pytest.mark.parametrize(
    "detail",
    ["[" * 100_000, '{"a":' * 2_000, '{"a": 1e999}', '{"a": "\\ud800"}', "{} {}", "nul", '{"a"}'],
)
def test_details_that_cannot_be_passed_on_are_malformed(detail: str) -> None:
    with pytest.raises(EntryRefused) as raised:
        build(Detail=detail)
    assert raised.value.code == "MalformedDetail"


@given(
    st.dictionaries(st.text(), st.integers() | st.text() | st.floats(allow_nan=False), max_size=5)
)
def test_a_detail_comes_out_as_it_went_in(detail: dict[str, object]) -> None:
    try:
        _, text = build(Detail=json.dumps(detail))
    except EntryRefused:
        assert any(
            isinstance(value, float) and value in (float("inf"), float("-inf"))
            for value in detail.values()
        )
        return
    assert json.loads(text)["detail"] == detail
