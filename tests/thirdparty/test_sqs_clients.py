"""SQS by AWS's SDK for JavaScript, unmodified: it checks the MD5 sums of what it sends and gets."""

from __future__ import annotations

import json
from pathlib import Path

from tests.thirdparty.test_s3_clients import environment, run_command
from tests.thirdparty.test_third_parties import npm_install

__all__ = ["environment"]

SDK = "@aws-sdk/client-sqs@3.1169.0"
PROGRAM = """
import * as sqs from '@aws-sdk/client-sqs';

const client = new sqs.SQSClient({});
const send = (name, params) => client.send(new sqs[name + 'Command'](params));
const failed = async (work) => {
  try { await work; } catch (error) { return [error.name, error.$metadata.httpStatusCode]; }
};
const out = {};
const { QueueUrl } = await send('CreateQueue', {
  QueueName: 'js-queue', Attributes: { VisibilityTimeout: '30' } });
out.found = (await send('GetQueueUrl', { QueueName: 'js-queue' })).QueueUrl === QueueUrl;
await send('SendMessage', { QueueUrl, MessageBody: 'hello, wörld',
  MessageAttributes: {
    who: { DataType: 'String', StringValue: 'me' },
    raw: { DataType: 'Binary', BinaryValue: new Uint8Array([1, 2, 255]) } } });
const batch = await send('SendMessageBatch', { QueueUrl, Entries: [
  { Id: 'a', MessageBody: 'one' }, { Id: 'b', MessageBody: 'two' },
  { Id: 'c', MessageBody: '' }] });
out.batch = [batch.Successful.map((one) => one.Id), batch.Failed.map((one) => one.Code)];
const got = [];
while (got.length < 3) {
  const { Messages = [] } = await send('ReceiveMessage', {
    QueueUrl, WaitTimeSeconds: 5, MaxNumberOfMessages: 10,
    MessageAttributeNames: ['All'], MessageSystemAttributeNames: ['All'] });
  got.push(...Messages);
}
got.sort((a, b) => a.Body.localeCompare(b.Body));
out.bodies = got.map((one) => one.Body);
out.attributes = [got[0].MessageAttributes.who.StringValue,
  [...got[0].MessageAttributes.raw.BinaryValue], got[0].Attributes.ApproximateReceiveCount];
const handle = (one) => ({ QueueUrl, ReceiptHandle: one.ReceiptHandle });
await send('ChangeMessageVisibility', { ...handle(got[1]), VisibilityTimeout: 0 });
const again = await send('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 5,
  MessageSystemAttributeNames: ['ApproximateReceiveCount'] });
out.again = [again.Messages[0].Body, again.Messages[0].Attributes.ApproximateReceiveCount];
for (const one of [got[0], again.Messages[0], got[2]]) await send('DeleteMessage', handle(one));
const told = await send('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] });
out.left = ['', 'NotVisible'].map((kind) =>
  told.Attributes['ApproximateNumberOfMessages' + kind]);
out.handle = await failed(send('DeleteMessage', { QueueUrl, ReceiptHandle: 'nonsense' }));
await send('DeleteQueue', { QueueUrl });
out.absent = await failed(send('GetQueueUrl', { QueueName: 'js-queue' }));
console.log(JSON.stringify(out));
"""


def test_the_sdk_for_javascript_sends_receives_and_deletes_messages(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    npm_install(tmp_path, SDK)
    (tmp_path / "run.js").write_text(PROGRAM)
    assert json.loads(run_command(["node", "run.js"], environment, tmp_path)) == {
        "found": True,
        "batch": [["a", "b"], ["MissingParameter"]],
        "bodies": ["hello, wörld", "one", "two"],
        "attributes": ["me", [1, 2, 255], "1"],
        "again": ["one", "2"],
        "left": ["0", "0"],
        "handle": ["ReceiptHandleIsInvalid", 404],
        "absent": ["QueueDoesNotExist", 400],
    }
