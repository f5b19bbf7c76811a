"""A harmless function beside a hostile one: it tells which environment answered."""

import os

INSTANCE = os.urandom(8).hex()


def handler(event, context):
    return {"event": event, "instance": INSTANCE}
