"""Method, path and query of a REST request → what serves it: a tree, built once a service."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar
from urllib.parse import parse_qsl, unquote

T = TypeVar("T")

QUERY_FIELDS_MAX = 1_000
"""[own] Fields of one query string; AWS's own bound is not known."""

_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


class _Node(Generic[T]):
    __slots__ = ("greedy", "label", "leaves", "literal")

    def __init__(self) -> None:
        self.literal: dict[str, _Node[T]] = {}
        self.label: _Node[T] | None = None
        self.greedy: _Node[T] | None = None
        self.leaves: dict[str, list[_Leaf[T]]] = {}


class _Leaf(Generic[T]):
    """`target` serves where every constant of the query is there."""

    __slots__ = ("constants", "names", "target")

    def __init__(
        self, names: tuple[str, ...], constants: tuple[tuple[str, str], ...], target: T
    ) -> None:
        self.names = names
        self.constants = constants
        self.target = target


class RouteTable(Generic[T]):
    """Routes of the form `/2015-03-31/functions/{Name}/code?find=X`; `{Key+}` spans segments."""

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        self._root: _Node[T] = _Node()
        for method, template, target in routes:
            self._add(method, template, target)

    def match(self, method: str, path: str, query: str) -> tuple[T, dict[str, str]] | None:
        """The target and its percent-decoded labels; None where nothing serves it.

        One trailing slash is ignored, as AWS does. A literal segment wins over a label.
        """
        segments = path.split("/")[1:]
        if len(segments) > 1 and segments[-1] == "":
            segments.pop()
        values: list[str] = []
        leaf = _find(self._root, segments, 0, values, method, query)
        if leaf is None:
            return None
        labels = {
            name: unquote(value) if "%" in value else value
            for name, value in zip(leaf.names, values, strict=True)
        }
        return leaf.target, labels

    def _add(self, method: str, template: str, target: T) -> None:
        path, _, query = template.partition("?")
        node, names = self._root, []
        segments = path.split("/")[1:]
        if len(segments) > 1 and segments[-1] == "":
            segments.pop()
        for segment in segments:
            label = _LABEL.fullmatch(segment)
            if label is None:
                node = node.literal.setdefault(segment, _Node())
                continue
            names.append(label[1])
            if label[2]:
                node.greedy = node = node.greedy or _Node()
            else:
                node.label = node = node.label or _Node()
        leaves = node.leaves.setdefault(method, [])
        constants = tuple(parse_qsl(query, keep_blank_values=True))
        leaves.append(_Leaf(tuple(names), constants, target))
        leaves.sort(key=lambda leaf: -len(leaf.constants))


def _find(
    node: _Node[T], segments: list[str], at: int, values: list[str], method: str, query: str
) -> _Leaf[T] | None:
    """The leaf under `node` for the segments from `at`; `values` gets the labels' raw text."""
    if at == len(segments):
        return _choose(node.leaves.get(method), query)
    segment = segments[at]
    literal = node.literal.get(segment)
    if literal is not None:
        leaf = _find(literal, segments, at + 1, values, method, query)
        if leaf is not None:
            return leaf
    if node.label is not None and segment:
        values.append(segment)
        leaf = _find(node.label, segments, at + 1, values, method, query)
        if leaf is not None:
            return leaf
        values.pop()
    if node.greedy is not None:
        return _find_greedy(node.greedy, segments, at, values, method, query)
    return None


def _find_greedy(
    node: _Node[T], segments: list[str], at: int, values: list[str], method: str, query: str
) -> _Leaf[T] | None:
    """A run of segments after which the rest fits; the more literals follow, the better."""
    # What may follow a greedy label is short (`/{Key+}/suffix`): only the last ends are tried.
    for end in range(max(at + 1, len(segments) - 3), len(segments) + 1):
        values.append("/".join(segments[at:end]))
        leaf = _find(node, segments, end, values, method, query)
        if leaf is not None:
            return leaf
        values.pop()
    return None


def _choose(leaves: list[_Leaf[T]] | None, query: str) -> _Leaf[T] | None:
    if leaves is None:
        return None
    fields: set[tuple[str, str]] | None = None
    for leaf in leaves:  # the most constants first
        if not leaf.constants:
            return leaf
        if fields is None:
            fields = set(parse_fields(query))
        if fields.issuperset(leaf.constants):
            return leaf
    return None


def parse_fields(query: str, *, fields_max: int = QUERY_FIELDS_MAX) -> list[tuple[str, str]]:
    """The fields of a query string or form, decoded; those past `fields_max` are not there."""
    if not query:
        return []
    if query.count("&") >= fields_max:
        query = "&".join(query.split("&", fields_max)[:fields_max])
    return parse_qsl(query, keep_blank_values=True)
