"""Which folders of the host may be run in place: the operator's word."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambent.control.options import check_hot_reload_root
from lambent.domain.errors import LambdaError
from lambent.settings import Settings, hot_reload_roots


def test_with_open_authentication_any_folder_may_with_iam_none() -> None:
    assert hot_reload_roots(Settings()) is None
    assert hot_reload_roots(Settings(auth="iam")) == ()
    assert hot_reload_roots(Settings(auth="iam", hot_reload="/a,/b")) == ("/a", "/b")


def test_a_folder_outside_is_refused_also_by_a_link_and_by_a_name_that_begins_alike(
    tmp_path: Path,
) -> None:
    inside, outside = tmp_path / "code", tmp_path / "code-of-others"
    (inside / "f").mkdir(parents=True)
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    roots = (str(inside),)
    for allowed in (inside, inside / "f"):
        check_hot_reload_root(str(allowed), roots)
    for refused in (outside, inside / "link", inside / "..", Path("/")):
        with pytest.raises(LambdaError, match="AccessDeniedException"):
            check_hot_reload_root(str(refused), roots)


def test_code_that_is_no_folder_is_not_concerned() -> None:
    check_hot_reload_root("", ())
