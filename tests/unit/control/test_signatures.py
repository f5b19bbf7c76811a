"""What a signature covers: everything of a package but itself."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.control.signatures import (
    SIGNATURE_ENTRY,
    BrokenSignature,
    Signature,
    add_signature,
    format_signature,
    is_genuine,
    make_mac,
    package_payload,
    parse_signature,
    read_signature,
)
from lambent.control.testing import make_zip

SECRET = "ab" * 32
OTHER_SECRET = "cd" * 32
UNSIGNED = Signature(
    profile_version_arn="arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/0123456789",
    job_arn="arn:aws:signer:us-east-1:000000000000:/signing-jobs/1",
    signed_s=1.5,
    expires_s=100.0,
)

packages = st.dictionaries(
    st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?\.py", fullmatch=True),
    st.binary(max_size=50),
    min_size=1,
    max_size=5,
)


def sign(content: bytes) -> bytes:
    mac = make_mac(UNSIGNED, package_payload(content), SECRET)
    return add_signature(content, format_signature(replace(UNSIGNED, mac=mac)))


def holds(content: bytes) -> bool:
    signature = read_signature(content)
    assert signature is not None
    return is_genuine(signature, package_payload(content), SECRET)


@given(packages)
def test_a_signed_package_holds_however_often_it_is_signed(files: dict[str, bytes]) -> None:
    once = sign(make_zip(files))
    assert holds(once)
    assert holds(sign(once))
    assert package_payload(once) == package_payload(make_zip(files))


@given(packages, st.data())
def test_any_change_of_a_signed_package_shows(files: dict[str, bytes], data: st.DataObject) -> None:
    signature = dict(_entries(sign(make_zip(files))))[SIGNATURE_ENTRY]
    name = data.draw(st.sampled_from(sorted(files)))
    changed = dict(files)
    match data.draw(st.sampled_from(["content", "name", "added", "removed"])):
        case "content":
            changed[name] += b"x"
        case "name":
            changed[f"{name}x"] = changed.pop(name)
        case "added":
            changed[f"{name}x"] = b""
        case "removed":
            del changed[name]
    assert not holds(add_signature(make_zip({**changed}), signature))


@given(packages)
def test_a_file_that_becomes_executable_shows(files: dict[str, bytes]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in _entries(sign(make_zip(files))):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, content)
    assert not holds(buffer.getvalue())


@given(
    member=st.sampled_from(["profile_version_arn", "job_arn", "signed_s", "expires_s", "mac"]),
)
def test_what_a_signature_states_cannot_be_changed(member: str) -> None:
    mac = make_mac(UNSIGNED, b"payload", SECRET)
    genuine = replace(UNSIGNED, mac=mac)
    assert is_genuine(genuine, b"payload", SECRET)
    assert not is_genuine(genuine, b"payload", OTHER_SECRET)
    assert not is_genuine(genuine, b"other", SECRET)
    before = getattr(genuine, member)
    changed = before + 1 if isinstance(before, float) else f"{before}0"
    assert not is_genuine(replace(genuine, **{member: changed}), b"payload", SECRET)


@given(st.binary(max_size=200))
def test_nonsense_is_a_broken_signature(text: bytes) -> None:
    with pytest.raises(BrokenSignature):
        read_signature(add_signature(make_zip({"app.py": ""}), text))


@pytest.mark.parametrize("text", [b"[]", b"{}", b"null", b'{"mac": 1}', b"x" * 20_000])
def test_what_is_no_signature_is_broken(text: bytes) -> None:
    with pytest.raises(BrokenSignature):
        parse_signature(text)
    with pytest.raises(BrokenSignature):
        read_signature(add_signature(make_zip({"app.py": ""}), text))


def test_members_of_another_type_are_broken() -> None:
    good = json.loads(format_signature(UNSIGNED))
    for member in good:
        with pytest.raises(BrokenSignature):
            parse_signature(json.dumps({**good, member: []}).encode())


def test_an_unsigned_package_has_no_signature() -> None:
    assert read_signature(make_zip({"app.py": ""})) is None


def _entries(content: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
