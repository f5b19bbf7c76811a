"""The regular expressions of filter patterns, matched in linear time.

CloudWatch Logs allows no groups, so a pattern is alternatives of atoms with quantifiers. Python's
`re` would backtrack for minutes on some of them; here the set of places that may come next is a bit
mask, and each (mask, character) is worked out once and remembered (a DFA, made as needed).
Source of the syntax: CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax".
"""

from __future__ import annotations

import string
from dataclasses import dataclass

ATOMS_MAX = 256
"""Atoms after `{n,m}` is written out."""
_STATES_MAX = 2_000
"""Remembered masks, before all are forgotten and found anew."""
_LITERALS = frozenset(string.ascii_letters + string.digits + ":_#=@/;,-")
_QUANTIFIERS = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_DIGITS = frozenset(string.digits)
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_SPACE = frozenset(" \t\n\r\f\v")


class InvalidRegex(ValueError):
    """The expression is outside what filter patterns allow; the text names the place."""


@dataclass(frozen=True, slots=True)
class _Class:
    """Which characters an atom takes."""

    characters: frozenset[str]
    negated: bool = False

    def __contains__(self, character: str) -> bool:
        return (character in self.characters) != self.negated


_ANY = _Class(frozenset("\n"), negated=True)
_ESCAPES = {
    "d": _Class(_DIGITS),
    "D": _Class(_DIGITS, negated=True),
    "w": _Class(_WORD),
    "W": _Class(_WORD, negated=True),
    "s": _Class(_SPACE),
    "S": _Class(_SPACE, negated=True),
}


@dataclass(frozen=True, slots=True)
class _Atom:
    takes: _Class
    optional: bool
    repeated: bool


@dataclass(slots=True)
class _Alternative:
    atoms: list[_Atom]
    from_start: bool = False
    to_end: bool = False


class _State:
    """A set of places in the pattern, and what each character leads to."""

    __slots__ = ("at_end", "mask", "matched", "next")

    def __init__(self, mask: int, *, matched: bool, at_end: bool) -> None:
        self.mask = mask
        self.matched = matched
        self.at_end = at_end
        self.next: dict[str, _State] = {}


class Regex:
    """A compiled expression. Raises InvalidRegex."""

    def __init__(self, pattern: str) -> None:
        self._atoms: list[tuple[int, _Class]] = []  # (its bit, what it takes)
        self._optional = self._repeated = 0
        self._done = self._done_at_end = 0
        everywhere = at_start = position = 0
        for alternative in _Parser(pattern).parse():
            at_start |= 1 << position
            everywhere |= 0 if alternative.from_start else 1 << position
            for atom in alternative.atoms:
                bit = 1 << position
                self._atoms.append((bit, atom.takes))
                self._optional |= bit if atom.optional else 0
                self._repeated |= bit if atom.repeated else 0
                position += 1
            if alternative.to_end:
                self._done_at_end |= 1 << position
            else:
                self._done |= 1 << position
            position += 1
        if position > ATOMS_MAX:
            raise InvalidRegex("too long")
        self._everywhere = self._closed(everywhere)
        self._states: dict[int, _State] = {}
        self._start = self._state(self._closed(at_start))

    def search(self, text: str) -> bool:
        """Whether the expression matches anywhere in `text`."""
        state = self._start
        if state.matched:
            return True
        for character in text:
            state = state.next.get(character) or self._step(state, character)
            if state.matched:
                return True
        return state.at_end

    def _step(self, state: _State, character: str) -> _State:
        taken = 0
        for bit, takes in self._atoms:
            if state.mask & bit and character in takes:
                taken |= bit
        mask = self._closed(taken << 1 | taken & self._repeated) | self._everywhere
        found = state.next[character] = self._state(mask)
        return found

    def _state(self, mask: int) -> _State:
        state = self._states.get(mask)
        if state is None:
            if len(self._states) >= _STATES_MAX:
                for known in self._states.values():
                    known.next.clear()
                self._states.clear()
            matched = bool(mask & self._done)
            at_end = bool(mask & self._done_at_end)
            state = self._states[mask] = _State(mask, matched=matched, at_end=at_end)
        return state

    def _closed(self, mask: int) -> int:
        """`mask` with the places behind optional atoms."""
        while (more := mask | (mask & self._optional) << 1) != mask:
            mask = more
        return mask


