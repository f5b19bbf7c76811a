"""Sealing environment variables: what goes in comes out, and nothing else is accepted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.errors import PlatformFault
from lambent.domain.function import CodePackage, FunctionVersion
from lambent.store.vault import SEALED, Vault, open_vault

PACKAGE = CodePackage(digest="d", sha256_b64="s", size_bytes=1, unzipped_bytes=1)
VERSION = FunctionVersion(
    name="f",
    arn="arn:f",
    runtime="python3.12",
    handler="a.b",
    role="r",
    code=PACKAGE,
    revision_id="1",
)


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=5), st.text())
def test_what_was_sealed_is_opened(variables: dict[str, str], key_arn: str) -> None:
    vault = Vault(b"k" * 32)
    version = replace(VERSION, environment=variables, kms_key_arn=key_arn)
    sealed = vault.seal(version)
    assert list(sealed.environment or {}) == [SEALED]
    assert vault.open(sealed) == version


@pytest.mark.parametrize("change", [{"arn": "arn:g"}, {"kms_key_arn": "other"}])
def test_what_was_sealed_for_another_is_not_opened(change: dict[str, str]) -> None:
    vault = Vault(b"k" * 32)
    sealed = vault.seal(replace(VERSION, environment={"A": "b"}))
    with pytest.raises(PlatformFault):
        vault.open(replace(sealed, **change))  # type: ignore[arg-type]  # by its names
    with pytest.raises(PlatformFault):
        Vault(b"l" * 32).open(sealed)


def test_what_has_no_variables_or_was_never_sealed_passes(tmp_path: Path) -> None:
    vault = open_vault(tmp_path / "key")
    assert vault.seal(VERSION) is VERSION
    plain = replace(VERSION, environment={"A": "b"})
    assert vault.open(plain) is plain
    again = open_vault(tmp_path / "key")
    assert again.open(vault.seal(plain)) == plain
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(PlatformFault):
        open_vault(tmp_path / "key")
