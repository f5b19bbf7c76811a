"""Every runtime whose interpreter was found runs on that very version, and on no other."""

from __future__ import annotations

import json
import urllib.request

from tests.conftest import RunningServer

SOURCE = """
import sys, logging
logging.getLogger().setLevel("INFO")
def handler(event, context):
    logging.info("from the logger")
    return {"version": list(sys.version_info[:2]), "event": event, "path": sys.executable}
"""


def test_each_python_runs_on_its_own_interpreter(server: RunningServer) -> None:
    with urllib.request.urlopen(f"{server.endpoint}/_lambent/health") as answer:
        found = json.load(answer)["runtimes"]
    runtimes = [runtime for runtime in found if runtime.startswith("python")]
    assert runtimes, "no interpreter was found on this host"
    for runtime in runtimes:
        name = runtime.replace(".", "-")
        client = server.create(name, SOURCE, Runtime=runtime, Timeout=30)
        result = json.loads(client.invoke(FunctionName=name, Payload=b'"e"')["Payload"].read())
        assert result["event"] == "e"
        assert f"python{result['version'][0]}.{result['version'][1]}" == runtime
        assert result["path"].startswith("/var/lang/bin/")
