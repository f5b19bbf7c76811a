"""Code signing through unmodified boto3: configs, local signatures, and what is refused for them.

Golden texts: LocalStack's tests/aws/services/lambda_/test_lambda_api.snapshot.json
(TestCodeSigningConfig of 20-11-2023), recorded from AWS; the refusal of a deployment as quoted in
aws/aws-cdk#29474.
"""

from __future__ import annotations

import datetime
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambent.control.signatures import (
    PAYLOAD_FORMAT,
    SIGNATURE_ENTRY,
    add_signature,
    package_payload,
)
from tests.conftest import ROLE, RUNTIME, RunningServer, make_zip

_MARKERS_ONLY = "its only parameter besides a marker is the ARN, which the model's pattern checks"
_NEVER_WITHOUT = "a function without a config answers as [LS] recorded: empty, or done"
CANNOT_OCCUR: dict[tuple[str, str], str] = {
    ("GetCodeSigningConfig", "InvalidParameterValueException"): _MARKERS_ONLY,
    ("DeleteCodeSigningConfig", "InvalidParameterValueException"): _MARKERS_ONLY,
    ("GetFunctionCodeSigningConfig", "CodeSigningConfigNotFoundException"): _NEVER_WITHOUT,
    ("DeleteFunctionCodeSigningConfig", "CodeSigningConfigNotFoundException"): _NEVER_WITHOUT,
    (
        "UpdateFunctionCode",
        "CodeSigningConfigNotFoundException",
    ): "a config that a function uses cannot be deleted",
    (
        "UpdateFunctionConfiguration",
        "CodeSigningConfigNotFoundException",
    ): "a config that a function uses cannot be deleted",
}

PLATFORM = "AWSLambda-SHA384-ECDSA"
ANOTHER = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/another/0123456789"
MISSING = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-" + "0" * 17
CODE = make_zip({"app.py": "def handler(event, context): return 'signed'"})
OTHER_CODE = make_zip({"app.py": "def handler(event, context): return 'other'"})


@dataclass
class Publisher:
    """A signing profile and what it signs."""

    signer: Any
    profile: str
    arn: str

    def sign(self, content: bytes) -> bytes:
        answer = self.signer.sign_payload(
            profileName=self.profile,
            payload=package_payload(content),
            payloadFormat=PAYLOAD_FORMAT,
        )
        self.job_id = answer["jobId"]
        return add_signature(content, answer["signature"])


def publisher(server: RunningServer, profile: str, **options: Any) -> Publisher:
    signer = server.client("signer")
    arn = signer.put_signing_profile(profileName=profile, platformId=PLATFORM, **options)[
        "profileVersionArn"
    ]
    return Publisher(signer, profile, arn)


def config(api: Any, policy: str, *arns: str) -> str:
    answer = api.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": list(arns)},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": policy},
    )
    return str(answer["CodeSigningConfig"]["CodeSigningConfigArn"])


def create(api: Any, name: str, code: bytes, **options: Any) -> Any:
    return api.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": code},
        **options,
    )


def run(api: Any, name: str) -> Any:
    return json.loads(api.invoke(FunctionName=name)["Payload"].read())


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_config_lives_as_on_aws(api: Any) -> None:
    created = api.create_code_signing_config(
        Description="Testing",
        AllowedPublishers={"SigningProfileVersionArns": [ANOTHER]},
        Tags={"team": "a"},
    )["CodeSigningConfig"]
    arn = created["CodeSigningConfigArn"]
    assert arn.endswith(f":code-signing-config:{created['CodeSigningConfigId']}")
    assert created["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}, (
        "[B] default"
    )
    assert api.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"] == created
    updated = api.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"}
    )["CodeSigningConfig"]
    assert updated["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Enforce"}
    assert (updated["Description"], updated["AllowedPublishers"]) == (
        created["Description"],
        created["AllowedPublishers"],
    )
    api.tag_resource(Resource=arn, Tags={"stage": "b"})
    api.untag_resource(Resource=arn, TagKeys=["team"])
    assert api.list_tags(Resource=arn)["Tags"] == {"stage": "b"}
    name = "signing-lives"
    create(api, name, CODE)
    assert "CodeSigningConfigArn" not in api.get_function_code_signing_config(FunctionName=name)
    api.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=arn)
    found = api.get_function_code_signing_config(FunctionName=name)
    assert (found["CodeSigningConfigArn"], found["FunctionName"]) == (arn, name)
    listed = api.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)
    assert listed["FunctionArns"] == [f"arn:aws:lambda:us-east-1:000000000000:function:{name}"]
    with pytest.raises(api.exceptions.ResourceConflictException):
        api.delete_code_signing_config(CodeSigningConfigArn=arn)
    api.delete_function_code_signing_config(FunctionName=name)
    api.delete_function_code_signing_config(FunctionName=name)
    api.delete_code_signing_config(CodeSigningConfigArn=arn)
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_code_signing_config(CodeSigningConfigArn=arn)


