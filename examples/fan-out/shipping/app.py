"""Ships what is heavy or goes abroad; the filter reads that from the message itself."""

import json


def handler(event, context):
    for record in event["Records"]:
        order = json.loads(record["Sns"]["Message"])
        print(f"shipping order {order['id']}: {order['kg']} kg to {order['to']['country']}")
