"""Condition blocks: every operator in use, on context keys with one value or several.

All operators of a block must hold, and all keys of an operator; of a key's values one is enough, or
none may fit where the operator is a negated one. Source: IAM User Guide, "Condition operators" and
"Multivalued context keys".
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from lambent.policy.wildcards import (
    Facts,
    Fixed,
    Glob,
    Part,
    Wild,
    fill_in,
    parse_parts,
)

Compare = Callable[[tuple[Fixed, ...], str], bool]
"""Whether a value of the request fits a value of the policy."""

Quantifier = Literal["", "ForAllValues", "ForAnyValue"]


def _text(parts: tuple[Fixed, ...]) -> str:
    return "".join(part if isinstance(part, str) else part.value for part in parts)


def _string_equals(parts: tuple[Fixed, ...], value: str) -> bool:
    return _text(parts) == value


def _string_equals_ignoring_case(parts: tuple[Fixed, ...], value: str) -> bool:
    return _text(parts).lower() == value.lower()


def _like(parts: tuple[Fixed, ...], value: str) -> bool:
    return Glob(parts).matches(value)


def _arn_like(parts: tuple[Fixed, ...], value: str) -> bool:
    """Each of an ARN's six components by itself: a star does not reach across the first five."""
    if parts == (Wild.MANY,):
        return True
    wanted, given = _components(parts), value.split(":", _COLONS)
    return len(wanted) == len(given) == _COLONS + 1 and all(
        Glob(pattern).matches(text) for pattern, text in zip(wanted, given, strict=True)
    )


_COLONS = 5


def _components(parts: tuple[Fixed, ...]) -> list[list[Fixed]]:
    components: list[list[Fixed]] = [[]]
    for part in parts:
        if not isinstance(part, str):
            components[-1].append(part)
            continue
        first, *others = part.split(":", _COLONS + 1 - len(components))
        components[-1].append(first)
        components.extend([text] for text in others)
    return components


def _numeric(compare: Callable[[Decimal, Decimal], bool]) -> Compare:
    def numbers(parts: tuple[Fixed, ...], value: str) -> bool:
        wanted, given = _number(_text(parts)), _number(value)
        return wanted is not None and given is not None and compare(given, wanted)

    return numbers


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _date(compare: Callable[[Decimal, Decimal], bool]) -> Compare:
    def instants(parts: tuple[Fixed, ...], value: str) -> bool:
        wanted, given = _instant(_text(parts)), _instant(value)
        return wanted is not None and given is not None and compare(given, wanted)

    return instants


def _instant(text: str) -> Decimal | None:
    """Seconds since 1970, from ISO 8601 or from such a number."""
    number = _number(text)
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Decimal(str(moment.timestamp()))


def _binary_equals(parts: tuple[Fixed, ...], value: str) -> bool:
    """Both are base64."""
    try:
        return base64.b64decode(_text(parts), validate=True) == base64.b64decode(
            value, validate=True
        )
    except (binascii.Error, ValueError):
        return False


def _ip_address(parts: tuple[Fixed, ...], value: str) -> bool:
    """An address within a network; an address alone is a network of one."""
    try:
        network = ipaddress.ip_network(_text(parts), strict=False)
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return address.version == network.version and address in network


@dataclass(frozen=True, slots=True)
class _Operator:
    """How one operator compares."""

    compare: Compare
    negated: bool = False
    wildcards: bool = False


_EQUAL: Callable[[Decimal, Decimal], bool] = lambda given, wanted: given == wanted  # noqa: E731
_LESS: Callable[[Decimal, Decimal], bool] = lambda given, wanted: given < wanted  # noqa: E731
_UP_TO: Callable[[Decimal, Decimal], bool] = lambda given, wanted: given <= wanted  # noqa: E731
_MORE: Callable[[Decimal, Decimal], bool] = lambda given, wanted: given > wanted  # noqa: E731
_FROM: Callable[[Decimal, Decimal], bool] = lambda given, wanted: given >= wanted  # noqa: E731