class _Parser:
    """Recursive descent without recursion: the syntax has no nesting."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def parse(self) -> list[_Alternative]:
        alternatives = [_Alternative([])]
        while self._at < len(self._text):
            character = self._take()
            current = alternatives[-1]
            if character == "|":
                alternatives.append(_Alternative([]))
            elif current.to_end:
                raise InvalidRegex("characters after '$'")
            elif character == "^" and not current.atoms and not current.from_start:
                current.from_start = True
            elif character == "$":
                current.to_end = True
            else:
                current.atoms += self._quantified(self._atom(character))
                if len(current.atoms) > ATOMS_MAX:
                    raise InvalidRegex("too long")
        return alternatives

    def _take(self) -> str:
        if self._at >= len(self._text):
            raise InvalidRegex("it ends too early")
        self._at += 1
        return self._text[self._at - 1]

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _atom(self, character: str) -> _Class:
        if character == ".":
            return _ANY
        if character == "\\":
            return self._escape()
        if character == "[":
            return self._bracket()
        if character not in _LITERALS:
            raise InvalidRegex(f"Invalid character(s) in term '{character}'")
        return _Class(frozenset(character))

    def _escape(self) -> _Class:
        character = self._take()
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character == "x":
            digits = self._take() + self._take()
            if not set(digits) <= set(string.hexdigits):
                raise InvalidRegex(f"'\\x{digits}'")
            return _Class(frozenset(chr(int(digits, 16))))
        if character.isalnum():
            raise InvalidRegex(f"'\\{character}'")
        return _Class(frozenset(character))

    def _bracket(self) -> _Class:
        negated = self._peek() == "^"
        if negated:
            self._take()
        found: set[str] = set()
        while (character := self._take()) != "]" or not found:
            members = self._escape() if character == "\\" else _Class(frozenset(character))
            if members.negated:
                raise InvalidRegex("a negated escape within brackets")
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._take()
                members = _Class(_range(members, self._take()))
            found |= members.characters
        return _Class(frozenset(found), negated=negated)

    def _quantified(self, takes: _Class) -> list[_Atom]:
        sign = self._peek()
        if sign in _QUANTIFIERS:
            self._take()
            least, most = _QUANTIFIERS[sign]
        elif sign == "{":
            self._take()
            least, most = self._counts()
        else:
            least, most = 1, 1
        if max(least, most or 0) > ATOMS_MAX:
            raise InvalidRegex("too long")
        atoms = [_Atom(takes, optional=False, repeated=False)] * least
        if most is None:
            return [*atoms, _Atom(takes, optional=True, repeated=True)]
        return atoms + [_Atom(takes, optional=True, repeated=False)] * (most - least)

    def _counts(self) -> tuple[int, int | None]:
        """What stands in braces: `{n}`, `{n,}` or `{n,m}`."""
        inside = ""
        while (character := self._take()) != "}":
            inside += character
        low, comma, high = inside.partition(",")
        if not (low.isascii() and low.isdigit() and len(low) < 6):
            raise InvalidRegex(f"'{{{inside}}}'")
        if not comma:
            return int(low), int(low)
        if high == "":
            return int(low), None
        if not (high.isascii() and high.isdigit() and len(high) < 6) or int(high) < int(low):
            raise InvalidRegex(f"'{{{inside}}}'")
        return int(low), int(high)


def _range(start: _Class, end: str) -> frozenset[str]:
    first = min(start.characters)
    if len(start.characters) != 1 or end < first or ord(end) > 0xFF:
        raise InvalidRegex(f"'{first}-{end}'")
    return frozenset(map(chr, range(ord(first), ord(end) + 1)))
