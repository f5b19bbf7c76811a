"""Which records a function gets: FilterCriteria. Pure.

A record passes that matches one of the filters. Part of a record is content that somebody else
wrote (`body` of a message, `data` of a Kinesis record): a filter of fields is asked of the content
as JSON, a filter of texts of content that is no JSON.
Source: [DG] "Control which events Lambda sends to your function", "Properly filtering Amazon SQS
messages", the table of incoming formats; of a queue's message the only key is `body`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lambent.domain.event_pattern import EventPattern, compile_pattern


@dataclass(frozen=True, slots=True)
class _Filter:
    pattern: EventPattern | None
    """None: everything passes."""
    wants_json: bool | None
    """Of the content; None: the pattern does not ask for it."""


class Criteria:
    """Compiled filters. Raises PatternError where one is none."""

    def __init__(self, patterns: Sequence[str], content_key: str) -> None:
        self._content_key = content_key
        self._filters = [_compile(text, content_key) for text in patterns]

    def passes(self, record: Mapping[str, Any], content: str) -> bool:
        """Whether the function gets `record`, whose content, decoded, is `content`."""
        if not self._filters:
            return True
        parsed = _parse(content)
        is_json = parsed is not None
        seen = {**record, self._content_key: parsed if is_json else content}
        return any(
            one.pattern is None or (one.wants_json in (None, is_json) and one.pattern.matches(seen))
            for one in self._filters
        )


def _compile(text: str, content_key: str) -> _Filter:
    pattern = json.loads(text)
    if not pattern:
        return _Filter(None, None)
    asked = pattern.get(content_key)
    return _Filter(compile_pattern(pattern), None if asked is None else isinstance(asked, dict))


def _parse(content: str) -> Any:
    """Content as JSON; None where it is a text. That a bare number is a text is UNVERIFIED."""
    if content.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