def test_a_deleted_function_lets_go_of_its_config(api: Any) -> None:
    arn = config(api, "Warn", ANOTHER)
    create(api, "signing-let-go", CODE, CodeSigningConfigArn=arn)
    api.delete_function(FunctionName="signing-let-go")
    api.delete_code_signing_config(CodeSigningConfigArn=arn)


def test_listings_of_configs_come_in_pages(api: Any) -> None:
    arns = {config(api, "Warn", ANOTHER) for _ in range(3)}
    pages = list(
        api.get_paginator("list_code_signing_configs").paginate(PaginationConfig={"PageSize": 2})
    )
    listed = [one["CodeSigningConfigArn"] for page in pages for one in page["CodeSigningConfigs"]]
    assert arns <= set(listed)
    assert len(listed) == len(set(listed))
    arn = arns.pop()
    for number in range(3):
        create(api, f"signing-page-{number}", CODE, CodeSigningConfigArn=arn)
    paginator = api.get_paginator("list_functions_by_code_signing_config")
    pages = list(paginator.paginate(CodeSigningConfigArn=arn, PaginationConfig={"PageSize": 2}))
    assert [len(page["FunctionArns"]) for page in pages] == [2, 1]


def test_signed_code_is_deployed_and_says_who_signed_it(api: Any, server: RunningServer) -> None:
    name, allowed = "signing-signed", publisher(server, "signed_profile")
    arn = config(api, "Enforce", ANOTHER, allowed.arn)
    created = create(api, name, allowed.sign(CODE), CodeSigningConfigArn=arn)
    for shown in (
        created,
        api.get_function_configuration(FunctionName=name),
        api.get_function(FunctionName=name)["Configuration"],
    ):
        assert shown["SigningProfileVersionArn"] == allowed.arn
        assert shown["SigningJobArn"].endswith(f":/signing-jobs/{allowed.job_id}")
    assert run(api, name) == "signed"
    job = allowed.signer.describe_signing_job(jobId=allowed.job_id)
    assert (job["profileName"], job["status"]) == ("signed_profile", "Succeeded")
    api.update_function_code(FunctionName=name, ZipFile=allowed.sign(OTHER_CODE), Publish=True)
    assert run(api, name) == "other"
    version = api.get_function_configuration(FunctionName=name, Qualifier="1")
    assert version["SigningJobArn"].endswith(allowed.job_id)
    layer = api.publish_layer_version(
        LayerName="signing-signed", Content={"ZipFile": allowed.sign(make_zip({"a.txt": "a"}))}
    )
    api.update_function_configuration(FunctionName=name, Layers=[layer["LayerVersionArn"]])


