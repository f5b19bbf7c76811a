"""Signed addresses of packages."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from lambent.clock import ManualClock
from lambent.control.downloads import VALID_S, Downloads

ENDPOINT = "http://127.0.0.1:4566"


def test_a_signed_address_gives_its_package_until_it_expires() -> None:
    clock = ManualClock()
    downloads = Downloads(b"secret", clock=clock)
    address = urlsplit(downloads.sign(ENDPOINT, "abc"))
    assert f"{address.scheme}://{address.netloc}" == ENDPOINT
    assert downloads.verify(address.path, address.query) == "abc"
    clock.advance(VALID_S + 1)
    assert downloads.verify(address.path, address.query) is None


@pytest.mark.parametrize(
    "change",
    [
        ("abc", "abd"),
        ("abc", "../abc"),
        ("expires=", "expires=1"),
        ("expires=", "expires=x"),
        ("signature=", "signature=é"),
        ("signature=", "other="),
        ("/_lambent/code/", "/elsewhere/"),
    ],
)
def test_an_address_that_was_changed_gives_nothing(change: tuple[str, str]) -> None:
    downloads = Downloads(b"secret", clock=ManualClock())
    address = urlsplit(downloads.sign(ENDPOINT, "abc").replace(*change))
    assert downloads.verify(address.path, address.query) is None


def test_an_address_signed_with_another_secret_gives_nothing() -> None:
    address = urlsplit(Downloads(b"one", clock=ManualClock()).sign(ENDPOINT, "abc"))
    assert Downloads(b"two", clock=ManualClock()).verify(address.path, address.query) is None