_OPERATORS: Mapping[str, _Operator] = {
    "StringEquals": _Operator(_string_equals),
    "StringNotEquals": _Operator(_string_equals, negated=True),
    "StringEqualsIgnoreCase": _Operator(_string_equals_ignoring_case),
    "StringNotEqualsIgnoreCase": _Operator(_string_equals_ignoring_case, negated=True),
    "StringLike": _Operator(_like, wildcards=True),
    "StringNotLike": _Operator(_like, negated=True, wildcards=True),
    "NumericEquals": _Operator(_numeric(_EQUAL)),
    "NumericNotEquals": _Operator(_numeric(_EQUAL), negated=True),
    "NumericLessThan": _Operator(_numeric(_LESS)),
    "NumericLessThanEquals": _Operator(_numeric(_UP_TO)),
    "NumericGreaterThan": _Operator(_numeric(_MORE)),
    "NumericGreaterThanEquals": _Operator(_numeric(_FROM)),
    "DateEquals": _Operator(_date(_EQUAL)),
    "DateNotEquals": _Operator(_date(_EQUAL), negated=True),
    "DateLessThan": _Operator(_date(_LESS)),
    "DateLessThanEquals": _Operator(_date(_UP_TO)),
    "DateGreaterThan": _Operator(_date(_MORE)),
    "DateGreaterThanEquals": _Operator(_date(_FROM)),
    "Bool": _Operator(_string_equals_ignoring_case),
    "BinaryEquals": _Operator(_binary_equals),
    "IpAddress": _Operator(_ip_address),
    "NotIpAddress": _Operator(_ip_address, negated=True),
    "ArnEquals": _Operator(_arn_like, wildcards=True),  # the same as ArnLike, IAM User Guide
    "ArnLike": _Operator(_arn_like, wildcards=True),
    "ArnNotEquals": _Operator(_arn_like, negated=True, wildcards=True),
    "ArnNotLike": _Operator(_arn_like, negated=True, wildcards=True),
}

_IF_EXISTS = "IfExists"


class UnknownOperator(Exception):
    """No operator has this name."""


class Condition:
    """One operator on one key."""

    __slots__ = ("_if_exists", "_key", "_null", "_operator", "_quantifier", "_values")

    def __init__(self, operator: str, key: str, values: list[str], *, variables: bool) -> None:
        """Raises UnknownOperator."""
        self._key = key.lower()
        self._quantifier: Quantifier = ""
        prefix, colon, name = operator.partition(":")
        if not colon:
            name = prefix
        elif prefix == "ForAllValues":
            self._quantifier = "ForAllValues"
        elif prefix == "ForAnyValue":
            self._quantifier = "ForAnyValue"
        else:
            raise UnknownOperator(operator)
        self._null = name == "Null"
        self._if_exists = name.endswith(_IF_EXISTS)
        found = _OPERATORS.get(name.removesuffix(_IF_EXISTS))
        if found is None and not self._null:
            raise UnknownOperator(operator)
        self._operator = found or _OPERATORS["Bool"]
        self._values: tuple[tuple[Part, ...], ...] = tuple(
            parse_parts(value, variables=variables, wildcards=self._operator.wildcards)
            for value in values
        )

    def holds(self, facts: Facts) -> bool:
        """Whether the request's context meets it."""
        found = facts.get(self._key)
        given = (found,) if isinstance(found, str) else found
        if self._null:
            missing = "false" if given else "true"
            return any(self._fits(value, missing, facts) for value in self._values)
        if not given:
            return self._holds_without(asked=given is not None)
        tests = (self._one_holds(value, facts) for value in given)
        if self._quantifier == "ForAnyValue":
            return any(tests)
        if self._quantifier == "ForAllValues":
            return all(tests)
        # Without a quantifier, of several values: one that fits, or none where it is negated.
        return all(tests) if self._operator.negated else any(tests)

    def _holds_without(self, *, asked: bool) -> bool:
        """The key is not in the request (or, `asked`, there with no values)."""
        if self._quantifier == "ForAllValues" or self._if_exists:
            return True
        if self._quantifier == "ForAnyValue":
            return False
        return self._operator.negated

    def _one_holds(self, given: str, facts: Facts) -> bool:
        fits = any(self._fits(value, given, facts) for value in self._values)
        return fits != self._operator.negated

    def _fits(self, wanted: tuple[Part, ...], given: str, facts: Facts) -> bool:
        filled = fill_in(wanted, facts)
        return filled is not None and self._operator.compare(filled, given)
