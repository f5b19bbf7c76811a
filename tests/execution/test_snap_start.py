"""SnapStart as functions and their callers meet it, on running servers and real sandboxes.

Developer Guide, "Improving startup performance with Lambda SnapStart"; error names: [B].
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import RunningServer, make_zip, running
from tests.gate import WAIT, Gate
from tests.system.host import descendants, get_json, wait_for

PUBLISHED = {"ApplyOn": "PublishedVersions"}
HANDLER = "\ndef handler(event, context):\n    return {}\n"


def publish(server: RunningServer, name: str, source: str, **options: Any) -> Any:
    """Create it with SnapStart and wait for its version 1; the client."""
    client = server.create(name, source, SnapStart=PUBLISHED, **options)
    answer = client.publish_version(FunctionName=name)
    assert (answer["State"], answer["Version"]) == ("Pending", "1")
    return client


def settle(client: Any, name: str) -> Any:
    """The version's configuration once it is no longer Pending."""
    waiter = client.get_waiter("published_version_active")
    waiter.config.delay, waiter.config.max_attempts = 0.05, 2400
    waiter.wait(FunctionName=name, Qualifier="1")
    return client.get_function_configuration(FunctionName=name, Qualifier="1")


def ready(server: RunningServer, name: str, source: str, **options: Any) -> Any:
    client = publish(server, name, source, **options)
    shown = settle(client, name)
    assert shown["SnapStart"] == {**PUBLISHED, "OptimizationStatus": "On"}, shown
    return client


def call(client: Any, name: str, event: Any = None) -> Any:
    answer = client.invoke(FunctionName=name, Qualifier="1", Payload=json.dumps(event))
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    return result


def at_once(server: RunningServer, client: Any, name: str, count: int) -> list[Any]:
    """What so many environments answer, all busy at the same time."""
    gate = Gate(server)
    with ThreadPoolExecutor(count) as threads:
        calls = [threads.submit(call, client, name, gate.url) for _ in range(count)]
        try:
            wait_for(lambda: count_lines(server, name) == count, "all of them to run")
        finally:
            gate.open(count)
        return [one.result() for one in calls]


def test_init_runs_once_and_each_environment_is_random_on_its_own(server: RunningServer) -> None:
    source = """
import os, random, secrets, ssl, uuid
drawn = random.random()
ssl.RAND_bytes(8)
from snapshot_restore_py import register_after_restore, register_before_snapshot
hooks = []
register_before_snapshot(hooks.append, 'last')
@register_before_snapshot
def first():
    hooks.append('first')
register_after_restore(hooks.append, 'restored')
register_after_restore(lambda **given: hooks.append(given), a=1)
def handler(event, context):
    print('runs')
    wait_at(event)
    mine = [random.random(), str(uuid.uuid4()), str(uuid.uuid1()), secrets.token_hex(8),
            ssl.RAND_bytes(8).hex(), context.log_stream_name, context.aws_request_id]
    kind = os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']
    return {'drawn': drawn, 'mine': mine, 'hooks': hooks, 'type': kind}
"""
    client = ready(server, "snap-random", WAIT + source)
    found = at_once(server, client, "snap-random", 3)
    assert len({one["drawn"] for one in found}) == 1
    for values in zip(*(one["mine"] for one in found), strict=True):
        assert len(set(values)) == 3, values
    for one in found:
        assert one["hooks"] == ["first", "last", "restored", {"a": 1}]
        assert one["type"] == "snap-start"


def test_environments_of_one_snapshot_share_no_file_process_or_memory(
    server: RunningServer,
) -> None:
    source = """
import os, socket, subprocess
state = []
with open('/tmp/kept', 'w') as kept:
    kept.write('init')
def handler(event, context):
    state.append(1)
    seen = [sorted(os.listdir('/tmp')), open('/tmp/kept').read(), len(state)]
    open('/tmp/kept', 'w').write('changed')
    open('/tmp/more', 'w').write('x')
    listener = socket.create_server(('127.0.0.1', 8099))
    child = subprocess.Popen(['sleep', '500'])
    print('runs')
    wait_at(event)
    processes = [name for name in os.listdir('/proc') if name.isdigit()]
    child.kill(); child.wait(); listener.close()
    spaces = [os.readlink('/proc/self/ns/' + name) for name in ('net', 'ipc')]
    return [*seen, len(processes), *spaces]
"""
    client = ready(server, "snap-apart", WAIT + source)
    found = at_once(server, client, "snap-apart", 3)
    assert [one[:4] for one in found] == [[["kept"], "init", 1, 2]] * 3
    assert len({one[4] for one in found}) == 3
    assert len({one[5] for one in found}) == 3


