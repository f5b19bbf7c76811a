"""Models are read from botocore's files, without botocore, and cost little."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lambent.wire import WireError, load_service
from lambent.wire.timestamps import format_timestamp, parse_timestamp
from tests.unit.wire.demo import demo_service


def test_every_operation_of_the_lambda_model_is_there() -> None:
    service = load_service("lambda")
    assert (service.name, service.api_version, service.protocol) == (
        "lambda",
        "2015-03-31",
        "rest-json",
    )
    assert len(service.operations) >= 91
    assert service.operations["Invoke"].method == "POST"
    assert load_service("lambda") is service


def test_documentation_is_not_kept() -> None:
    shapes = load_service("lambda")._model
    assert not any(isinstance(shape.get("documentation"), str) for shape in shapes.values())


def test_what_botocore_lacks_or_we_do_not_speak_is_said() -> None:
    with pytest.raises(LookupError, match="no model of nothing"):
        load_service("nothing")
    with pytest.raises(WireError, match="does not speak ec2"):
        demo_service("ec2")


def test_reading_a_model_neither_imports_botocore_nor_costs_more_than_6_mb() -> None:
    """The idle server has 60 MB in all; measured 1.8 MB for Lambda's model (Python 3.11)."""
    program = """
import sys
def rss_kib():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmRSS"))
import lambent.wire
before = rss_kib()
lambent.wire.load_service("lambda").match("GET", "/2015-03-31/functions", "")
assert not any(name.partition(".")[0] in ("botocore", "urllib3") for name in sys.modules)
print(rss_kib() - before)
"""
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(run.stdout) < 6 * 1024


@pytest.mark.parametrize("form", ["unixtimestamp", "iso8601", "rfc822"])
def test_a_timestamp_comes_back_from_each_of_its_forms(form: str) -> None:
    for text in ("1970-01-01T00:00:00Z", "2026-02-28T23:59:59Z", "1969-12-31T00:00:01Z"):
        moment = parse_timestamp(text)
        assert parse_timestamp(format_timestamp(moment, form)) == moment


def test_forms_of_timestamps() -> None:
    moment = parse_timestamp("2026-01-02T03:04:05.678+01:00")
    assert format_timestamp(moment, "iso8601") == "2026-01-02T02:04:05.678Z"
    assert format_timestamp(moment, "unixtimestamp") == 1767319445.678
    assert format_timestamp(moment, "rfc822") == "Fri, 02 Jan 2026 02:04:05 GMT"
    assert format_timestamp(1767319445, "unixtimestamp") == 1767319445
    assert parse_timestamp("1767319445.678") == moment
