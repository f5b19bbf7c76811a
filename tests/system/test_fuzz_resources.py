"""Every operation, on resources that exist, with a value or two that do not belong.

The drafts are mostly valid, so that they come past the first check; afterwards the server must
start again from whatever rows it accepted.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from botocore.exceptions import ClientError
from botocore.model import OperationModel, Shape

from tests.conftest import ROLE, RUNTIME, RunningServer, make_zip, running
from tests.system.cases import Case
from tests.system.drafts import (
    JUNK_TEXTS,
    MUTATIONS,
    SMALL_ZIP,
    Draft,
    make_draft,
    make_value,
    operations,
    replaced,
)
from tests.system.host import resident_bytes
from tests.system.test_fuzz import LEAKS, Client

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20262"))
ROUNDS = int(os.environ.get("LAMBENT_TEST_FUZZ_ROUNDS", "160"))
CLIENTS = 4
SERVICES = ("lambda", "iam", "sts", "logs", "signer")
GROWTH_BYTES_MAX = 64 * 1024 * 1024
MODELLED_5XX = re.compile(rb"x-amzn-errortype: (KMS|EC2|EFS|ENI|Snap|SubnetIP|InvalidZip)", re.I)
ACCOUNT = "arn:aws:lambda:us-east-1:000000000000"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
ALLOW = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
FUNCTIONS = (
    "rsc-a",
    "rsc-b",
    "rsc-new",
    "rsc-other",
    "rsc-a:1",
    "rsc-a:live",
    "rsc-a:$LATEST",
    f"{ACCOUNT}:function:rsc-a",
    f"{ACCOUNT}:function:rsc-a:live",
    "000000000000:function:rsc-b",
    f"{ACCOUNT.replace('0' * 12, '9' * 12)}:function:rsc-a",
    f"{ACCOUNT.replace('us-east-1', 'eu-west-1')}:function:rsc-a",
)
COSTLY = ("ProvisionedConcurrentExecutions",)
"""A random number of these would be hundreds of processes."""
Known = dict[str, tuple[Any, ...]]


def make(call: Callable[..., Any], **params: Any) -> Any:
    """The answer; nothing where there is one already, or what it hangs on was changed meanwhile."""
    try:
        return call(**params)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return {}


def furnish(server: RunningServer) -> Known:
    """Make of each resource what is not there; the values by the members that take them."""
    client, iam = server.client("lambda"), server.client("iam")
    code = {"ZipFile": make_zip({"app.py": "def handler(event, context):\n    return event\n"})}
    for name in ("rsc-a", "rsc-b", "rsc-kept"):
        make(
            client.create_function,
            FunctionName=name,
            Runtime=RUNTIME,
            Handler="app.handler",
            Role=ROLE,
            Code=code,
        )
    make(client.publish_version, FunctionName="rsc-a")
    make(client.create_alias, FunctionName="rsc-a", Name="live", FunctionVersion="1")
    make(client.create_function_url_config, FunctionName="rsc-a", AuthType="NONE")
    make(
        client.add_permission,
        FunctionName="rsc-a",
        StatementId="s1",
        Action="lambda:InvokeFunction",
        Principal="*",
    )
    layer_arn = f"{ACCOUNT}:layer:rsc-layer"
    layer = make(
        client.publish_layer_version,
        LayerName="rsc-layer",
        Content={"ZipFile": make_zip({"python/x.py": "x = 1\n"})},
    )
    layer = {
        "LayerArn": layer_arn,
        "LayerVersionArn": layer.get("LayerVersionArn", f"{layer_arn}:1"),
    }
    profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/0123456789"
    signing = make(
        client.create_code_signing_config,
        AllowedPublishers={"SigningProfileVersionArns": [profile]},
    ).get("CodeSigningConfig", {"CodeSigningConfigArn": f"{ACCOUNT}:code-signing-config:csc-0"})
    queue = "arn:aws:sqs:us-east-1:000000000000:rsc-queue"
    make(iam.create_role, RoleName="rsc-role", AssumeRolePolicyDocument=TRUST)
    make(iam.create_user, UserName="rsc-user")
    make(iam.create_policy, PolicyName="rsc-policy", PolicyDocument=ALLOW)
    policy = "arn:aws:iam::000000000000:policy/rsc-policy"
    key = make(iam.create_access_key, UserName="rsc-user").get("AccessKey", {})
    make(server.client("sqs").create_queue, QueueName="rsc-queue")
    mapping = make(client.create_event_source_mapping, FunctionName="rsc-a", EventSourceArn=queue)
    sources = ("00000000-0000-0000-0000-000000000000", *filter(None, [mapping.get("UUID")]))
    make(
        client.create_capacity_provider,
        CapacityProviderName="rsc-provider",
        VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
        PermissionsConfig={"CapacityProviderOperatorRoleArn": ROLE},
    )
    client.close()
    iam.close()
    arns = (*FUNCTIONS[7:9], layer["LayerVersionArn"], signing["CodeSigningConfigArn"])
    return {
        "FunctionName": FUNCTIONS,
        "Qualifier": ("1", "live", "$LATEST", "2"),
        "FunctionVersion": ("1", "$LATEST"),
        "Name": ("live", "other"),
        "LayerName": ("rsc-layer", layer["LayerArn"]),
        "VersionNumber": (1, 2),
        "Arn": (layer["LayerVersionArn"],),
        "Layers": ([layer["LayerVersionArn"]], []),
        "CodeSigningConfigArn": (signing["CodeSigningConfigArn"],),
        "SigningProfileVersionArns": ([profile],),
        "UUID": sources,
        "EventSourceArn": (queue,),
        "StatementId": ("s1", "s2"),
        "Action": ("lambda:InvokeFunction", "lambda:GetLayerVersion"),
        "Principal": ("*", "s3.amazonaws.com", "000000000000"),
        "Resource": arns,
        "ResourceArn": (policy, ROLE),
        "Role": (ROLE, "arn:aws:iam::000000000000:role/rsc-role"),
        "RoleName": ("rsc-role",),
        "RoleArn": ("arn:aws:iam::000000000000:role/rsc-role",),
        "UserName": ("rsc-user",),
        "PolicyName": ("rsc-policy", "inline"),
        "PolicyArn": (policy, "arn:aws:iam::aws:policy/AdministratorAccess"),
        "PolicyDocument": (ALLOW,),
        "AssumeRolePolicyDocument": (TRUST,),
        "AccessKeyId": (key.get("AccessKeyId", "AKIAAAAAAAAAAAAAAAAA"),),
        "CapacityProviderName": ("rsc-provider", "rsc-other"),
        "Runtime": (RUNTIME,),
        "ReservedConcurrentExecutions": (0, 5),
        "ProvisionedConcurrentExecutions": (1, 2),
        "Handler": ("index.handler",),
        "ZipFile": (SMALL_ZIP,),
        "MemorySize": (128, 256),
        "Timeout": (3, 900),
        "logGroupName": ("/aws/lambda/rsc-a", "rsc-logs"),
        "profileName": ("rscprofile",),
        "platformId": ("AWSLambda-SHA384-ECDSA",),
        "Marker": ("", "eyJ4IjoxfQ==", "rsc-a", "\x00"),
        "NextToken": ("x", "eyJ4IjoxfQ=="),
    }


def fill(chance: random.Random, known: Known, shape: Shape, name: str = "", depth: int = 0) -> Any:
    """A value of a shape: of something that exists, where that is known."""
    if name in known and (name in COSTLY or chance.random() < 0.92):
        return chance.choice(known[name])
    if shape.type_name != "structure" or depth > 4:
        return make_value(chance, shape, name, depth)
    required = set(shape.required_members)
    share = 0.15 if depth == 0 else 0.5
    return {
        member: fill(chance, known, inner, member, depth + 1)
        for member, inner in shape.members.items()
        if member in required or chance.random() < share
    }


def spoil_parameter(chance: random.Random, params: dict[str, Any]) -> dict[str, Any]:
    """One or two members with junk; what botocore refuses to serialize stays out."""
    spoilt = dict(params)
    for key in chance.sample(list(spoilt), min(len(spoilt), chance.choice((1, 2)))):
        if isinstance(spoilt[key], str):
            spoilt[key] = chance.choice((*JUNK_TEXTS, "x" * 70_000, spoilt[key] + ":\u202e"))
        elif isinstance(spoilt[key], int):
            spoilt[key] = chance.choice((-1, 0, 2**31, 2**63, 10**30))
        else:
            spoilt[key] = replaced(chance, spoilt[key])
    return spoilt


def duplicate_key(chance: random.Random, draft: Draft) -> None:
    """The body's first member once more, with another value."""
    if draft.body.startswith(b'{"'):
        key = draft.body[1:].partition(b":")[0]
        draft.body = (
            b"{" + key + b":" + chance.choice((b"null", b"1", b"[]")) + b"," + draft.body[1:]
        )


