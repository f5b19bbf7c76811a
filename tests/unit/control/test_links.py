"""Which symbolic links a package may hold."""

from __future__ import annotations

import pytest

from lambent.control.links import LinkEscape, check_links

INSIDE = [
    {"a": "b"},
    {"a": "nowhere/at/all"},
    {"dir/a": "../b"},
    {"dir/a": "./../dir/../b"},
    {"a": "dir", "dir/b": "../a/c"},
    {"lib/libx.so": "libx.so.1", "lib/libx.so.1": "libx.so.1.2"},
]

OUTSIDE = [
    {"a": "/etc/passwd"},
    {"a": ".."},
    {"a": "../b"},
    {"dir/a": "../../b"},
    {"dir/a": "x/../../../b"},
    {"a": "dir/deep", "b": "a/../../x", "dir/deep": ".."},
    {"up": "dir/..", "dir/up": "../up/.."},
    {"a": ""},
    {"a": "x\0y"},
    {"a": "x" * 2000},
    {"a": "b", "b": "a"},
    {"a": "a"},
    {f"l{i}": f"l{i + 1}" for i in range(60)},
]


@pytest.mark.parametrize("targets", INSIDE)
def test_a_link_that_stays_inside_the_package_is_kept(targets: dict[str, str]) -> None:
    check_links(targets)


@pytest.mark.parametrize("targets", OUTSIDE)
def test_a_link_that_leads_out_or_round_in_circles_is_refused(targets: dict[str, str]) -> None:
    with pytest.raises(LinkEscape):
        check_links(targets)


def test_many_tangled_links_are_refused_in_bounded_time() -> None:
    """Each link doubles the walk of the one before; without a budget this would never end."""
    targets = {f"l{i}": "/".join([f"l{i + 1}/.."] * 100) + "/x" for i in range(39)}
    with pytest.raises(LinkEscape):
        check_links(targets)
