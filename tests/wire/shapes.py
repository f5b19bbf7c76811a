"""Hypothesis strategies for botocore's shapes, honouring the constraints that the model states."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from lambent.wire.patterns import compile_pattern

INTEGERS = {"integer": 2**31, "long": 2**63, "short": 2**15, "byte": 2**7}
# XML 1.0 has no control characters; a lone surrogate has no UTF-8.
TEXT = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
HEADER_TEXT = st.characters(min_codepoint=33, max_codepoint=126)
DEPTH_MAX = 4


def values(shape: Any, *, query: bool = False, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of `shape`; `query`: without what that protocol cannot say (an empty map)."""
    kind, limits = shape.type_name, shape.metadata
    match kind:
        case "structure":
            return structures(shape, query=query, depth=depth)
        case "list":
            low = max(limits.get("min", 0), 1 if in_query_string(shape) else 0)
            high = max(low, min(limits.get("max", 3), 3))
            return st.lists(
                values(shape.member, query=query, depth=depth + 1), min_size=low, max_size=high
            )
        case "map":
            low = max(limits.get("min", 0), 1 if query else 0)
            return st.dictionaries(
                values(shape.key),
                values(shape.value, query=query, depth=depth + 1),
                min_size=low,
                max_size=max(low, min(limits.get("max", 3), 3)),
            )
        case _:
            return scalars(shape)


def structures(shape: Any, *, query: bool, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    required, optional = {}, {}
    for name, member in shape.members.items():
        if member.serialization.get("eventstream"):
            continue
        is_required = name in shape.required_members
        deep = depth >= DEPTH_MAX and member.type_name in ("structure", "list", "map")
        if is_required or not deep:
            strategy = values(member, query=query, depth=depth + 1)
            (required if is_required else optional)[name] = strategy
    found = st.fixed_dictionaries(required, optional=optional)
    return found.filter(bool) if query and depth and (required or optional) else found


def scalars(shape: Any) -> st.SearchStrategy[Any]:
    limits = shape.metadata
    match shape.type_name:
        case "string":
            return strings(shape)
        case "blob":
            low = max(limits.get("min", 0), 1)
            return st.binary(min_size=low, max_size=low + 20)
        case "boolean":
            return st.booleans()
        case "timestamp":
            low, high = datetime(1971, 1, 1), datetime(2100, 1, 1)
            moments = st.datetimes(low, high, timezones=st.just(UTC))
            return moments.map(lambda moment: moment.replace(microsecond=0))
        case "float" | "double":
            low, high = limits.get("min", -1e9), limits.get("max", 1e9)
            return st.floats(low, high, allow_nan=False)
        case kind:
            bound = INTEGERS[kind]
            return st.integers(limits.get("min", -bound), limits.get("max", bound - 1))


def strings(shape: Any) -> st.SearchStrategy[str]:
    limits = shape.metadata
    if "enum" in limits:
        return st.sampled_from(limits["enum"])
    location = shape.serialization.get("location")
    low = max(limits.get("min", 0), 1 if location in ("uri", "header") else 0)
    high = limits.get("max", 10**9)
    if "pattern" not in limits:
        alphabet = HEADER_TEXT if location == "header" else TEXT
        return st.text(alphabet, min_size=low, max_size=max(low, min(high, low + 20)))
    return matching(limits["pattern"], low, high)


@functools.cache
def matching(pattern: str, low: int, high: int) -> st.SearchStrategy[str]:
    """Text of `low` to `high` characters that matches `pattern` as a whole."""
    compiled = compile_pattern(pattern)
    assert compiled is not None, pattern
    alphabet = st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_categories=("Cc",))
    found = st.from_regex(compiled, fullmatch=True, alphabet=alphabet)
    # A pattern that ends in a repetition is stretched to the least length by its last character.
    stretched = found.map(lambda text: text + text[-1:] * (low - len(text)))
    return stretched.filter(
        lambda text: low <= len(text) <= high and compiled.fullmatch(text) is not None
    )


def in_query_string(shape: Any) -> bool:
    return shape.serialization.get("location") == "querystring"
