"""Gets the log events that a subscription filter picked, and sends an alert for each."""

import base64
import gzip
import json
import os

import boto3

sqs = boto3.client("sqs")


def handler(event, context):
    logged = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    for log_event in logged["logEvents"]:
        error = json.loads(log_event["message"])
        text = f"order {error['order']}: {error['text']} (in {logged['logGroup']})"
        sqs.send_message(QueueUrl=os.environ["ALERTS"], MessageBody=text)
