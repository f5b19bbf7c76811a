"""What Lambent's own endpoints make of a query."""

from __future__ import annotations

import pytest

from lambent.gateway.local import parse_port


@pytest.mark.parametrize(
    ("query", "port"),
    [("", 0), ("port=0", 0), ("port=5678", 5678), ("port=1&port=65535", 65535), ("other=1", 0)],
)
def test_a_port_for_a_debugger_is_asked_for_by_the_query(query: str, port: int) -> None:
    assert parse_port(query) == port


@pytest.mark.parametrize("text", ["", "x", "-1", "65536", "1" * 5000, "%D9%A1", "1.0"])
def test_what_is_no_port_is_told_from_none(text: str) -> None:
    assert parse_port(f"port={text}") is None
