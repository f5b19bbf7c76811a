# A function with a layer and environment variables. The module `greetings` is not in this package:
# it comes from the layer in `layer/`, whose `python/` folder Lambda puts on Python's path as
# /opt/python, after the function's own code. Which greeting to use is configuration, not code.
#
#     lambent deploy examples/layered --layer examples/layered/layer --env LANGUAGE=fr
#     lambent invoke layered --payload '{"name": "Ada"}'
"""Greets in the language that the environment variable LANGUAGE names."""

import os

import greetings

LANGUAGE = os.environ.get("LANGUAGE", "en")


def handler(event, context):
    return {
        "message": greetings.greet(event.get("name", "world"), language=LANGUAGE),
        "from": greetings.__file__,
    }
