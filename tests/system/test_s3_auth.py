"""S3 on a server that enforces IAM: identity policies, bucket policies, packages in it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.api.test_s3_forms import post
from tests.conftest import RUNTIME, make_zip
from tests.system.auth_world import ACCOUNT, ECHO, World, allow, refusal

USER = f"arn:aws:iam::{ACCOUNT}:user/"


def test_s3_auth_a_users_policy_allows_each_action_on_each_object(world: World) -> None:
    root = world.client("s3")
    root.create_bucket(Bucket="auth-objects")
    for key in ("in/a", "out/a"):
        root.put_object(Bucket="auth-objects", Key=key, Body=b"x")
    policy = allow("s3:GetObject", resource="arn:aws:s3:::auth-objects/in/*")
    user = world.client("s3", world.make_user("s3-reader", policy))
    assert user.get_object(Bucket="auth-objects", Key="in/a")["Body"].read() == b"x"
    assert user.head_object(Bucket="auth-objects", Key="in/a")["ContentLength"] == 1
    code, status, text = refusal(user.get_object, Bucket="auth-objects", Key="out/a")
    assert (code, status) == ("AccessDenied", 403)
    assert text == (
        f"User: {USER}s3-reader is not authorized to perform: s3:GetObject on resource:"
        ' "arn:aws:s3:::auth-objects/out/a" because no identity-based policy allows the'
        " s3:GetObject action"
    )
    for call, params in (
        (user.put_object, {"Key": "in/a", "Body": b"y"}),
        (user.delete_object, {"Key": "in/a"}),
        (user.list_objects_v2, {}),
        (user.copy_object, {"Key": "in/b", "CopySource": "auth-objects/in/a"}),
    ):
        assert refusal(call, Bucket="auth-objects", **params)[:2] == ("AccessDenied", 403), params
    assert root.get_object(Bucket="auth-objects", Key="in/a")["Body"].read() == b"x"
    absent = {"Bucket": "auth-objects", "Key": "in/absent"}
    assert refusal(user.get_object, **absent)[:2] == ("AccessDenied", 403)
    assert refusal(user.head_object, **absent)[:2] == ("403", 403)
    assert refusal(root.get_object, **absent)[:2] == ("NoSuchKey", 404)


def test_s3_auth_each_key_of_a_deletion_has_an_answer_of_its_own(world: World) -> None:
    root = world.client("s3")
    root.create_bucket(Bucket="auth-deletes")
    for key in ("mine/a", "theirs/a"):
        root.put_object(Bucket="auth-deletes", Key=key, Body=b"x")
    policy = allow("s3:DeleteObject", resource="arn:aws:s3:::auth-deletes/mine/*")
    user = world.client("s3", world.make_user("s3-deleter", policy))
    objects = [{"Key": "theirs/a"}, {"Key": "mine/a"}]
    answer = user.delete_objects(Bucket="auth-deletes", Delete={"Objects": objects})
    assert [one["Key"] for one in answer["Deleted"]] == ["mine/a"]
    [error] = answer["Errors"]
    assert (error["Key"], error["Code"]) == ("theirs/a", "AccessDenied")
    left = root.list_objects_v2(Bucket="auth-deletes")["Contents"]
    assert [one["Key"] for one in left] == ["theirs/a"]


def test_s3_auth_a_buckets_policy_allows_denies_and_lets_nobody_in_unasked(world: World) -> None:
    root, name = world.client("s3"), "auth-policy"
    root.create_bucket(Bucket=name)
    root.put_object(Bucket=name, Key="k", Body=b"x")
    user = world.client("s3", world.make_user("s3-guest"))

    def policy(effect: str, principal: Any) -> str:
        statement = {
            "Effect": effect,
            "Principal": principal,
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{name}/*",
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def get_as_nobody() -> int:
        try:
            with urllib.request.urlopen(f"{world.server.endpoint}/{name}/k") as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert refusal(user.get_object, Bucket=name, Key="k")[0] == "AccessDenied"
    root.put_bucket_policy(Bucket=name, Policy=policy("Allow", {"AWS": f"{USER}s3-guest"}))
    assert user.get_object(Bucket=name, Key="k")["Body"].read() == b"x"
    code, _, _ = refusal(root.put_bucket_policy, Bucket=name, Policy=policy("Allow", "*"))
    assert (code, get_as_nobody()) == ("AccessDenied", 403)
    root.delete_public_access_block(Bucket=name)
    root.put_bucket_policy(Bucket=name, Policy=policy("Allow", "*"))
    assert get_as_nobody() == 200
    root.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True}
    )
    assert get_as_nobody() == 403
    root.put_bucket_policy(Bucket=name, Policy=policy("Deny", "*"))
    code, _, text = refusal(root.get_object, Bucket=name, Key="k")
    assert text.endswith("with an explicit deny in a resource-based policy")
    root.delete_bucket_policy(Bucket=name)
    assert root.get_object(Bucket=name, Key="k")["Body"].read() == b"x"


def test_s3_auth_a_package_is_read_with_the_callers_permissions(world: World) -> None:
    root = world.client("s3")
    root.create_bucket(Bucket="auth-packages")
    root.put_object(Bucket="auth-packages", Key="f.zip", Body=make_zip({"app.py": ECHO}))
    keys = world.make_user("deployer", allow("lambda:*", "iam:PassRole"))
    user = world.client("lambda", keys)
    asked = {
        "FunctionName": "s3-auth-made",
        "Runtime": RUNTIME,
        "Role": world.role,
        "Handler": "app.handler",
        "Code": {"S3Bucket": "auth-packages", "S3Key": "f.zip"},
    }
    code, status, text = refusal(user.create_function, **asked)
    assert (code, status) == ("AccessDeniedException", 403)
    assert text.startswith(
        "Your access has been denied by S3, please make sure your request credentials have"
        " permission to GetObject for auth-packages/f.zip. S3 Error Code: AccessDenied. S3 Error"
        f" Message: User: {USER}deployer is not authorized to perform: s3:GetObject"
    )
    world.iam.put_user_policy(
        UserName="deployer", PolicyName="s3", PolicyDocument=allow("s3:GetObject")
    )
    assert user.create_function(**asked)["FunctionName"] == "s3-auth-made"


@pytest.mark.parametrize("text", ["{", "[]", '{"Statement": [{"Effect": "Maybe"}]}'])
def test_s3_auth_a_policy_that_is_none_is_refused(world: World, text: str) -> None:
    root = world.client("s3")
    root.create_bucket(Bucket="auth-malformed")
    assert refusal(root.put_bucket_policy, Bucket="auth-malformed", Policy=text)[0] == (
        "MalformedPolicy"
    )


def test_s3_auth_a_form_is_posted_by_whom_signed_its_policy(world: World) -> None:
    root = world.client("s3")
    root.create_bucket(Bucket="auth-forms")
    allowed = world.make_user("s3-poster", allow("s3:PutObject"))
    other = world.make_user("s3-nobody")
    old = world.client("s3", allowed).generate_presigned_post("auth-forms", "k")["fields"]
    signed, unknown = (
        world.client("s3", keys, signature_version="s3v4").generate_presigned_post(
            "auth-forms", "k"
        )["fields"]
        for keys in (allowed, other)
    )
    forged = {**signed, "x-amz-signature": "0" * 64}
    assert post(world.server, "auth-forms", signed, b"x")[0] == 204
    assert post(world.server, "auth-forms", old, b"old")[0] == 204  # by version 2
    old_forged = {**old, "signature": "AAAA"}
    for fields, code in (
        (forged, "SignatureDoesNotMatch"),
        (old_forged, "SignatureDoesNotMatch"),
        ({**old, "AWSAccessKeyId": "AKIAABSENT"}, "InvalidAccessKeyId"),
        (unknown, "AccessDenied"),
        ({"key": "k"}, "AccessDenied"),
    ):
        status, _, body = post(world.server, "auth-forms", fields, b"y")
        assert (status, f"<Code>{code}</Code>" in body) == (403, True), body
    assert root.get_object(Bucket="auth-forms", Key="k")["Body"].read() == b"old"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_s3_auth_a_presigned_address_is_what_was_signed_and_ends(
    world: World, version: str
) -> None:
    root, bucket = world.client("s3"), f"auth-presigned-{version}"
    root.create_bucket(Bucket=bucket)
    root.put_object(Bucket=bucket, Key="a b+ü", Body=b"x")
    policy = allow("s3:GetObject", "s3:PutObject", resource=f"arn:aws:s3:::{bucket}/*")
    keys = world.make_user(f"presigner-{version}", policy)
    user = world.client("s3", keys, signature_version=version)
    at = {"Bucket": bucket, "Key": "a b+ü"}

    def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
        request = urllib.request.Request(url, body, {"Content-Type": "text/x"}, method=method)
        if body is None:
            request.remove_header("Content-type")
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    shown = {**at, "ResponseContentType": "a/b c"}
    url = user.generate_presigned_url("get_object", Params=shown)
    assert ("X-Amz-Signature" in url) is (version == "s3v4")
    assert fetch(url) == (200, b"x")
    assert b"<Code>SignatureDoesNotMatch</Code>" in fetch(url.replace("%20c", "%20d"))[1]
    assert fetch(url, "DELETE")[0] == 403
    ended = user.generate_presigned_url("get_object", Params=at, ExpiresIn=-10)
    if version == "s3":
        assert b"Request has expired" in fetch(ended)[1]
    put = {**at, "ContentType": "text/x"}
    assert fetch(user.generate_presigned_url("put_object", Params=put), "PUT", b"yz")[0] == 200
    assert root.get_object(**at)["Body"].read() == b"yz"
