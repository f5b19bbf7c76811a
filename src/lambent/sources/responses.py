"""Partial batch responses: which records of a batch failed. Pure.

Source: [DG] "Implementing partial batch responses", the conditions of success and failure.
"""

from __future__ import annotations

import json
from collections.abc import Sequence


def parse_failures(payload: bytes, ids: Sequence[str]) -> set[str] | None:
    """The ids that a response with ReportBatchItemFailures names; None: the whole batch failed.

    Empty where all succeeded: an empty or null response or list. The batch fails as a whole where
    the response is no JSON, no object, or names what is not in the batch, is empty or null, or by
    another key than `itemIdentifier`.
    """
    try:
        response = json.loads(payload) if payload.strip() else None
    except (ValueError, RecursionError):
        return None
    if response is None:
        return set()
    if not isinstance(response, dict):
        return None
    failures = response.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return None
    known, failed = frozenset(ids), set()
    for failure in failures:
        name = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(name, str) or name not in known:
            return None
        failed.add(name)
    return failed
