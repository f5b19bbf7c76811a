"""Layers of strangers: what they hold is made inside of one folder, or refused."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.images.errors import ImageInvalid
from lambent.images.streams import Cancelled
from lambent.images.unpack import Budget, Unpacked, unpack_layer
from tests.images.building import Entry, digest_of, file, folder, link, special, tar


def unpack(path: Path, content: bytes, compression: str = "", **budget: int) -> Unpacked:
    path.mkdir(exist_ok=True)
    return unpack_layer(
        io.BytesIO(content),
        compression,
        os.fspath(path),
        budget=Budget(**budget),
        stop=threading.Event(),
    )


def names(path: Path) -> list[str]:
    return sorted(str(one.relative_to(path)) for one in path.rglob("*"))


def test_a_layer_is_made_and_its_digest_told(tmp_path: Path) -> None:
    content = tar(file("./usr/bin/tool", "x", 0o755), file("/abs", "y"), link("to", "../../etc"))
    unpacked = unpack(tmp_path / "t", gzip.compress(content), "gzip")
    assert unpacked.diff_id == digest_of(content)
    assert (unpacked.size, unpacked.entries) == (2, 3)
    assert names(tmp_path / "t") == ["abs", "to", "usr", "usr/bin", "usr/bin/tool"]
    assert os.readlink(tmp_path / "t/to") == "../../etc"


def test_whiteouts_are_listed_and_not_made(tmp_path: Path) -> None:
    content = tar(
        file("a/.wh.gone"), file("a/.wh..wh..opq"), file(".wh.top"), file(".wh..wh.plnk/x")
    )
    unpacked = unpack(tmp_path / "t", content)
    assert unpacked.removed == ["a/gone", "top"]
    assert unpacked.opaque == ["a"]
    assert "a/.wh.gone" not in names(tmp_path / "t")


def test_special_bits_are_stripped_and_the_server_keeps_access(tmp_path: Path) -> None:
    content = tar(
        file("sudo", "x", 0o6755),
        folder("d", 0o1000),
        file("d/secret", "y", 0o000),
        folder("w", 0o2777),
    )
    unpack(tmp_path / "t", content)
    modes = {
        name: stat.S_IMODE(os.stat(tmp_path / "t" / name).st_mode)
        for name in ("sudo", "d", "d/secret", "w")
    }
    assert modes == {"sudo": 0o755, "d": 0o700, "d/secret": 0o400, "w": 0o777}


def test_paths_lead_through_links_within_the_layers_own_root_only(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    content = tar(
        link("out", str(victim)),
        file("out/a", "1"),
        link("up", "../../../../.."),
        file(f"up{victim}/b", "2"),
        folder("real"),
        link("alias", "real"),
        file("alias/c", "3"),
    )
    unpack(tmp_path / "t", content)
    assert os.listdir(victim) == []
    inside = str(victim).lstrip("/")
    assert (tmp_path / "t" / inside / "a").read_text() == "1"
    assert (tmp_path / "t" / inside / "b").read_text() == "2"
    assert (tmp_path / "t/real/c").read_text() == "3"


def test_a_later_entry_replaces_a_link_and_never_writes_through_it(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("safe")
    content = tar(link("f", str(victim)), file("f", "evil"))
    unpack(tmp_path / "t", content)
    assert victim.read_text() == "safe"
    assert (tmp_path / "t/f").read_text() == "evil"


def test_hard_links_are_made_within_a_layer(tmp_path: Path) -> None:
    unpack(
        tmp_path / "t", tar(file("a", "1"), link("b", "a", hard=True), link("c", "/a", hard=True))
    )
    assert (tmp_path / "t/a").stat().st_nlink == 3


@pytest.mark.parametrize(
    "entries",
    [
        [file("../escape")],
        [file("a/../../escape")],
        [link("h", "../../etc/passwd", hard=True)],
        [link("h", "/etc/passwd", hard=True)],
        [folder("d"), link("h", "d", hard=True)],
        [link("s", "/etc"), link("h", "s/passwd", hard=True)],
        [special("sda", tarfile.BLKTYPE)],
        [special("mem", tarfile.CHRTYPE)],
        [special("pipe", tarfile.FIFOTYPE)],
        [file("a"), file("a/b")],
        [file("a/b"), file("a")],
        [link("a", "b"), link("b", "a"), file("a/c")],
        [file(".wh...")],
        [file(".wh..")],
        [file("x" * 256)],
        [file("d/" * 300 + "x")],
        [link("l", "x" * 5000)],
    ],
    ids=lambda entries: "",
)
def test_entries_that_have_no_business_in_a_layer_are_refused(
    tmp_path: Path, entries: list[Entry]
) -> None:
    with pytest.raises(ImageInvalid):
        unpack(tmp_path / "t", tar(*entries))
    assert os.listdir(tmp_path) == ["t"]


def test_devices_in_dev_are_left_out(tmp_path: Path) -> None:
    unpack(tmp_path / "t", tar(folder("dev"), special("dev/null", tarfile.CHRTYPE)))
    assert names(tmp_path / "t") == ["dev"]


def test_an_image_holds_so_many_bytes_and_files(tmp_path: Path) -> None:
    with pytest.raises(ImageInvalid, match="larger than"):
        unpack(tmp_path / "t", tar(file("a", "123"), file("b", "456")), bytes_left=5)
    with pytest.raises(ImageInvalid, match="files"):
        unpack(tmp_path / "u", tar(file("a"), file("b/c/d")), entries_left=3)


def test_a_header_that_claims_an_absurd_size_is_not_believed(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 40
    with pytest.raises(ImageInvalid, match="absurd"):
        unpack(tmp_path / "t", entry.tobuf(tarfile.GNU_FORMAT) + b"0" * 1024)


def test_a_layer_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageInvalid, match=r"middle of a file|end of data"):
        unpack(tmp_path / "t", tar(file("a", "1" * 5000))[:2000])
    with pytest.raises(ImageInvalid, match="decompressed"):
        unpack(tmp_path / "u", gzip.compress(tar(file("a", os.urandom(5000))))[:2000], "gzip")


def test_unpacking_stops_when_nobody_wants_it_any_more(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        unpack_layer(io.BytesIO(tar(file("a"))), "", str(tmp_path), budget=Budget(), stop=stop)


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c"]), min_size=1, max_size=4).map(
    "/".join
)
ENTRIES = st.one_of(
    st.builds(file, NAMES, st.binary(max_size=3)),
    st.builds(folder, NAMES),
    st.builds(link, NAMES, NAMES, hard=st.booleans()),
    st.builds(link, NAMES, NAMES.map(lambda name: "/" + name)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ENTRIES, max_size=8), st.data())
def test_whatever_a_layer_holds_nothing_is_made_outside_of_its_folder(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry], data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("place")
    content = bytearray(tar(*entries))
    for _ in range(data.draw(st.integers(0, 2))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        unpack(place / "t", bytes(content))
    except ImageInvalid:
        pass
    assert os.listdir(place) == ["t"]