def test_what_cannot_be_trusted_is_refused_with_enforce(api: Any, server: RunningServer) -> None:
    name, allowed = "signing-enforced", publisher(server, "enforced_profile")
    stranger = publisher(server, "enforced_stranger")
    arn = config(api, "Enforce", allowed.arn)
    revoked = allowed.sign(OTHER_CODE)
    allowed.signer.revoke_signature(jobId=allowed.job_id, reason="a test")
    create(api, name, allowed.sign(CODE), CodeSigningConfigArn=arn)
    text = (
        "Lambda cannot deploy the function. The function or layer might be signed using a "
        "signature that the client is not configured to accept. Check the provided signature for "
    )
    for package in (OTHER_CODE, stranger.sign(OTHER_CODE), revoked):
        for act in (
            lambda package=package: api.update_function_code(FunctionName=name, ZipFile=package),
            lambda package=package: create(
                api, "signing-refused", package, CodeSigningConfigArn=arn
            ),
        ):
            with pytest.raises(ClientError) as caught:
                act()
            assert code_of(caught) == "CodeVerificationFailedException"
            assert caught.value.response["Error"]["Message"].startswith(text)
    layer = api.publish_layer_version(
        LayerName="signing-enforced", Content={"ZipFile": make_zip({"a.txt": "a"})}
    )["LayerVersionArn"]
    with pytest.raises(api.exceptions.CodeVerificationFailedException):
        api.update_function_configuration(FunctionName=name, Layers=[layer])
    with pytest.raises(api.exceptions.CodeVerificationFailedException):
        create(
            api,
            "signing-refused",
            allowed.sign(CODE),
            CodeSigningConfigArn=arn,
            Layers=[layer],
        )
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_function(FunctionName="signing-refused")
    assert run(api, name) == "signed"


def test_a_revoked_profile_makes_later_signatures_void(api: Any, server: RunningServer) -> None:
    allowed = publisher(server, "revoked_profile")
    arn = config(api, "Enforce", allowed.arn)
    package = allowed.sign(CODE)
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    far_off = datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC)
    version = allowed.arn.rpartition("/")[2]
    revoke = {"profileName": "revoked_profile", "profileVersion": version, "reason": "a test"}
    allowed.signer.revoke_signing_profile(**revoke, effectiveTime=far_off)
    create(api, "signing-not-yet-revoked", package, CodeSigningConfigArn=arn)
    allowed.signer.revoke_signing_profile(**revoke, effectiveTime=long_ago)
    with pytest.raises(api.exceptions.CodeVerificationFailedException):
        create(api, "signing-revoked", package, CodeSigningConfigArn=arn)
    found = allowed.signer.get_signing_profile(profileName="revoked_profile")
    assert found["status"] == "Revoked"
    with pytest.raises(allowed.signer.exceptions.ValidationException):
        allowed.sign(CODE)


def test_a_signature_that_does_not_fit_always_blocks(api: Any, server: RunningServer) -> None:
    """[B] InvalidCodeSignatureException: "even if the code signing policy is set to WARN"."""
    allowed = publisher(server, "broken_profile")
    signed = allowed.sign(CODE)
    signature = _signature(signed)
    tampered = add_signature(OTHER_CODE, signature)
    forged = add_signature(CODE, signature.replace(b'"mac": "', b'"mac": "00'))
    nonsense = add_signature(CODE, b"no signature")
    for policy in ("Enforce", "Warn"):
        arn = config(api, policy, allowed.arn)
        name = f"signing-broken-{policy.lower()}"
        create(api, name, signed, CodeSigningConfigArn=arn)
        for package in (tampered, forged, nonsense):
            with pytest.raises(api.exceptions.InvalidCodeSignatureException):
                api.update_function_code(FunctionName=name, ZipFile=package)
            with pytest.raises(api.exceptions.InvalidCodeSignatureException):
                create(api, "signing-broken", package, CodeSigningConfigArn=arn)
        layer = api.publish_layer_version(LayerName="signing-broken", Content={"ZipFile": tampered})
        with pytest.raises(api.exceptions.InvalidCodeSignatureException):
            api.update_function_configuration(FunctionName=name, Layers=[layer["LayerVersionArn"]])
        assert run(api, name) == "signed"


