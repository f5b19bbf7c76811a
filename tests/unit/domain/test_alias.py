"""Which of an alias's two versions a call runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambent.domain.alias import Alias

thrown_values = st.floats(0, 1, exclude_max=True)


@given(weight=st.floats(0, 1), thrown=thrown_values)
def test_the_second_version_runs_where_less_than_its_weight_is_thrown(
    weight: float, thrown: float
) -> None:
    alias = Alias(name="live", version="1", weights={"2": weight}, revision_id="")
    assert alias.choose(thrown) == ("2" if thrown < weight else "1")


@given(thrown=thrown_values)
def test_weights_of_nothing_and_of_all_leave_no_choice(thrown: float) -> None:
    for weights, version in (({}, "1"), ({"2": 0.0}, "1"), ({"2": 1.0}, "2")):
        alias = Alias(name="live", version="1", weights=weights, revision_id="")
        assert alias.choose(thrown) == version
