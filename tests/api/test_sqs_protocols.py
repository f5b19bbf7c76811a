"""The query protocol beside JSON, on the same port: what older SDKs and curl send."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.conftest import RunningServer

NAMESPACE = 'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"'


def query(server: RunningServer, path: str = "/", **fields: str) -> tuple[int, str]:
    """Status and body of an unsigned form."""
    named = {name.replace("_", "."): value for name, value in fields.items()}
    form = urlencode({"Version": "2012-11-05", **named}).encode()
    try:
        with urllib.request.urlopen(server.endpoint + path, form, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def inside(text: str, tag: str) -> list[str]:
    return re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)


@pytest.fixture
def path(server: RunningServer) -> Any:
    """The path of a queue of one's own."""
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName="sqs-query")["QueueUrl"]
    yield url.removeprefix(server.endpoint)
    sqs.delete_queue(QueueUrl=url)


def test_sqs_query_a_queue_is_made_with_attributes_and_tags(server: RunningServer) -> None:
    status, text = query(
        server,
        Action="CreateQueue",
        QueueName="sqs-query-made",
        Attribute_1_Name="DelaySeconds",
        Attribute_1_Value="7",
        Tag_1_Key="color",
        Tag_1_Value="blue",
    )
    assert status == 200
    assert text.startswith(f"<CreateQueueResponse {NAMESPACE}><CreateQueueResult><QueueUrl>")
    [url] = inside(text, "QueueUrl")
    path = url.removeprefix(server.endpoint)
    _, text = query(server, path, Action="GetQueueAttributes", AttributeName_1="DelaySeconds")
    assert "<Attribute><Name>DelaySeconds</Name><Value>7</Value></Attribute>" in text
    _, text = query(server, path, Action="ListQueueTags")
    assert "<Tag><Key>color</Key><Value>blue</Value></Tag>" in text
    assert query(server, path, Action="DeleteQueue")[0] == 200


def test_sqs_query_messages_are_sent_received_and_deleted(server: RunningServer, path: str) -> None:
    status, text = query(
        server,
        path,
        Action="SendMessage",
        MessageBody="a <b> & c",
        MessageAttribute_1_Name="n",
        MessageAttribute_1_Value_DataType="String",
        MessageAttribute_1_Value_StringValue="v",
    )
    assert status == 200, text
    [digest] = inside(text, "MD5OfMessageAttributes")
    status, text = query(
        server,
        Action="ReceiveMessage",
        QueueUrl=server.endpoint + path,
        AttributeName_1="All",
        MessageAttributeName_1="All",
        MaxNumberOfMessages="10",
    )
    assert status == 200
    assert "<Body>a &lt;b&gt; &amp; c</Body>" in text
    assert inside(text, "MD5OfMessageAttributes") == [digest]
    assert "<Attribute><Name>SenderId</Name><Value>000000000000</Value></Attribute>" in text
    assert "<MessageAttribute><Name>n</Name><Value><StringValue>v</StringValue>" in text or (
        "<MessageAttribute><Name>n</Name><Value><DataType>String</DataType>" in text
    )
    [handle] = inside(text, "ReceiptHandle")
    fields = {
        "DeleteMessageBatchRequestEntry.1.Id": "one",
        "DeleteMessageBatchRequestEntry.1.ReceiptHandle": handle,
        "DeleteMessageBatchRequestEntry.2.Id": "two",
        "DeleteMessageBatchRequestEntry.2.ReceiptHandle": "nonsense",
    }
    _, text = query(server, path, Action="DeleteMessageBatch", **fields)
    assert inside(text, "DeleteMessageBatchResultEntry") == ["<Id>one</Id>"]
    [failed] = inside(text, "BatchResultErrorEntry")
    assert "<Code>ReceiptHandleIsInvalid</Code>" in failed


def test_sqs_query_errors_have_the_codes_of_old(server: RunningServer, path: str) -> None:
    """[LS] test_non_existent_queue (query)."""
    status, text = query(server, Action="GetQueueUrl", QueueName="sqs-query-none")
    assert status == 400
    assert inside(text, "Code") == ["AWS.SimpleQueueService.NonExistentQueue"]
    assert inside(text, "Message") == ["The specified queue does not exist for this wsdl version."]
    assert inside(text, "Type") == ["Sender"]
    status, text = query(server, path, Action="DeleteMessage", ReceiptHandle="nonsense")
    assert (status, inside(text, "Code")) == (404, ["ReceiptHandleIsInvalid"])
    status, text = query(server, path, Action="SendMessage")
    assert (status, inside(text, "Code")) == (400, ["MissingParameter"])
    status, text = query(server, path, Action="Nonsense")
    assert (status, inside(text, "Code")) == (400, ["InvalidAction"])
    status, text = query(server, path, Action="ReceiveMessage", MaxNumberOfMessages="many")
    assert (status, inside(text, "Code")) == (400, ["MalformedInput"])


def test_sqs_json_may_be_sent_to_the_queues_own_url(server: RunningServer, path: str) -> None:
    """[LS] test_send_message_via_queue_url_with_json_protocol; the error's header beside it."""
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.ReceiveMessage",
    }
    body = json.dumps({"QueueUrl": server.endpoint + path}).encode()
    request = urllib.request.Request(server.endpoint + path, body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.loads(answer.read()) == {}
    request = urllib.request.Request(server.endpoint, b'{"QueueUrl": "x"}', headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    with caught.value as error:
        assert error.headers["x-amzn-query-error"] == "InvalidAddress;Sender"
        assert json.loads(error.read())["__type"] == "com.amazonaws.sqs#InvalidAddress"