def spoil_authorization(chance: random.Random, draft: Draft) -> None:
    """Headers, presigned queries and chunked signatures that nobody signed."""
    match chance.randrange(4):
        case 0:
            draft.headers["authorization"] = chance.choice(
                (
                    "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request,SignedHeaders=,Signature=",
                    "AWS4-HMAC-SHA256 " + "Credential=x," * 500,
                    "AWS4-ECDSA-P256-SHA256 Credential=x",
                    "Bearer x",
                    "é",
                )
            )
        case 1:
            draft.headers.pop("authorization", None)
            mark = "&" if "?" in draft.path else "?"
            draft.path += (
                mark
                + "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%ff%2f%2f&"
                + (
                    chance.choice(
                        ("X-Amz-Date=x", "X-Amz-Expires=-1", "X-Amz-Expires=1e9&X-Amz-Date=")
                    )
                    + "&X-Amz-SignedHeaders=host%3bé&X-Amz-Signature=%00".replace("é", "%c3")
                )
            )
        case 2:
            draft.headers["x-amz-content-sha256"] = chance.choice(
                ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "UNSIGNED-PAYLOAD", "é", "")
            )
        case _:
            draft.headers["x-amz-date"] = chance.choice(("", "99999999T999999Z", "é", "0" * 500))
            draft.headers["x-amz-security-token"] = chance.choice(("", "x" * 9_000, "é"))


