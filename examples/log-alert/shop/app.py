"""Sells things, and logs what it does as JSON."""

import json


def handler(event, context):
    for order in event["orders"]:
        if order["amount"] > 10_000:
            log("ERROR", order, "more than there is in stock")
        else:
            log("INFO", order, "sold")


def log(level, order, text):
    print(json.dumps({"level": level, "order": order["id"], "text": text}))
