"""Statements of a resource's policy, one by one: what AddPermission and RemovePermission change."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from lambent.domain.arns import PARTITION


class PolicyStatements:
    """A policy whose text has been checked, taken apart."""

    def __init__(self, text: str) -> None:
        self._policy: dict[str, Any] = json.loads(text)
        statements = self._policy["Statement"]
        self._statements = list(statements) if isinstance(statements, list) else [statements]

    def __len__(self) -> int:
        return len(self._statements)

    def __contains__(self, label: object) -> bool:
        return any(one.get("Sid") == label for one in self._statements)

    def allow(
        self, label: str, *, accounts: Collection[str], actions: Collection[str], resource: str
    ) -> str:
        """The policy's text with one statement more; `actions`: with their service's prefix."""
        roots = [f"arn:{PARTITION}:iam::{account}:root" for account in accounts]
        statement = {
            "Sid": label,
            "Effect": "Allow",
            "Principal": {"AWS": _one_or_all(roots)},
            "Action": _one_or_all(list(actions)),
            "Resource": resource,
        }
        return json.dumps({**self._policy, "Statement": [*self._statements, statement]})

    def without(self, label: str) -> str:
        """The policy's text without the label's statement; empty where none is left."""
        kept = [one for one in self._statements if one.get("Sid") != label]
        return json.dumps({**self._policy, "Statement": kept}) if kept else ""


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values
