# The smallest function. Deploy and run it on a Lambent that was started with `lambent start`:
#
#     lambent deploy examples/hello
#     lambent invoke hello --payload '{"name": "Ada"}' --log
#
# `lambent deploy` zips the folder, finds `app.handler` by reading the code, and creates the
# function; a second `deploy` updates it. What the function prints is in its log, between Lambda's
# own START and END lines.
"""A plain function: an event in, a value out."""


def handler(event, context):
    name = event.get("name", "world")
    print(f"Greeting {name}")
    return {
        "message": f"Hello, {name}!",
        "function": context.function_name,
        "remaining_ms": context.get_remaining_time_in_millis(),
    }
