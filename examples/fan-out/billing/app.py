"""Bills orders. Its subscription's filter lets nothing else through."""

import json


def handler(event, context):
    for record in event["Records"]:
        order = json.loads(record["Sns"]["Message"])
        print(f"billing order {order['id']}: {order['price']} EUR")
