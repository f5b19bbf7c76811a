"""Works through orders of a queue; those that fail are named, and only they come again."""

import json


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            ship(json.loads(record["body"]))
        except (ValueError, KeyError) as error:
            tries = record["attributes"]["ApproximateReceiveCount"]
            print(f"try {tries} of {record['body']} failed: {error!r}")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def ship(order):
    if not order["address"]:
        raise ValueError("no address")
    print(f"shipped order {order['id']}")
