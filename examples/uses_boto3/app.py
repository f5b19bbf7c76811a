# A function that calls AWS. Inside an environment boto3 is there as on AWS, with credentials and
# AWS_ENDPOINT_URL set, so that the clients below talk to the Lambent that runs this function and
# not to AWS; nothing in the code says so. The clients are made once, at import time, and serve
# every later invocation of the same environment.
#
#     lambent deploy examples/uses_boto3 --memory 256 --timeout 15
#     lambent invoke uses_boto3
"""Asks Lambda and STS who and where it is."""

import boto3

lambda_client = boto3.client("lambda")
sts_client = boto3.client("sts")


def handler(event, context):
    settings = lambda_client.get_account_settings()
    functions = lambda_client.list_functions()["Functions"]
    return {
        "account": sts_client.get_caller_identity()["Account"],
        "concurrency": settings["AccountLimit"]["ConcurrentExecutions"],
        "functions": [function["FunctionName"] for function in functions],
    }
