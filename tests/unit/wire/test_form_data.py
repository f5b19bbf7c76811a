"""multipart/form-data in parts of any size. Source: RFC 7578, RFC 2046."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.wire.form_data import FieldsTooLarge, FormError, FormStream, parse_boundary

BOUNDARY = b"xYz"


def make_form(fields: dict[str, str], file: bytes | None, *, after: str = "") -> bytes:
    parts = [
        f'--xYz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file is not None:
        parts.append(
            b'--xYz\r\nContent-Disposition: form-data; name="file"; filename="C:\\dir\\a.txt"\r\n'
            b"Content-Type: text/plain\r\n\r\n" + file + b"\r\n"
        )
    if after:
        parts.append(
            f'--xYz\r\nContent-Disposition: form-data; name="{after}"\r\n\r\nx\r\n'.encode()
        )
    return b"".join(parts) + b"--xYz--\r\n"


def feed(form: bytes, sizes: list[int]) -> tuple[FormStream, bytes]:
    stream, file, at = FormStream(BOUNDARY), b"", 0
    for size in sizes:
        file += stream.feed(form[at : at + size])
        at += size
    file += stream.feed(form[at:])
    return stream, file


@given(
    st.binary(max_size=200).filter(lambda file: b"\r\n--xYz" not in file),
    st.lists(st.integers(1, 40), max_size=40),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20),
)
def test_a_form_is_read_the_same_however_it_is_cut(
    file: bytes, sizes: list[int], value: str
) -> None:
    stream, found = feed(make_form({"key": value, "Empty": ""}, file), sizes)
    stream.finish()
    assert found == file
    assert stream.fields == {"key": value, "empty": ""}
    assert (stream.filename, stream.has_file) == ("a.txt", True)


def test_what_follows_the_file_does_not_count() -> None:
    stream, found = feed(make_form({"key": "k"}, b"--xYz", after="policy"), [50])
    stream.finish()
    assert (found, stream.fields) == (b"--xYz", {"key": "k"})


def test_a_form_without_an_end_is_none() -> None:
    stream, _ = feed(make_form({"key": "k"}, b"abc")[:-20], [7])
    with pytest.raises(FormError):
        stream.finish()


def test_a_form_without_a_file_has_none() -> None:
    stream, _ = feed(make_form({"key": "k"}, None), [])
    stream.finish()
    assert not stream.has_file


def test_fields_before_the_file_have_a_limit_and_the_file_has_none_here() -> None:
    feed(make_form({"key": "k"}, b"x" * 100_000), [1_000] * 90)
    with pytest.raises(FieldsTooLarge):
        feed(make_form({"key": "k" * 21_000}, b"x"), [])
    with pytest.raises(FieldsTooLarge):
        feed(make_form({"key": "k" * 21_000}, b"x"), [1_000] * 22)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=xYz", b"xYz"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
        ("application/json", None),
        ("multipart/form-data", None),
    ],
)
def test_the_boundary_stands_in_the_content_type(content_type: str, boundary: bytes | None) -> None:
    assert parse_boundary(content_type) == boundary


@pytest.mark.parametrize("form", [b"--xYzno\r\n\r\n", b"--xYz\r\nContent-Type: x\r\n\r\n"])
def test_what_is_no_form_is_refused(form: bytes) -> None:
    with pytest.raises(FormError):
        feed(form, [])
