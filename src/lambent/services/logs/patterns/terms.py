"""Patterns of terms, phrases and regular expressions over a message. Pure.

Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters,
filter log events, and Live Tail". Terms are case-sensitive and found anywhere in the message.
"""

from __future__ import annotations

import re

from lambent.services.logs.patterns.errors import InvalidPattern
from lambent.services.logs.patterns.regex import InvalidRegex, Regex

_TERM = re.compile(r'\s*(?P<mark>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"]+))')
_UNQUOTED = re.compile(r"[^\W]+")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class TermsPattern:
    """All plain terms must be there and no `-term`.

    Of the `?terms` one must, which count only where there are no others. Raises InvalidPattern.
    """

    def __init__(self, text: str) -> None:
        terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
        at = 0
        while at < len(text):
            match = _TERM.match(text, at)
            if match is None:
                raise _invalid_characters('"')
            phrase, word = match["phrase"], match["word"]
            if word is not None:
                odd = _UNQUOTED.sub("", word)
                if odd:
                    raise _invalid_characters(odd)
            terms[match["mark"]].append(word if word is not None else _ESCAPE.sub(r"\1", phrase))
            at = match.end()
        self._wanted, self._any_of, self._excluded = terms[""], terms["?"], terms["-"]

    def matches(self, message: str) -> bool:
        if self._any_of and not self._wanted and not self._excluded:
            return any(term in message for term in self._any_of)
        return all(term in message for term in self._wanted) and not any(
            term in message for term in self._excluded
        )

    def extract(self, message: str) -> dict[str, str]:
        """Terms name no values."""
        return {}


class RegexPattern:
    """What stands between two `%`. Raises InvalidPattern."""

    def __init__(self, expression: str) -> None:
        try:
            self.matches = Regex(expression).search
        except InvalidRegex as error:
            raise InvalidPattern(f"Invalid regular expression in filter pattern: {error}") from None

    def extract(self, message: str) -> dict[str, str]:
        """Regular expressions have no groups."""
        return {}


def _invalid_characters(characters: str) -> InvalidPattern:
    return InvalidPattern(f"Invalid character(s) in term '{characters}'")
