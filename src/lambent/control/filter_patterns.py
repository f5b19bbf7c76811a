"""Whether a filter pattern of an event source mapping is one; pure.

Syntax: [DG] "Control which events Lambda sends to your function": an object whose leaves are
arrays of values and comparisons. Every refusal has AWS's one text [LS].
"""

from __future__ import annotations

import json
from typing import Any

from lambent.domain.errors import LambdaError, invalid_parameter

DEPTH_MAX = 32
"""[own] objects within objects."""

_COMPARATORS = ("=", "<", "<=", ">", ">=")


def check_pattern(text: str) -> None:
    """Raise InvalidParameterValueException where `text` is no pattern."""
    try:
        pattern = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid() from None
    if not isinstance(pattern, dict):
        raise _invalid()
    _check_object(pattern, depth=0)


def _check_object(pattern: dict[str, Any], *, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise _invalid()
    for key, value in pattern.items():
        if key == "$or":
            if not isinstance(value, list) or len(value) < 2:
                raise _invalid()
            for choice in value:
                if not isinstance(choice, dict) or not choice:
                    raise _invalid()
                _check_object(choice, depth=depth + 1)
        elif isinstance(value, dict):
            if not value:
                raise _invalid()
            _check_object(value, depth=depth + 1)
        elif isinstance(value, list) and value:
            for item in value:
                _check_leaf(item)
        else:
            raise _invalid()


def _check_leaf(item: Any) -> None:
    """A value to equal, or one comparison."""
    if isinstance(item, dict):
        if len(item) != 1:
            raise _invalid()
        ((name, operand),) = item.items()
        check = _COMPARISONS.get(name)
        if check is None or not check(operand):
            raise _invalid()
    elif isinstance(item, list):
        raise _invalid()


def _is_text(operand: Any) -> bool:
    return isinstance(operand, str)


def _is_number(operand: Any) -> bool:
    return isinstance(operand, int | float) and not isinstance(operand, bool)


def _is_exists(operand: Any) -> bool:
    return isinstance(operand, bool)


def _is_anything_but(operand: Any) -> bool:
    """A value, a list of values, or a prefix or suffix."""
    if isinstance(operand, dict):
        return len(operand) == 1 and all(
            name in ("prefix", "suffix") and _is_text(value) for name, value in operand.items()
        )
    if isinstance(operand, list):
        return bool(operand) and all(_is_text(one) or _is_number(one) for one in operand)
    return _is_text(operand) or _is_number(operand)


def _is_numeric(operand: Any) -> bool:
    """One comparison, or two that make a range."""
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        return False
    return all(
        operand[at] in _COMPARATORS and _is_number(operand[at + 1])
        for at in range(0, len(operand), 2)
    )


_COMPARISONS = {
    "prefix": _is_text,
    "suffix": _is_text,
    "equals-ignore-case": _is_text,
    "exists": _is_exists,
    "anything-but": _is_anything_but,
    "numeric": _is_numeric,
}


def _invalid() -> LambdaError:
    return invalid_parameter("Invalid filter pattern definition.")
