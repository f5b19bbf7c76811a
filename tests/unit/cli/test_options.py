"""The command line's options, and what they set."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from lambent.cli.durations import parse_duration_s
from lambent.cli.main import build_parser
from lambent.cli.serving import settings_overrides
from lambent.settings import Settings, load_settings


def parse(*arguments: str) -> argparse.Namespace:
    return build_parser().parse_args(arguments)


def test_options_of_start_that_are_not_given_leave_every_setting_unset() -> None:
    assert settings_overrides(parse("start")) == {}


def test_each_option_of_start_sets_the_setting_of_its_name() -> None:
    arguments = parse(
        *("start", "--host", "0.0.0.0", "--port", "0", "--data-dir", "/data", "--parked", "0"),
        *("--auth", "iam", "--role-session", "2h", "--allow-open-network"),
        *("--isolation", "namespaces", "--network", "none", "--concurrency", "50", "--allow-reset"),
        *("--environments-max", "7", "--idle-timeout", "5m", "--account-id", "123456789012"),
        *("--region", "eu-west-1", "--python", "python3.12=/a", "--python", "python3.9=/b"),
    )
    assert load_settings({}, settings_overrides(arguments)) == Settings(
        host="0.0.0.0",
        port=0,
        data_dir=Path("/data"),
        account_id="123456789012",
        region="eu-west-1",
        isolation="namespaces",
        network="none",
        parked=0,
        concurrency=50,
        environments_max=7,
        idle_timeout_s=300.0,
        pythons="python3.12=/a,python3.9=/b",
        allow_reset=True,
        auth="iam",
        role_session_s=7200.0,
        allow_open_network=True,
    )


def test_every_setting_has_an_option_of_start() -> None:
    given = vars(parse("start"))
    assert [name for name in Settings.__annotations__ if name not in given] == []


@pytest.mark.parametrize(
    "wrong",
    [
        ("--port", "65536"),
        ("--port", "-1"),
        ("--parked", "many"),
        ("--idle-timeout", "soon"),
        ("--python", "python3.12"),
        ("--python", "python3.12=/a,b"),
        ("--isolation", "docker"),
    ],
)
def test_a_value_that_does_not_fit_ends_with_exit_code_2(
    wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("start", *wrong)
    assert ended.value.code == 2
    assert wrong[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--endpoint-url", "http://a:1", "--json", "list"),
        ("list", "--endpoint-url", "http://a:1", "--json"),
        ("--endpoint-url", "http://a:1", "list", "--json"),
    ],
)
def test_global_options_stand_before_or_behind_the_command(arguments: tuple[str, ...]) -> None:
    parsed = parse(*arguments)
    assert (parsed.endpoint_url, parsed.json, parsed.region) == ("http://a:1", True, None)


def test_variables_and_layers_may_be_given_together_or_one_by_one() -> None:
    parsed = parse("deploy", "dir", "--env", "A=1", "B=2", "--env", "C=3", "--layer", "x", "y")
    assert parsed.env == ["A=1", "B=2", "C=3"]
    assert parsed.layer == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0", 0),
        ("1.5", 1.5),
        ("30s", 30),
        ("10m", 600),
        ("2h", 7_200),
        ("1h30m", 5_400),
        ("1d", 86_400),
        ("2w", 1_209_600),
        (" 10M ", 600),
    ],
)
def test_a_duration_is_read_as_a_person_writes_it(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10x", "-5m", "10m ago", "1m,2s", "1e9", "٣m"])
def test_what_is_not_a_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="1h30m"):
        parse_duration_s(text)


@pytest.mark.parametrize("rate", [32 * 1024, 64 * 1024 * 1024])
def test_the_rate_of_streams_has_the_range_of_awss_emulator(rate: int) -> None:
    """Facts, 'Quotas' [RIE]."""
    arguments = parse("start", "--stream-bytes-per-s", str(rate))
    assert load_settings({}, settings_overrides(arguments)).stream_bytes_per_s == rate
    for wrong in (32 * 1024 - 1, 64 * 1024 * 1024 + 1):
        with pytest.raises(ValueError, match="LAMBENT_STREAM_BYTES_PER_S"):
            load_settings({"LAMBENT_STREAM_BYTES_PER_S": str(wrong)}, {})
