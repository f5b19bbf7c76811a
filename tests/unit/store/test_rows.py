"""What is stored comes back as it was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.function import (
    CodePackage,
    FunctionVersion,
    LayerRef,
    LayerVersion,
    Status,
)
from lambent.store import rows
from lambent.store.database import migrations

packages = st.builds(
    CodePackage,
    digest=st.text(),
    sha256_b64=st.text(),
    size_bytes=st.integers(),
    unzipped_bytes=st.integers(),
)
statuses = st.builds(
    Status, value=st.text(), reason=st.none() | st.text(), reason_code=st.none() | st.text()
)
versions = st.builds(
    FunctionVersion,
    name=st.text(),
    arn=st.text(),
    runtime=st.text(),
    handler=st.text(),
    role=st.text(),
    code=packages,
    layers=st.lists(st.builds(LayerRef, arn=st.text(), package=packages)).map(tuple),
    environment=st.none() | st.dictionaries(st.text(), st.text()),
    architectures=st.sampled_from([("x86_64",), ("arm64",)]),
    revision_id=st.text(),
    state=statuses,
    last_update=st.none() | statuses,
)


@given(versions)
def test_a_function_version_survives_the_row(version: FunctionVersion) -> None:
    assert rows.decode_version(rows.encode_version(version)) == version


def test_migrations_are_numbered_from_one() -> None:
    assert min(migrations()) == 1


def test_a_layer_version_with_the_fewest_fields_survives_the_row() -> None:
    package = CodePackage(digest="d", sha256_b64="s", size_bytes=1, unzipped_bytes=2)
    layer = LayerVersion(name="a", version=3, package=package, created="now")
    assert rows.decode_layer_version(rows.encode_layer_version(layer)) == layer
