"""Filter patterns: terms, phrases and regular expressions over a message.

Source: CloudWatch Logs User Guide, "Filter pattern syntax for metric filters, subscription filters,
filter log events, and Live Tail". Terms are case-sensitive and found anywhere in the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lambent.domain.errors import LambdaError
from lambent.services.logs.model import invalid_parameter
from lambent.services.logs.regex import InvalidRegex, Regex

Matcher = Callable[[str], bool]

_TERM = re.compile(r'\s*(?P<mark>[?-]?)(?:"(?P<phrase>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"]+))')
_UNQUOTED = re.compile(r"[^\W]+")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def parse_filter_pattern(pattern: str) -> Matcher | None:
    """What decides whether a message matches; None where every message does.

    All plain terms must be there and no `-term`; of the `?terms` one must, which count only where
    there are no other terms. Raises InvalidParameterException.
    """
    text = pattern.strip()
    if not text:
        return None
    if text[0] in "{[":
        kind = "JSON" if text[0] == "{" else "space-delimited"
        raise invalid_parameter(f"Lambent does not support {kind} filter patterns yet.")
    if len(text) >= 2 and text[0] == text[-1] == "%":
        return _parse_regex(text[1:-1])
    return _parse_terms(text)


def _parse_regex(expression: str) -> Matcher:
    try:
        return Regex(expression).search
    except InvalidRegex as error:
        raise invalid_parameter(f"Invalid regular expression in filter pattern: {error}") from None


def _parse_terms(text: str) -> Matcher:
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
    wanted, any_of, excluded = terms[""], terms["?"], terms["-"]
    if any_of and not wanted and not excluded:
        return lambda message: any(term in message for term in any_of)
    return lambda message: (
        all(term in message for term in wanted) and not any(term in message for term in excluded)
    )


def _invalid_characters(characters: str) -> LambdaError:
    return invalid_parameter(f"Invalid character(s) in term '{characters}'")
