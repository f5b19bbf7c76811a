"""An extension in Go, written by the Developer Guide's pages alone, beside a Python function.

What it needs to be built is found on the host; without it the test is skipped and says so.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import running
from tests.execution.test_custom_runtimes import invoke
from tests.execution.test_extensions import create_python, end, logged
from tests.execution.test_official_clients import build, copied, zip_files

HANDLER = """
def handler(event, context):
    print("handling", event)
    return event
"""


def test_an_extension_in_go_is_told_of_invocations_telemetry_and_the_end(tmp_path: Path) -> None:
    folder = copied("go-extension", tmp_path)
    build(["go", "build", "-o", "follower", "."], folder, CGO_ENABLED="0")
    program = (folder / "follower").read_bytes()
    with running(tmp_path / "data") as server:
        layer = server.client("lambda").publish_layer_version(
            LayerName="go", Content={"ZipFile": zip_files({"extensions/follower": program})}
        )["LayerVersionArn"]
        client = create_python(server, "beside-go", HANDLER, Layers=[layer], Timeout=20)
        for number in (1, 2, 3):
            assert invoke(client, "beside-go", number)[0] == number
        end(server, client, "beside-go")
        text = logged(server, "beside-go", lambda text: "go extension" in text)
        said = next(line for line in text.splitlines() if line.startswith("go extension"))
        assert said.startswith("go extension: spindown 3 "), text
        counts = json.loads(said.partition(" 3 ")[2])
        assert counts["platform.runtimeDone"] == counts["platform.report"] == 3
        assert counts["platform.start"] == counts["function"] == 3
        for kind in ("initStart", "initRuntimeDone", "initReport", "telemetrySubscription"):
            assert counts[f"platform.{kind}"] == 1
