"""Large bodies pass through the server without staying in its memory."""

from __future__ import annotations

import hashlib
import http.client
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RunningServer

PART = bytes(range(256)) * 4096
PARTS = 256
GROWTH_MIB_MAX = 48


def _peak_mib(server: RunningServer) -> float:
    """The most that the process ever had."""
    text = Path(f"/proc/{server.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) / 1024


def _parts() -> Iterator[bytes]:
    for _ in range(PARTS):
        yield PART


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_256_mb_go_in_and_out_and_the_server_does_not_grow(tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data").start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    signed = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request,"
        " SignedHeaders=host, Signature=x",
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
    }
    try:
        server.client("s3").create_bucket(Bucket="large")
        before_mib = _peak_mib(server)
        length = {"Content-Length": str(len(PART) * PARTS)}
        connection.request("PUT", "/large/k", body=_parts(), headers={**signed, **length})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        connection.request("GET", "/large/k", headers=signed)
        answer, found, size = connection.getresponse(), hashlib.md5(), 0
        etag = answer.getheader("ETag")
        while part := answer.read(1 << 20):
            found.update(part)
            size += len(part)
        assert (size, etag) == (len(PART) * PARTS, f'"{found.hexdigest()}"')
        growth_mib = _peak_mib(server) - before_mib
        assert growth_mib < GROWTH_MIB_MAX, f"the server grew by {growth_mib:.0f} MiB"
        print(f"grew by {growth_mib:.0f} MiB")
    finally:
        connection.close()
        server.stop()