def test_what_cannot_be_trusted_is_deployed_and_logged_with_warn(
    api: Any, server: RunningServer
) -> None:
    name, stranger = "signing-warned", publisher(server, "warned_stranger")
    arn = config(api, "Warn", ANOTHER)
    create(api, name, CODE, CodeSigningConfigArn=arn)
    assert run(api, name) == "signed"
    assert "SigningJobArn" not in api.get_function_configuration(FunctionName=name)
    api.update_function_code(FunctionName=name, ZipFile=stranger.sign(OTHER_CODE))
    assert run(api, name) == "other"
    shown = api.get_function_configuration(FunctionName=name)
    assert shown["SigningProfileVersionArn"] == stranger.arn
    log = server.log()
    assert f"{name} is deployed with no signature" in log
    assert f"{name} is deployed with the signature of a publisher that is not allowed" in log


def test_a_config_holds_from_the_next_deployment_on(api: Any) -> None:
    """[B] PutFunctionCodeSigningConfig."""
    name = "signing-later"
    create(api, name, CODE)
    arn = config(api, "Enforce", ANOTHER)
    api.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=arn)
    assert run(api, name) == "signed"
    api.update_function_configuration(FunctionName=name, MemorySize=256)
    with pytest.raises(api.exceptions.CodeVerificationFailedException):
        api.update_function_code(FunctionName=name, ZipFile=OTHER_CODE)
    with pytest.raises(api.exceptions.CodeVerificationFailedException):
        api.update_function_code(FunctionName=name, ZipFile=OTHER_CODE, DryRun=True)
    api.delete_function_code_signing_config(FunctionName=name)
    api.update_function_code(FunctionName=name, ZipFile=OTHER_CODE)
    assert run(api, name) == "other"


def test_every_error_of_code_signing(api: Any) -> None:
    name = "signing-errors"
    create(api, name, CODE)
    arn = config(api, "Warn", ANOTHER)
    there, missing = {"CodeSigningConfigArn": arn}, {"CodeSigningConfigArn": MISSING}
    no_function = {"FunctionName": "signing-none"}
    invalid, not_found = "InvalidParameterValueException", "ResourceNotFoundException"
    no_config = "CodeSigningConfigNotFoundException"
    text = f"The Lambda code signing configuration {MISSING} can not be found."
    gone = f"configuration is not deleted: {MISSING}."
    no_publisher = {"AllowedPublishers": {"SigningProfileVersionArns": [arn]}}
    qualified = {"FunctionName": f"{name}:1"}
    refused: list[tuple[Callable[..., Any], str, str, dict[str, Any]]] = [
        (api.create_code_signing_config, invalid, "", no_publisher),
        (api.get_code_signing_config, not_found, text, missing),
        (api.list_code_signing_configs, invalid, "", {"Marker": "no marker"}),
        (api.update_code_signing_config, not_found, text, missing),
        (api.update_code_signing_config, invalid, "", {**there, **no_publisher}),
        (api.delete_code_signing_config, not_found, text, missing),
        (api.list_functions_by_code_signing_config, not_found, text, missing),
        (
            api.list_functions_by_code_signing_config,
            invalid,
            "",
            {**there, "Marker": "no marker"},
        ),
        (
            api.put_function_code_signing_config,
            not_found,
            "Function not found: ",
            {**no_function, **there},
        ),
        (api.put_function_code_signing_config, no_config, gone, {**no_function, **missing}),
        (api.put_function_code_signing_config, no_config, gone, {"FunctionName": name, **missing}),
        (api.put_function_code_signing_config, invalid, "", {**qualified, **there}),
        (api.get_function_code_signing_config, not_found, "Function not found: ", no_function),
        (api.get_function_code_signing_config, invalid, "", qualified),
        (api.delete_function_code_signing_config, not_found, "Function not found: ", no_function),
        (api.delete_function_code_signing_config, invalid, "", qualified),
    ]
    for operation, code, part, params in refused:
        with pytest.raises(ClientError) as caught:
            operation(**params)
        assert code_of(caught) == code, operation
        assert part in caught.value.response["Error"]["Message"]
    with pytest.raises(ClientError) as caught:
        create(api, "signing-none", CODE, **missing)
    assert code_of(caught) == no_config
    with pytest.raises(ClientError) as caught:
        api.get_code_signing_config(CodeSigningConfigArn="arn:aws:lambda:nowhere")
    assert code_of(caught) == "ValidationException"