def test_credentials_are_asked_for_with_a_token_of_the_environment(server: RunningServer) -> None:
    source = """
import json, os, urllib.request, boto3
client = boto3.client('sts')
before = client.get_caller_identity()['Arn']
def ask(token):
    request = urllib.request.Request(
        os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], headers={'Authorization': token})
    try:
        return sorted(json.load(urllib.request.urlopen(request)))
    except urllib.error.HTTPError as error:
        return error.code
def handler(event, context):
    names = [name for name in os.environ if 'ACCESS_KEY' in name or 'LOG_STREAM' in name]
    return [names, ask(os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']), ask('wrong'),
            before, client.get_caller_identity()['Arn']]
"""
    client = ready(server, "snap-credentials", source, Timeout=20, MemorySize=512)
    names, right, wrong, before, after = call(client, "snap-credentials")
    assert names == []
    assert right == ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"]
    assert wrong == 403
    assert before == after
    assert ":assumed-role/lambda/" in after


def test_the_logs_tell_of_the_init_once_and_of_each_restore(server: RunningServer) -> None:
    client = ready(server, "snap-logs", "print('init')" + HANDLER)
    answer = client.invoke(FunctionName="snap-logs", Qualifier="1", LogType="Tail")
    assert answer["StatusCode"] == 200
    logs, group = server.client("logs"), "/aws/lambda/snap-logs"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    texts = {
        "".join(
            event["message"]
            for event in logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"]
            )["events"]
        )
        for stream in streams
    }
    [init] = [text for text in texts if "INIT_START" in text]
    [restored] = [text for text in texts if "RESTORE_START" in text]
    assert re.search(r"init\nINIT_REPORT Init Duration: [\d.]+ ms\n$", init)
    assert re.fullmatch(
        r"RESTORE_START Runtime Version: python:\S+\tRuntime Version ARN: \S+\n"
        r"RESTORE_REPORT Restore Duration: [\d.]+ ms\n"
        r"START .*\nEND .*\nREPORT RequestId: .*\tMax Memory Used: \d+ MB\t"
        r"Restore Duration: [\d.]+ ms\tBilled Restore Duration: \d+ ms\t\n",
        restored,
    )


