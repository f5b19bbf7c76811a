"""What the command line prints, and what it never does."""

from __future__ import annotations

import io
import json

import pytest

from lambent.cli import deploy
from lambent.cli.invoke import format_function_error, read_argument
from lambent.cli.logs import OVERLAP_MS, Unseen, format_event
from lambent.cli.terminal import (
    CliError,
    Progress,
    format_bytes,
    format_table,
    format_usd,
    printable,
    wants_colour,
)


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_columns_are_aligned_and_no_line_ends_in_blanks() -> None:
    lines = format_table(("NAME", "CODE", "X"), [("a", "1 B", ""), ("long", "10 B", "y")])
    assert lines == ["NAME  CODE  X", "a     1 B", "long  10 B  y"]


def test_amounts_align_right() -> None:
    lines = format_table(("N", "CODE"), [("a", "1 B"), ("b", "100 KB")], right=frozenset({1}))
    assert lines == ["N    CODE", "a     1 B", "b  100 KB"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KB"), (52_428_800, "50.0 MB"), (2**41, "2048.0 GB")],
)
def test_bytes_are_shown_in_the_unit_that_fits(count: int, text: str) -> None:
    assert format_bytes(count) == text


def test_the_price_of_a_single_invocation_is_not_rounded_away() -> None:
    assert format_usd(0.0000002083) == "$0.00000021"
    assert format_usd(12.5) == "$12.50"


@pytest.mark.parametrize(
    ("stream", "environ", "coloured"),
    [
        (Screen(), {}, True),
        (Screen(), {"NO_COLOR": "1"}, False),
        (Screen(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    stream: io.StringIO, environ: dict[str, str], coloured: bool
) -> None:
    assert wants_colour(stream, environ) is coloured


def test_a_terminal_gets_no_control_characters_from_a_function() -> None:
    assert printable("a\x1b[2Jb\tc\n", Screen()) == "a\\x1b[2Jb\tc\n"
    assert printable("a\x1b[2Jb", io.StringIO()) == "a\x1b[2Jb"


def test_progress_is_silent_where_nobody_looks() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.show("working")
    progress.clear()
    assert stream.getvalue() == ""


def test_a_function_error_shows_its_type_its_message_and_its_stack() -> None:
    payload = {"errorType": "KeyError", "errorMessage": "'a'", "stackTrace": ["  File 1\n", "  2"]}
    assert format_function_error(json.dumps(payload).encode()) == "KeyError: 'a'\n  File 1\n  2"


@pytest.mark.parametrize("payload", [b"plain", b"[1]", b'"text"', b"\xff"])
def test_a_function_error_of_another_form_is_shown_as_it_is(payload: bytes) -> None:
    assert format_function_error(payload) == payload.decode("utf-8", "replace")


def test_a_payload_file_that_is_not_there_is_named() -> None:
    with pytest.raises(CliError, match=r"/absent\.json: No such file"):
        read_argument("@/absent.json")
    assert read_argument('{"a": "é"}') == '{"a": "é"}'.encode()


def test_a_log_event_is_a_line_with_its_time() -> None:
    event = {"timestamp": 1_700_000_000_007, "message": "START RequestId: 1\n", "eventId": "a"}
    assert format_event(event) == "2023-11-14T22:13:20.007Z  START RequestId: 1"


def test_each_event_of_overlapping_looks_is_admitted_once() -> None:
    unseen = Unseen(1_000)
    early = {"eventId": "a", "timestamp": 2_000}
    late = {"eventId": "b", "timestamp": 2_000 + OVERLAP_MS}
    later = {"eventId": "c", "timestamp": 2_001 + OVERLAP_MS}
    assert unseen.admit(early)
    assert unseen.admit(late)
    unseen.forget()
    assert unseen.start_ms == 2_000
    assert not unseen.admit(early)
    assert unseen.admit(later)
    unseen.forget()
    assert unseen.start_ms == 2_001
    assert not unseen.admit(late)


def test_what_lies_before_the_next_look_is_forgotten() -> None:
    unseen = Unseen(0)
    for number in range(1_000):
        unseen.admit({"eventId": str(number), "timestamp": number * 1_000})
        unseen.forget()
    assert len(unseen._seen) <= OVERLAP_MS // 1_000 + 1


def test_environment_variables_are_pairs() -> None:
    assert deploy.parse_variables(["A=1", "B=", "C=x=y"]) == {"A": "1", "B": "", "C": "x=y"}
    for wrong in ("A", "=1"):
        with pytest.raises(CliError, match="NAME=VALUE"):
            deploy.parse_variables([wrong])


def test_an_update_sends_only_what_differs() -> None:
    current = {
        "MemorySize": 128,
        "Timeout": 3,
        "Environment": {"Variables": {"A": "1"}},
        "Layers": [{"Arn": "arn:1", "CodeSize": 1}],
    }
    options = {
        "MemorySize": 128,
        "Timeout": 4,
        "Environment": {"Variables": {"A": "1"}},
        "Layers": ["arn:1"],
    }
    assert deploy.changed_options(options, current) == {"Timeout": 4}
    assert deploy.changed_options({"Layers": []}, {}) == {}
    assert deploy.changed_options({"Layers": []}, current) == {"Layers": []}