def test_a_change_that_is_under_way_is_not_interrupted(api: Any) -> None:
    """ResourceConflictException of the operations on a function's config."""
    name, arn = "signing-conflict", config(api, "Warn", ANOTHER)
    create(api, name, CODE)

    def change(number: int) -> str:
        try:
            match number % 3:
                case 0:
                    api.put_function_code_signing_config(
                        FunctionName=name, CodeSigningConfigArn=arn
                    )
                case 1:
                    api.delete_function_code_signing_config(FunctionName=name)
                case _:
                    api.update_function_code(FunctionName=name, ZipFile=CODE)
        except ClientError as error:
            return f"{error.operation_name}: {error.response['Error']['Code']}"
        return "done"

    seen: set[str] = set()
    wanted = {
        "PutFunctionCodeSigningConfig: ResourceConflictException",
        "DeleteFunctionCodeSigningConfig: ResourceConflictException",
    }
    with ThreadPoolExecutor(15) as threads:
        for _ in range(100):
            seen |= set(threads.map(change, range(15)))
            if wanted <= seen:
                break
    assert wanted <= seen


def test_the_command_signs_what_enforce_accepts(
    api: Any, server: RunningServer, tmp_path: Path
) -> None:
    package = tmp_path / "function.zip"
    package.write_bytes(CODE)
    command = [sys.executable, "-m", "lambent", "sign", str(package), "--json"]
    command += ["--endpoint-url", server.endpoint, "--profile", "command_profile"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "command_profile" in refused.stderr
    done = subprocess.run([*command, "--create"], capture_output=True, timeout=60, check=True)
    said = json.loads(done.stdout)
    arn = config(api, "Enforce", said["profileVersionArn"])
    created = create(api, "signing-command", package.read_bytes(), CodeSigningConfigArn=arn)
    assert created["SigningJobArn"] == said["jobArn"]


def test_profiles_can_be_listed_and_ended(server: RunningServer) -> None:
    signer = server.client("signer")
    made = signer.put_signing_profile(
        profileName="ended_profile",
        platformId=PLATFORM,
        signatureValidityPeriod={"value": 2, "type": "DAYS"},
        tags={"a": "b"},
    )
    found = signer.get_signing_profile(profileName="ended_profile")
    assert found["profileVersionArn"] == made["profileVersionArn"]
    assert found["signatureValidityPeriod"] == {"value": 2, "type": "DAYS"}
    assert (found["status"], found["tags"]) == ("Active", {"a": "b"})
    with pytest.raises(signer.exceptions.ValidationException):
        signer.put_signing_profile(profileName="ended_profile", platformId=PLATFORM)
    with pytest.raises(signer.exceptions.ValidationException):
        signer.put_signing_profile(profileName="never", platformId="AmazonFreeRTOS-Default")
    pages = signer.get_paginator("list_signing_profiles").paginate()
    assert "ended_profile" in [one["profileName"] for page in pages for one in page["profiles"]]
    signer.cancel_signing_profile(profileName="ended_profile")
    pages = signer.get_paginator("list_signing_profiles").paginate()
    assert "ended_profile" not in [one["profileName"] for page in pages for one in page["profiles"]]
    for act in (
        lambda: signer.get_signing_profile(profileName="no_profile"),
        lambda: signer.cancel_signing_profile(profileName="no_profile"),
        lambda: signer.describe_signing_job(jobId="none"),
        lambda: signer.revoke_signature(jobId="none", reason="a test"),
        lambda: signer.sign_payload(
            profileName="no_profile", payload=b"x", payloadFormat=PAYLOAD_FORMAT
        ),
    ):
        with pytest.raises(signer.exceptions.ResourceNotFoundException):
            act()


def _signature(package: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return archive.read(SIGNATURE_ENTRY)