def make_case(chance: random.Random, known: Known, service: str, operation: OperationModel) -> Case:
    """A request of `operation`, now and then as it should be."""
    shape = operation.input_shape
    params = fill(chance, known, shape) if shape is not None else {}
    kind = chance.randrange(10)
    if kind < 4:
        params = spoil_parameter(chance, params)
    draft = make_draft(service, operation, params)
    if 4 <= kind < 8:
        chance.choice((*MUTATIONS, duplicate_key))(chance, draft)
    return Case(operation.name, draft.encode(), head_only=draft.method == "HEAD")


Made = Callable[[random.Random, str, OperationModel], Case]


def hit_all(
    server: RunningServer, made: Made, seed: int, rounds: int
) -> tuple[Counter[str], list[str]]:
    """`rounds` requests of every operation; how many got which status, and what was wrong."""
    chance, client = random.Random(seed), Client(server)
    every = [(service, one) for service in SERVICES for one in operations(service)]
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for _ in range(rounds):
        chance.shuffle(every)
        for service, operation in every:
            case = made(chance, service, operation)
            try:
                answers = client.send(case)
            except TimeoutError:
                wrong.append(f"no answer to {case.kind} {case.data[:600]!r}")
                client.close()
                continue
            for status, answer in answers:
                counts[f"{case.kind} {status}"] += 1
                head = answer.partition(b"\r\n\r\n")[0].lower()
                bad = status >= 500 and not MODELLED_5XX.search(head)
                leak = LEAKS.search(answer)
                if leak is not None and leak.group() in unquote_to_bytes(case.data):
                    leak = None  # it says what it was sent
                if bad or leak or b"x-amzn-requestid" not in head:
                    wrong.append(f"{answer[:400]!r} to {case.kind} {case.data[:900]!r}")
    client.close()
    return counts, wrong


