"""Writes a report into a bucket. What is in the event is the schedule's `Input`."""

import json
import os

import boto3

s3 = boto3.client("s3")


def handler(event, context):
    key = f"{event['job']}/{event['at']}.json"
    report = {"job": event["job"], "for": event["at"], "by": context.function_name}
    s3.put_object(Bucket=os.environ["BUCKET"], Key=key, Body=json.dumps(report))
    print("wrote", key)
    return {"key": key}
