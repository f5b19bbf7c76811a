"""Listings in pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.control.paging import take_page
from lambent.domain.errors import LambdaError


@given(st.sets(st.text(min_size=1, max_size=5), max_size=30), st.integers(1, 7))
def test_the_pages_together_are_the_listing(names: set[str], items_max: int) -> None:
    keys, seen, marker = sorted(names), [], None
    while True:
        page = take_page(keys, str, marker=marker, items_max=items_max)
        assert len(page.items) <= items_max
        seen += page.items
        marker = page.next_marker
        if marker is None:
            break
    assert seen == keys


def test_a_listing_goes_on_where_it_was_though_items_come_and_go() -> None:
    first = take_page(["a", "b", "c", "d"], str, marker=None, items_max=2)
    second = take_page(["a2", "c", "d", "e"], str, marker=first.next_marker, items_max=9)
    assert second.items == ("c", "d", "e")


def test_a_marker_that_no_page_gave_is_refused() -> None:
    with pytest.raises(LambdaError, match="Invalid marker"):
        take_page(["a"], str, marker="not base64!", items_max=1)
