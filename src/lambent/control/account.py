"""What the account may use and does."""

from __future__ import annotations

from dataclasses import dataclass

from lambent.control.concurrency import Concurrency
from lambent.control.registry import Registry
from lambent.domain import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """GetAccountSettings: limits, then use; sizes in bytes."""

    code_size_total_max: int
    code_size_unzipped_max: int
    code_size_zipped_max: int
    concurrency: int
    unreserved_concurrency: int
    code_size_total: int
    function_count: int


def get_account_settings(registry: Registry, concurrency: Concurrency) -> AccountSettings:
    return AccountSettings(
        code_size_total_max=limits.CODE_STORAGE_BYTES_MAX,
        code_size_unzipped_max=limits.UNZIPPED_BYTES_MAX,
        code_size_zipped_max=limits.ZIP_BYTES_MAX,
        concurrency=concurrency.limit,
        unreserved_concurrency=concurrency.unreserved(),
        code_size_total=registry.storage.used_bytes(),
        function_count=len(registry.functions),
    )