def test_the_logs_as_json_have_the_restore_as_platform_events(server: RunningServer) -> None:
    options = {"LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}}
    client = ready(server, "snap-json", HANDLER, **options)
    call(client, "snap-json")
    logs = server.client("logs")
    events = logs.filter_log_events(logGroupName="/aws/lambda/snap-json")["events"]
    records = [json.loads(event["message"]) for event in events]
    kinds = [record["type"] for record in records]
    assert kinds[:3] == ["platform.initStart", "platform.initRuntimeDone", "platform.initReport"]
    assert records[0]["record"]["initializationType"] == "snap-start"
    for kind in ("restoreStart", "restoreRuntimeDone", "restoreReport"):
        assert f"platform.{kind}" in kinds
    metrics = next(one["record"] for one in records if one["type"] == "platform.report")["metrics"]
    assert metrics["billedRestoreDurationMs"] >= metrics["restoreDurationMs"] > 0


def test_an_init_that_fails_makes_the_version_failed(server: RunningServer) -> None:
    gate = Gate(server)
    source = f"{WAIT}\nwait_at({gate.url!r})\nraise ValueError('no luck')"
    client = publish(server, "snap-broken", source + HANDLER)
    with pytest.raises(ClientError, match="SnapStartNotReadyException"):
        call(client, "snap-broken")
    gate.open(10)  # each try of the init
    waiter = client.get_waiter("published_version_active")
    waiter.config.delay = 0.05
    with pytest.raises(Exception, match="Failed"):
        waiter.wait(FunctionName="snap-broken", Qualifier="1")
    shown = client.get_function_configuration(FunctionName="snap-broken", Qualifier="1")
    assert shown["StateReason"] == "ValueError: no luck"
    assert shown["StateReasonCode"] == "FunctionError.RuntimeInitError"
    with pytest.raises(ClientError, match="no luck"):
        call(client, "snap-broken")


def test_what_forbids_a_snapshot_is_said_and_the_version_starts_without_one(
    server: RunningServer,
) -> None:
    source = """
import threading, time
started = threading.Thread(target=time.sleep, args=(60,), daemon=True)
started.start()
"""
    client = publish(server, "snap-thread", source + HANDLER)
    shown = settle(client, "snap-thread")
    assert shown["SnapStart"] == {**PUBLISHED, "OptimizationStatus": "Off"}
    assert "after its init the function has 2 threads" in shown["StateReason"]
    assert call(client, "snap-thread") == {}


def test_functions_with_external_extensions_start_without_a_snapshot(
    server: RunningServer,
) -> None:
    layer = server.client("lambda").publish_layer_version(
        LayerName="snap-extension", Content={"ZipFile": make_zip({"extensions/one": "#!/bin/sh\n"})}
    )
    client = publish(server, "snap-extended", HANDLER, Layers=[layer["LayerVersionArn"]])
    shown = settle(client, "snap-extended")
    assert shown["SnapStart"]["OptimizationStatus"] == "Off"
    assert "external extensions" in shown["StateReason"]


def test_a_snapshot_hook_that_fails_is_told(server: RunningServer) -> None:
    """Before: the version fails. After: SnapStartException."""
    source = """
from snapshot_restore_py import register_{when}
@register_{when}
def hook():
    raise KeyError('in the hook')
"""
    client = ready(server, "snap-hook", source.format(when="after_restore") + HANDLER)
    with pytest.raises(ClientError) as refused:
        call(client, "snap-hook")
    error = refused.value.response["Error"]
    assert error["Code"] == "SnapStartException"
    assert "in the hook" in error["Message"]
    client = publish(server, "snap-hook-2", source.format(when="before_snapshot") + HANDLER)
    waiter = client.get_waiter("published_version_active")
    waiter.config.delay = 0.05
    with pytest.raises(Exception, match="Failed"):
        waiter.wait(FunctionName="snap-hook-2", Qualifier="1")


def test_a_snapshot_is_made_again_after_the_server_was_killed(tmp_path: Path) -> None:
    source = "import time\nwhen = time.time_ns()\n"
    handler = "def handler(event, context):\n    return when\n"
    with running(tmp_path / "data") as server:
        client = ready(server, "snap-again", source + handler)
        first = call(client, "snap-again")
        server.kill()
        server.start()
        client = server.client("lambda")
        shown = client.get_function_configuration(FunctionName="snap-again", Qualifier="1")
        assert shown["SnapStart"]["OptimizationStatus"] == "On"
        second, third = call(client, "snap-again"), at_once_plain(client, "snap-again")
        assert second != first
        assert set(third) == {second}


def at_once_plain(client: Any, name: str) -> list[Any]:
    with ThreadPoolExecutor(3) as threads:
        return list(threads.map(lambda _: call(client, name), range(3)))


def test_an_init_that_cannot_be_repeated_is_told_when_its_snapshot_was_lost(
    tmp_path: Path,
) -> None:
    source = """
import os, urllib.request
urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + '/2015-03-31/functions/snap-needed')
"""
    with running(tmp_path / "data") as server:
        server.create("snap-needed", HANDLER)
        client = ready(server, "snap-lost", source + HANDLER)
        client.delete_function(FunctionName="snap-needed")
        server.kill()
        server.start()
        with pytest.raises(ClientError) as refused:
            call(server.client("lambda"), "snap-lost")
        error = refused.value.response["Error"]
        assert error["Code"] == "SnapStartRegenerationFailureException"
        assert "HTTPError" in error["Message"]


def test_a_deleted_function_finishes_and_leaves_no_process_of_its_snapshot(
    tmp_path: Path,
) -> None:
    source = """
def handler(event, context):
    print('runs')
    if event:
        wait_at(event)
    return 'finished'
"""
    with running(tmp_path / "data", environment={"LAMBENT_PARKED": "0"}) as server:
        server.create("snap-warm", HANDLER).invoke(FunctionName="snap-warm")
        before = descendants(server.pid)
        client, gate = ready(server, "snap-gone", WAIT + source), Gate(server)
        assert call(client, "snap-gone") == "finished"
        started = descendants(server.pid) - before
        assert len(started) >= 3, "a template of two processes, and an environment"
        with ThreadPoolExecutor(1) as threads:
            last = threads.submit(call, client, "snap-gone", gate.url)
            wait_for(lambda: count_lines(server, "snap-gone") == 2, "the invocation to run")
            client.delete_function(FunctionName="snap-gone")
            assert not last.done()
            gate.open(1)
            assert last.result() == "finished"
        wait_for(lambda: not started & descendants(server.pid), "its processes to end")


def test_a_snapshot_whose_process_was_killed_is_made_again(tmp_path: Path) -> None:
    source = "import time\nwhen = time.time_ns()\ndef handler(event, context):\n    return when\n"
    with running(tmp_path / "data", environment={"LAMBENT_PARKED": "0"}) as server:
        server.create("snap-warm", HANDLER).invoke(FunctionName="snap-warm")
        before = descendants(server.pid)
        client = ready(server, "snap-killed", source)
        first = call(client, "snap-killed")
        for pid, _ in descendants(server.pid) - before:
            with contextlib.suppress(ProcessLookupError):  # it may have ended with its parent
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: alive(server) == 1, "the server to notice")
        assert call(client, "snap-killed") > first
        assert "Traceback" not in server.log(), server.log()


def alive(server: RunningServer) -> int:
    return int(get_json(server, "/_lambent/health")["environments"]["alive"])


def count_lines(server: RunningServer, name: str) -> int:
    found = server.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")
    return sum(event["message"] == "runs\n" for event in found["events"])