def hit_from_several(
    server: RunningServer, made: Made, rounds: int, seed: int = SEED
) -> Counter[str]:
    """The same from several clients at once; asserts that nothing was wrong."""
    counts: Counter[str] = Counter()
    faults: list[str] = []
    with ThreadPoolExecutor(CLIENTS) as pool:
        for part, wrong in pool.map(
            lambda number: hit_all(server, made, seed + number, rounds // CLIENTS), range(CLIENTS)
        ):
            counts += part
            faults += wrong
    if told := os.environ.get("LAMBENT_TEST_FUZZ_REPORT"):
        Path(told).write_text(json.dumps({"counts": counts, "wrong": faults}, indent=1))
    assert not faults, f"{len(faults)} wrong\n" + "\n".join(faults[:20])
    return counts


def test_operations_on_what_exists_refuse_and_the_rows_load_again(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    with running(tmp_path / "data") as server:
        known = furnish(server)

        # A whole round may delete what the next one needs: it is made anew.
        def made(chance: random.Random, service: str, operation: OperationModel) -> Case:
            return make_case(chance, known, service, operation)

        hit_from_several(server, made, CLIENTS)
        before = resident_bytes(server.pid)
        counts: Counter[str] = Counter()
        for _ in range(ROUNDS // CLIENTS):
            known.update(furnish(server))
            counts += hit_from_several(server, made, CLIENTS)
        told = {
            one.partition(" ")[0]
            for one in counts
            if one.endswith((" 200", " 201", " 202", " 204"))
        }
        print(f"{counts.total()} requests; {len(told)} operations were also done")
        assert len(told) > 60, sorted(told)
        furnish(server)
        assert resident_bytes(server.pid) - before < GROWTH_BYTES_MAX
        names = listed(server)
        assert "fault" not in server.log(), server.log()[-5_000:]
        assert "Traceback" not in server.log(), server.log()[-5_000:]
    with running(tmp_path / "data") as server:  # from the rows alone
        assert listed(server) == names
        client = server.client("lambda")
        for name in names:
            assert client.get_function(FunctionName=name)["Configuration"]["FunctionName"] == name
            make(lambda name=name: client.invoke(FunctionName=name)["Payload"].read())
        answer = client.invoke(FunctionName="rsc-kept", Payload=b'{"still": "here"}')
        assert json.loads(answer["Payload"].read()) == {"still": "here"}
        assert "Traceback" not in server.log(), server.log()[-5_000:]


def listed(server: RunningServer) -> list[str]:
    """The names of all functions."""
    pages = server.client("lambda").get_paginator("list_functions").paginate()
    return sorted(one["FunctionName"] for page in pages for one in page["Functions"])


@pytest.mark.parametrize("rounds", [CLIENTS])
def test_nothing_unsigned_does_more_than_be_refused(tmp_path: Path, rounds: int) -> None:
    with running(tmp_path / "data", "--auth", "iam") as server:

        def made(chance: random.Random, service: str, operation: OperationModel) -> Case:
            shape = operation.input_shape
            params = make_value(chance, shape) if shape is not None else {}
            draft = make_draft(service, operation, params)
            spoil_authorization(chance, draft)
            return Case(operation.name, draft.encode(), head_only=draft.method == "HEAD")

        counts = hit_from_several(server, made, rounds)
        assert all(re.search(r" 4\d\d$", one) for one in counts), counts
        assert "Traceback" not in server.log(), server.log()[-5_000:]
