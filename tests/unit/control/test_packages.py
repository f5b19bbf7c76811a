"""What a deployment package may hold; real zips, made byte by byte where zipfile would not."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.control.packages import UNZIP_FAILED, check_zip_size, plan_package, unpack
from lambent.control.testing import make_zip
from lambent.domain import limits
from lambent.domain.errors import LambdaError


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def zip_of(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for info, content in entries:
            archive.writestr(info, content)
    return buffer.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    return entry(name, stat.S_IFLNK | 0o777), target.encode()


def renamed(content: bytes, old: str, new: str) -> bytes:
    assert len(old) == len(new)
    return content.replace(old.encode(), new.encode())


def make(content: bytes, folder: Path) -> int:
    plan, archive = plan_package(content)
    return unpack(plan, archive, folder)


def refusal(content: bytes, folder: Path) -> LambdaError:
    folder.mkdir(exist_ok=True)
    with pytest.raises(LambdaError) as caught:
        make(content, folder)
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value


def encrypted() -> bytes:
    content = bytearray(make_zip({"app.py": "x"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + offset
        (flags,) = struct.unpack_from("<H", content, at)
        struct.pack_into("<H", content, at, flags | 1)
    return bytes(content)


def lying_bomb() -> bytes:
    """Ten million zeros whose headers say 10 bytes."""
    content = bytearray(make_zip({"zeros": b"\0" * 10_000_000}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", content, content.index(signature) + offset, 10)
    return bytes(content)


REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"def handler(event, context): pass",
    "half a zip": lambda: make_zip({"app.py": "x" * 1000})[:-30],
    "broken data": lambda: renamed(zip_of((entry("a.py"), b"content")), "content", "CONTENT"),
    "absolute": lambda: zip_of((entry("/etc/passwd"), b"x")),
    "parent": lambda: zip_of((entry("../app.py"), b"x")),
    "parent inside": lambda: zip_of((entry("a/../../app.py"), b"x")),
    "backslash": lambda: zip_of((entry("..\\app.py"), b"x")),
    "nul": lambda: renamed(zip_of((entry("app_py"), b"x")), "app_py", "app\0py"),
    "twice": lambda: renamed(zip_of((entry("a.py"), b"1"), (entry("b.py"), b"2")), "b.py", "a.py"),
    "twice by another spelling": lambda: zip_of((entry("a.py"), b"1"), (entry("./a.py"), b"2")),
    "file under a file": lambda: zip_of((entry("a"), b"1"), (entry("a/b"), b"2")),
    "file over a folder": lambda: zip_of((entry("a/b"), b"1"), (entry("a"), b"2")),
    "file through a link": lambda: zip_of(link("a", "b"), (entry("a/c"), b"2")),
    "link over a file": lambda: zip_of((entry("a"), b"1"), link("./a", "b")),
    "link out": lambda: zip_of(link("a", "../../etc/passwd")),
    "absolute link": lambda: zip_of(link("a", "/etc/passwd")),
    "chain of links out": lambda: zip_of(link("d/up", ".."), link("out", "d/up/../x")),
    "device": lambda: zip_of((entry("null", stat.S_IFCHR | 0o666), b"")),
    "pipe": lambda: zip_of((entry("pipe", stat.S_IFIFO | 0o666), b"")),
    "socket": lambda: zip_of((entry("socket", stat.S_IFSOCK | 0o666), b"")),
    "encrypted": encrypted,
    "lying header": lying_bomb,
    "long path": lambda: zip_of((entry("a/" * 40 + "b" * 1000), b"")),
    "long name": lambda: zip_of((entry("b" * 256), b"")),
    "deep path": lambda: zip_of((entry("a/" * 101 + "b"), b"")),
    "no name": lambda: zip_of((entry("."), b"x")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_package_with_something_it_has_no_business_to_hold_is_refused(
    what: str, tmp_path: Path
) -> None:
    error = refusal(REFUSED[what](), tmp_path / "package")
    assert error.message.startswith(UNZIP_FAILED)
    assert sorted(os.listdir(tmp_path)) == ["package"], "nothing outside of the folder"


def test_what_is_no_zip_gets_the_exact_text_of_aws(tmp_path: Path) -> None:
    """Source: LocalStack's test_lambda_api.snapshot.json, recorded from AWS."""
    assert refusal(b"no zip", tmp_path).message == (
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )


