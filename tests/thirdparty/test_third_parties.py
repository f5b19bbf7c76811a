"""What others build for Lambda, unmodified, as its own documentation says to use it.

The packages come from their registries, pinned; a test whose tool is missing is skipped.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROLE, RUNTIME, RunningServer
from tests.registries import run_command


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data: Path = tmp_path_factory.mktemp("third") / "data"
    running = RunningServer(data_dir=data).start()
    yield running
    running.stop()


def run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    run_command(command, folder)


def pip_install(folder: Path, *packages: str) -> None:
    run([sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), *packages], folder)


def npm_install(folder: Path, *packages: str) -> None:
    run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages], folder)


def zip_folder(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                package.write(path, path.relative_to(folder))
    return buffer.getvalue()


def deploy(server: RunningServer, name: str, folder: Path, **options: Any) -> Any:
    client = server.client("lambda")
    client.create_function(
        **{
            "FunctionName": name,
            "Runtime": RUNTIME,
            "Handler": "app.handler",
            "Role": ROLE,
            "Timeout": 20,
            "MemorySize": 512,
            "Code": {"ZipFile": zip_folder(folder)},
            **options,
        }
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return client


def invoke(client: Any, name: str, event: Any) -> tuple[Any, list[dict[str, Any]]]:
    """(result, the JSON objects that it logged)."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    logged = [json.loads(line) for line in tail.splitlines() if line.startswith("{")]
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, (result, tail)
    return result, logged


def http_event(path: str, method: str = "GET", body: str | None = None) -> dict[str, Any]:
    """A request in the payload format 2.0 of function URLs and HTTP APIs."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "example.org", "content-type": "application/json"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "id",
            "domainName": "example.org",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": "r",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:00:00:00 +0000",
            "timeEpoch": 1795219200000,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def test_powertools_for_python(server: RunningServer, tmp_path: Path) -> None:
    """Logger with context and cold start, metrics in the embedded format, typed events, parser."""
    pip_install(tmp_path, "aws-lambda-powertools[parser]==3.23.0")
    (tmp_path / "app.py").write_text(
        """
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import BaseModel

logger = Logger(service="shop")
metrics = Metrics(namespace="Shop", service="shop")
app = LambdaFunctionUrlResolver()

class Order(BaseModel):
    item: str
    count: int

@app.post("/orders")
def order():
    made = Order.model_validate(app.current_event.json_body)
    logger.info("ordered", extra={"item": made.item})
    metrics.add_metric(name="Orders", unit=MetricUnit.Count, value=made.count)
    return {"item": made.item}

@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context
def handler(event, context):
    return app.resolve(event, context)
"""
    )
    client = deploy(server, "third-powertools", tmp_path)
    event = http_event("/orders", "POST", '{"item": "book", "count": 2}')
    result, logged = invoke(client, "third-powertools", event)
    assert (result["statusCode"], json.loads(result["body"])) == (200, {"item": "book"})
    line = next(entry for entry in logged if entry.get("message") == "ordered")
    assert (line["service"], line["cold_start"], line["item"]) == ("shop", True, "book")
    assert line["function_name"] == "third-powertools"
    assert any(entry.get("Orders") == [2.0] for entry in logged)
    _, logged = invoke(client, "third-powertools", event)
    assert next(one for one in logged if one.get("message") == "ordered")["cold_start"] is False


def test_mangum_with_fastapi(server: RunningServer, tmp_path: Path) -> None:
    pip_install(tmp_path, "mangum==0.19.0", "fastapi==0.115.12")
    (tmp_path / "app.py").write_text(
        """
from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()

@app.get("/hello/{name}")
async def hello(name: str):
    return {"hello": name}

handler = Mangum(app, lifespan="off")
"""
    )
    client = deploy(server, "third-mangum", tmp_path)
    result, _ = invoke(client, "third-mangum", http_event("/hello/you"))
    assert (result["statusCode"], json.loads(result["body"])) == (200, {"hello": "you"})
    result, _ = invoke(client, "third-mangum", http_event("/nowhere"))
    assert result["statusCode"] == 404


def node_runtime() -> str:
    from lambent.runtime.families import nodejs

    found = nodejs.find(os.environ.get("LAMBENT_NODES", ""), os.environ)
    if not found:
        pytest.skip("no Node.js was found on this host")
    return next(iter(found))


def test_powertools_for_typescript(server: RunningServer, tmp_path: Path) -> None:
    runtime = node_runtime()
    npm_install(
        tmp_path, "@aws-lambda-powertools/logger@2.36.0", "@aws-lambda-powertools/metrics@2.36.0"
    )
    (tmp_path / "app.mjs").write_text(
        """
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';

const logger = new Logger({ serviceName: 'shop' });
const metrics = new Metrics({ namespace: 'Shop', serviceName: 'shop' });

export const handler = async (event, context) => {
  logger.addContext(context);
  logger.info('ordered', { item: event.item });
  metrics.addMetric('Orders', MetricUnit.Count, 2);
  metrics.publishStoredMetrics();
  return { item: event.item };
};
"""
    )
    client = deploy(server, "third-powertools-ts", tmp_path, Runtime=runtime)
    result, logged = invoke(client, "third-powertools-ts", {"item": "book"})
    assert result == {"item": "book"}
    line = next(entry for entry in logged if entry.get("message") == "ordered")
    assert (line["service"], line["cold_start"], line["item"]) == ("shop", True, "book")
    assert line["function_name"] == "third-powertools-ts"
    assert any(entry.get("Orders") == 2 for entry in logged)


def test_fastify_aws_lambda(server: RunningServer, tmp_path: Path) -> None:
    runtime = node_runtime()
    npm_install(tmp_path, "fastify@5.3.3", "@fastify/aws-lambda@5.1.4")
    (tmp_path / "app.js").write_text(
        """
const fastify = require('fastify');
const awsLambdaFastify = require('@fastify/aws-lambda');

const app = fastify();
app.get('/hello/:name', async (request) => ({ hello: request.params.name }));
app.post('/echo', async (request, reply) => reply.code(201).send(request.body));

exports.handler = awsLambdaFastify(app);
"""
    )
    client = deploy(server, "third-fastify", tmp_path, Runtime=runtime)
    result, _ = invoke(client, "third-fastify", http_event("/hello/you"))
    assert (result["statusCode"], json.loads(result["body"])) == (200, {"hello": "you"})
    result, _ = invoke(client, "third-fastify", http_event("/echo", "POST", '{"a": 1}'))
    assert (result["statusCode"], json.loads(result["body"])) == (201, {"a": 1})


def test_powertools_batch_processor(server: RunningServer, tmp_path: Path) -> None:
    """What it reports as failed comes again, alone; of a FIFO queue also what follows."""
    pip_install(tmp_path, "aws-lambda-powertools==3.23.0")
    (tmp_path / "app.py").write_text(
        """
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor, EventType, SqsFifoPartialProcessor, process_partial_response,
)

