#!/usr/bin/env -S python3 -IS
# A runtime in one file: the Runtime API by http.client, then the cases.
import http.client
import json
import os
import time

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
count = 0


def call(method, path, body=None):
    api.request(method, "/2018-06-01/runtime/" + path, body)
    answer = api.getresponse()
    return answer.headers, answer.read()


def run(event, headers):
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
        client = headers["Lambda-Runtime-Client-Context"]
        return {
            "requestId": headers["Lambda-Runtime-Aws-Request-Id"],
            "name": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
            "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
            "arn": headers["Lambda-Runtime-Invoked-Function-Arn"],
            "memory": int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
            "group": os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
            "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
            "left": int(headers["Lambda-Runtime-Deadline-Ms"]) - int(time.time() * 1000),
            "client": json.loads(client)["custom"] if client else None,
        }
    if case == "layer":
        with open("/opt/layer.txt") as file:
            return file.read()
    if case == "log":
        print("printed by the function", flush=True)
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


while True:
    headers, body = call("GET", "invocation/next")
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    count += 1
    try:
        result = json.dumps(run(json.loads(body), headers))
    except Exception as error:
        failure = {"errorType": type(error).__name__, "errorMessage": str(error)}
        call("POST", "invocation/" + request_id + "/error", json.dumps(failure))
    else:
        call("POST", "invocation/" + request_id + "/response", result)