def test_an_empty_zip_is_refused(tmp_path: Path) -> None:
    assert refusal(make_zip({}), tmp_path).message == "Uploaded file must be a non-empty zip"


def test_too_many_entries_are_refused_before_they_take_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(limits, "ZIP_ENTRIES_MAX", 10)
    content = make_zip({f"f{i}": "" for i in range(11)})
    assert "more than 10 entries" in refusal(content, tmp_path).message


def test_the_unzipped_size_is_what_really_comes_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(limits, "UNZIPPED_BYTES_MAX", 1_000_000)
    exact = make_zip({"a": b"x" * 500_000, "b": b"y" * 500_000})
    (tmp_path / "exact").mkdir()
    assert make(exact, tmp_path / "exact") == 1_000_000
    over = make_zip({"a": b"x" * 500_000, "b": b"y" * 500_001})
    message = refusal(over, tmp_path / "over").message
    assert message == "Unzipped size must be smaller than 262144000 bytes"


def test_overlapping_entries_cannot_multiply(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Many names for the same bytes, as in the non-recursive zip bomb."""
    monkeypatch.setattr(limits, "UNZIPPED_BYTES_MAX", 1_000_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"\0" * 100_000)
        first = archive.infolist()[0]
        for number in range(20):
            twin = entry(f"b{number}")
            twin.header_offset, twin.CRC = first.header_offset, first.CRC
            twin.compress_type = first.compress_type
            twin.compress_size, twin.file_size = first.compress_size, first.file_size
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
        archive._didModify = True  # type: ignore[attr-defined]
    refusal(buffer.getvalue(), tmp_path)


def test_a_zip_of_more_than_50_mb_is_too_large() -> None:
    """Source: facts, 'Quotas' (recorded from AWS)."""
    check_zip_size(52_428_800)
    with pytest.raises(LambdaError) as caught:
        check_zip_size(52_428_801)
    assert caught.value.code == "RequestEntityTooLargeException"
    assert caught.value.message == "Zipped size must be smaller than 52428800 bytes"


def test_files_are_readable_by_anyone_and_keep_their_executable_bit(tmp_path: Path) -> None:
    content = zip_of(
        (entry("app.py", stat.S_IFREG | 0o600), b"x"),
        (entry("bin/tool", stat.S_IFREG | 0o4700), b"x"),
        (entry("closed/", stat.S_IFDIR | 0o000), b""),
        (entry("closed/data", stat.S_IFREG | 0o000), b"x"),
    )
    previous = os.umask(0o077)
    try:
        make(content, tmp_path)
    finally:
        os.umask(previous)
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
    }
    assert modes == {
        "app.py": 0o644,
        "bin": 0o755,
        "bin/tool": 0o755,
        "closed": 0o755,
        "closed/data": 0o644,
    }


def test_links_inside_the_package_are_kept_as_links(tmp_path: Path) -> None:
    make(zip_of((entry("lib/a.so.1"), b"x"), link("lib/a.so", "a.so.1")), tmp_path)
    assert os.readlink(tmp_path / "lib/a.so") == "a.so.1"


def test_names_in_utf8_are_kept_whether_marked_or_not(tmp_path: Path) -> None:
    content = bytearray(make_zip({"grün.py": "x"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", content, content.index(signature) + offset, 0)
    make(bytes(content), tmp_path)
    assert os.listdir(tmp_path) == ["grün.py"]


def test_large_files_come_out_whole(tmp_path: Path) -> None:
    content = os.urandom(1_000_000)
    assert make(make_zip({"data": content}), tmp_path) == 1_000_000
    assert (tmp_path / "data").read_bytes() == content


SEED_ZIP = zip_of(
    (entry("app.py"), b"def handler(event, context): return event"),
    (entry("lib/"), b""),
    link("lib/a", "../app.py"),
    (entry("grün/x.txt"), b"x" * 50),
)


@given(
    changes=st.lists(st.tuples(st.integers(0, len(SEED_ZIP) - 1), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 20),
)
@settings(max_examples=400)
def test_a_damaged_zip_is_refused_or_unpacked_but_never_anything_else(
    changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(SEED_ZIP)
    for at, value in changes:
        content[at] = value
    with TemporaryDirectory() as outer:
        folder = Path(outer) / "package"
        folder.mkdir()
        with suppress(LambdaError):
            make(bytes(content[: len(content) - cut]), folder)
        assert os.listdir(outer) == ["package"]
