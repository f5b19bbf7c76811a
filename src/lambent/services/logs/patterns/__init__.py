"""Filter patterns: which log events are meant."""

from __future__ import annotations

from typing import Protocol

from lambent.services.logs.model import invalid_parameter
from lambent.services.logs.patterns.delimited import DelimitedPattern
from lambent.services.logs.patterns.errors import InvalidPattern
from lambent.services.logs.patterns.json_events import JsonPattern
from lambent.services.logs.patterns.terms import RegexPattern, TermsPattern


class FilterPattern(Protocol):
    """A compiled pattern; from any thread."""

    def matches(self, message: str) -> bool: ...

    def extract(self, message: str) -> dict[str, str]:
        """What a message that matches has for the fields that the pattern names."""
        ...


def parse_filter_pattern(pattern: str) -> FilterPattern | None:
    """What decides whether a message matches; None where every message does.

    Raises InvalidParameterException. Texts: terms as AWS's, others [own].
    """
    text = pattern.strip()
    if not text:
        return None
    try:
        if text[0] == "{":
            return JsonPattern(text)
        if text[0] == "[":
            return DelimitedPattern(text)
        if len(text) >= 2 and text[0] == text[-1] == "%":
            return RegexPattern(text[1:-1])
        return TermsPattern(text)
    except InvalidPattern as error:
        text = str(error)
        raise invalid_parameter(
            text if text.startswith("Invalid") else f"Invalid filter pattern: {text}."
        ) from None