standard = BatchProcessor(event_type=EventType.SQS)
fifo = SqsFifoPartialProcessor()

def work(record):
    tries = record.attributes.approximate_receive_count
    print("came", record.body, tries)
    if record.body == "b" and tries == "1":
        raise ValueError("on purpose")

def handler(event, context):
    ordered = event["Records"][0]["eventSourceARN"].endswith(".fifo")
    processor = fifo if ordered else standard
    return process_partial_response(
        event=event, record_handler=work, processor=processor, context=context
    )
"""
    )
    client = deploy(server, "third-batch", tmp_path, Timeout=3)
    client.invoke(FunctionName="third-batch", Payload=b"{}")  # fails, and is warm
    assert came_of(server, client, {}) == ["a 1", "b 1", "b 2", "c 1"]
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    assert came_of(server, client, fifo) == ["a 1", "b 1", "b 2", "c 2"]


def came_of(server: RunningServer, client: Any, attributes: dict[str, str]) -> list[str]:
    """What the function told of a batch of a, b and c, once the queue is empty; sorted."""
    sqs, logs = server.client("sqs"), server.client("logs")
    name = "third-batch.fifo" if attributes else "third-batch"
    attributes = {"VisibilityTimeout": "3", **attributes}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    group = {"MessageGroupId": "g"} if "FifoQueue" in attributes else {}
    entries = [{"Id": body, "MessageBody": body, **group} for body in "abc"]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    since_ms = int(time.time() * 1000)
    key = client.create_event_source_mapping(
        FunctionName="third-batch",
        EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )["UUID"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    deadline = time.monotonic() + 60
    shown = {names[0]: "3"}
    while any(count != "0" for count in shown.values()) and time.monotonic() < deadline:
        time.sleep(0.1)
        shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    client.delete_event_source_mapping(UUID=key)
    told: list[str] = []
    while len(told) < 4 and time.monotonic() < deadline:  # lines are stored a moment later
        events = logs.filter_log_events(logGroupName="/aws/lambda/third-batch", startTime=since_ms)
        lines = [one["message"].strip() for one in events["events"]]
        told = sorted(line[5:] for line in lines if line.startswith("came "))
    return told
