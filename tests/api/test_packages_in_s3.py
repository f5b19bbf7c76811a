"""Packages of functions and layers that lie in S3, by an unmodified boto3.

Expected texts: AWS's, as quoted in many issue threads ("Error occurred while GetObject…").
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.s3_world import new_bucket
from tests.conftest import RUNTIME, RunningServer, make_zip

ROLE = "arn:aws:iam::000000000000:role/any"


def _source(word: str) -> bytes:
    return make_zip({"app.py": f"def handler(event, context): return {word!r}"})


def _said(client: Any, name: str) -> Any:
    return json.loads(client.invoke(FunctionName=name)["Payload"].read())


def _create(client: Any, name: str, **code: Any) -> Any:
    made = client.create_function(
        FunctionName=name, Runtime=RUNTIME, Role=ROLE, Handler="app.handler", Code=code
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    return made


def _text(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_function_is_made_and_updated_from_objects(server: RunningServer) -> None:
    s3, client = server.client("s3"), server.client("lambda")
    bucket = new_bucket(s3)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="code/app.zip", Body=_source("one"))["VersionId"]
    s3.put_object(Bucket=bucket, Key="code/app.zip", Body=_source("two"))
    at = {"S3Bucket": bucket, "S3Key": "code/app.zip"}
    made = _create(client, "from-s3", **at, S3ObjectVersion=first, S3ObjectStorageMode="COPY")
    assert made["CodeSize"] == len(_source("one"))
    assert _said(client, "from-s3") == "one"
    client.update_function_code(FunctionName="from-s3", **at)
    client.get_waiter("function_updated_v2").wait(FunctionName="from-s3")
    assert _said(client, "from-s3") == "two"
    s3.delete_object(Bucket=bucket, Key="code/app.zip")
    assert _said(client, "from-s3") == "two"


def test_a_layer_is_published_from_an_object(server: RunningServer) -> None:
    s3, client = server.client("s3"), server.client("lambda")
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="l.zip", Body=make_zip({"python/part.py": "WORD = 'layer'"}))
    layer = client.publish_layer_version(
        LayerName="from-s3", Content={"S3Bucket": bucket, "S3Key": "l.zip"}
    )
    code = make_zip({"app.py": "import part\ndef handler(event, context): return part.WORD"})
    s3.put_object(Bucket=bucket, Key="f.zip", Body=code)
    client.create_function(
        FunctionName="layer-from-s3",
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Code={"S3Bucket": bucket, "S3Key": "f.zip"},
        Layers=[layer["LayerVersionArn"]],
    )
    client.get_waiter("function_active_v2").wait(FunctionName="layer-from-s3")
    assert _said(client, "layer-from-s3") == "layer"


def test_what_s3_does_not_give_is_told_in_its_words(server: RunningServer) -> None:
    s3, client = server.client("s3"), server.client("lambda")
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="not.zip", Body=b"no zip")

    def refused(**code: Any) -> tuple[str, str]:
        return _text(
            client.create_function,
            FunctionName="never-from-s3",
            Runtime=RUNTIME,
            Role=ROLE,
            Handler="app.handler",
            Code=code,
        )

    said = "Error occurred while GetObject. S3 Error Code: {} S3 Error Message: {}"
    code, text = refused(S3Bucket=bucket, S3Key="absent.zip")
    assert code == "InvalidParameterValueException"
    assert text == said.format("NoSuchKey.", "The specified key does not exist.")
    code, text = refused(S3Bucket="no-such-bucket-here", S3Key="x")
    assert text == said.format("NoSuchBucket.", "The specified bucket does not exist")
    code, text = refused(S3Bucket=bucket, S3Key="not.zip", S3ObjectVersion="unknown")
    assert text == said.format("InvalidArgument.", "Invalid version id specified")
    assert refused(S3Bucket=bucket, S3Key="not.zip")[1].startswith("Could not unzip uploaded file.")
    assert refused(S3Bucket=bucket)[1] == "Please provide a source for function code."
    assert refused(S3Bucket=bucket, S3Key="not.zip", ZipFile=_source("x"))[1] == (
        "Please do not provide other FunctionCode parameters when providing a ZipFile."
    )
    code, text = refused(S3Bucket=bucket, S3Key="not.zip", S3ObjectStorageMode="REFERENCE")
    assert "S3ObjectStorageMode REFERENCE" in text
