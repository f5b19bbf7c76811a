import os
import time

count = 0


def handler(event, context):
    global count
    count += 1
    case = event["case"] if isinstance(event, dict) and "case" in event else "echo"
    if case == "echo":
        return event
    if case == "error":
        raise ValueError("on purpose")
    if case == "sleep":
        time.sleep(60)
    if case == "exit":
        os._exit(7)
    if case == "memory":
        held = []
        while True:
            held.append(bytearray(8 * 1024 * 1024))
    if case == "env":
        return dict(os.environ)
    if case == "context":
        return {
            "requestId": context.aws_request_id,
            "name": context.function_name,
            "version": context.function_version,
            "arn": context.invoked_function_arn,
            "memory": int(context.memory_limit_in_mb),
            "group": context.log_group_name,
            "stream": context.log_stream_name,
            "left": context.get_remaining_time_in_millis(),
            "client": context.client_context.custom if context.client_context else None,
        }
    if case == "layer":
        with open("/opt/layer.txt") as file:
            return file.read()
    if case == "log":
        print("printed by the function")
        return None
    if case == "size":
        return "x" * event["size"]
    if case == "state":
        return {"count": count, "pid": os.getpid()}
    if case == "tmp":
        with open("/tmp/kept", "a") as file:
            file.write("x")
        with open("/tmp/kept") as file:
            return len(file.read())
    if case == "read-only":
        try:
            open("/var/task/new", "w")
        except OSError as error:
            return error.errno
    if case == "cwd":
        return os.getcwd()
