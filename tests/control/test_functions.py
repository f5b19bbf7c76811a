"""What AWS's operations on functions do, told through the API's own handlers.

Golden texts and shapes: LocalStack's tests/aws/services/lambda_/test_lambda_api.snapshot.json,
recorded from AWS (test_function_lifecycle of 27-03-2024 unless said otherwise).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from lambent.control.testing import FakePublisher, FakeRetirer, make_zip
from lambent.domain import limits
from lambent.domain.function import FunctionVersion, State, Status
from tests.control.scene import ARN, CODE, ENDPOINT, OTHER_CODE, Scene, play

NOT_FOUND = ("ResourceNotFoundException", f"Function not found: {ARN}f")
INVALID = "InvalidParameterValueException"


def test_a_created_function_is_answered_as_aws_answers_it(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        answer = await scene.create(MemorySize=256, Timeout=5, Environment={"Variables": {}})
        revision = answer.pop("RevisionId")
        assert len(revision) == 36
        arn = answer.pop("RuntimeVersionConfig")["RuntimeVersionArn"]
        assert arn.startswith("arn:aws:lambda:us-east-1::runtime:")
        assert answer == {
            "Architectures": ["x86_64"],
            "CodeSha256": base64.b64encode(hashlib.sha256(CODE).digest()).decode(),
            "CodeSize": len(CODE),
            "Description": "",
            "Environment": {"Variables": {}},
            "EphemeralStorage": {"Size": 512},
            "FunctionArn": f"{ARN}f",
            "FunctionName": "f",
            "Handler": "app.handler",
            "LastModified": "2023-11-14T22:13:20.000+0000",
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
            "MemorySize": 256,
            "PackageType": "Zip",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Runtime": "python3.11",
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "State": "Pending",
            "StateReason": "The function is being created.",
            "StateReasonCode": "Creating",
            "Timeout": 5,
            "TracingConfig": {"Mode": "PassThrough"},
            "Version": "$LATEST",
        }

    play(tmp_path, act)


def test_a_created_function_is_active_at_the_first_look(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        created = await scene.create()
        seen = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert (seen["State"], seen["LastUpdateStatus"]) == ("Active", "Successful")
        assert "StateReason" not in seen
        assert "Environment" not in seen
        assert seen["RevisionId"] != created["RevisionId"], "recorded: it changes with the state"

    play(tmp_path, act)


def test_an_update_is_answered_as_in_progress_and_found_successful(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Description="kept", Environment={"Variables": {"A": "1", "B": "2"}})
        answer = await scene.call(
            "UpdateFunctionConfiguration",
            FunctionName="f",
            MemorySize=512,
            Environment={"Variables": {"C": "3"}},
        )
        assert answer["State"] == "Active"
        assert answer["LastUpdateStatus"] == "InProgress"
        assert answer["LastUpdateStatusReason"] == "The function is being created."
        assert answer["LastUpdateStatusReasonCode"] == "Creating"
        seen = await scene.call("GetFunctionConfiguration", FunctionName=f"{ARN}f")
        assert seen["LastUpdateStatus"] == "Successful"
        assert "LastUpdateStatusReason" not in seen
        assert (seen["MemorySize"], seen["Description"]) == (512, "kept")
        assert seen["Environment"] == {"Variables": {"C": "3"}}, "replaced as a whole"
        assert scene.control.retirer.retired == ["f", "f"]

    play(tmp_path, act)


def test_new_code_replaces_the_old_and_takes_its_files_away(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        old = scene.control.functions.get_version("f")
        answer = await scene.call(
            "UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE, Architectures=["arm64"]
        )
        assert answer["LastUpdateStatus"] == "InProgress"
        assert answer["CodeSize"] == len(OTHER_CODE)
        assert answer["Architectures"] == ["arm64"]
        new = scene.control.functions.get_version("f")
        files = scene.control.files
        assert "return 1" in (files.task_dir(new) / "app.py").read_text()
        assert not files.task_dir(old).exists()
        assert not files.zip_path(old.code.digest).exists()

    play(tmp_path, act)


def test_old_code_stays_while_an_environment_runs_on_it(tmp_path: Path) -> None:
    retirer = FakeRetirer()

    async def act(scene: Scene) -> None:
        await scene.create()
        old = scene.control.functions.get_version("f")
        retirer.in_use = {old.code.digest}
        await scene.call("UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE)
        assert scene.control.files.task_dir(old).is_dir()
        retirer.in_use = set()
        await scene.control.registry.storage.sweep()
        assert not scene.control.files.task_dir(old).exists()

    play(tmp_path, act, retirer=retirer)


def test_code_that_another_function_has_too_stays(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create("f")
        await scene.create("g")
        await scene.call("DeleteFunction", FunctionName="f")
        remaining = scene.control.functions.get_version("g")
        assert scene.control.files.has(remaining.code.digest)

    play(tmp_path, act)


def test_a_dry_run_validates_and_changes_nothing(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        before = await scene.call("GetFunctionConfiguration", FunctionName="f")
        answer = await scene.call(
            "UpdateFunctionCode", FunctionName="f", ZipFile=OTHER_CODE, DryRun=True
        )
        assert answer["CodeSize"] == len(OTHER_CODE)
        assert await scene.call("GetFunctionConfiguration", FunctionName="f") == before
        await scene.control.registry.storage.sweep()
        assert len(list((tmp_path / "store/code").iterdir())) == 1
        code, _ = await scene.refused(
            "UpdateFunctionCode", FunctionName="f", ZipFile=b"no zip", DryRun=True
        )
        assert code == INVALID

    play(tmp_path, act)


def test_a_stale_revision_id_is_refused(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        stale = (await scene.create())["RevisionId"]
        refusal = (
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the "
            "GetFunction/GetAlias API to retrieve the latest Revision Id",
        )
        change = {"FunctionName": "f", "RevisionId": stale}
        assert await scene.refused("UpdateFunctionCode", **change, ZipFile=CODE) == refusal
        assert await scene.refused("UpdateFunctionConfiguration", **change) == refusal
        current = await scene.call("GetFunctionConfiguration", FunctionName="f")
        change["RevisionId"] = current["RevisionId"]
        await scene.call("UpdateFunctionConfiguration", **change)

    play(tmp_path, act)


def test_a_name_is_given_once_and_free_again_after_deletion(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create()
        assert await scene.refused("CreateFunction") == (
            "ResourceConflictException",
            "Function already exist: f",
        )
        await scene.call("DeleteFunction", FunctionName="f")
        assert await scene.refused("GetFunction", FunctionName="f") == NOT_FOUND
        assert await scene.refused("DeleteFunction", FunctionName="f") == NOT_FOUND
        assert scene.control.retirer.retired == ["f", "f"]
        await scene.create()

    play(tmp_path, act)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("GetFunction", {}),
        ("GetFunctionConfiguration", {}),
        ("UpdateFunctionCode", {"ZipFile": CODE}),
        ("UpdateFunctionConfiguration", {}),
        ("DeleteFunction", {}),
        ("TagResource", {"Resource": f"{ARN}f", "Tags": {"a": "b"}}),
        ("UntagResource", {"Resource": f"{ARN}f", "TagKeys": ["a"]}),
        ("ListTags", {"Resource": f"{ARN}f"}),
    ],
)
def test_a_function_that_is_not_there_is_not_found(
    operation: str, params: dict[str, Any], tmp_path: Path
) -> None:
    async def act(scene: Scene) -> None:
        named = {} if "Resource" in params else {"FunctionName": "f"}
        assert await scene.refused(operation, **named, **params) == NOT_FOUND

    play(tmp_path, act)


def test_the_code_comes_with_a_signed_address_and_the_tags(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create(Tags={"team": "a"})
        answer = await scene.call("GetFunction", FunctionName="f")
        assert answer["Tags"] == {"team": "a"}
        assert answer["Code"]["RepositoryType"] == "S3"
        path, _, query = answer["Code"]["Location"].removeprefix(ENDPOINT).partition("?")
        digest = scene.control.plane.downloads.verify(path, query)
        assert digest is not None
        assert scene.control.files.zip_path(digest).read_bytes() == CODE

    play(tmp_path, act)


CREATE_REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"Code": {}}, INVALID, "Please provide a source for function code."),
    (
        {"Code": {"ZipFile": b"x"}},
        INVALID,
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    ),
    (
        {"Code": {"ZipFile": b"x" * (limits.ZIP_BYTES_MAX + 1)}},
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    ),
    (
        {"Code": {"S3Bucket": "b", "S3Key": "k"}},
        "UnsupportedOperationException",
        "Lambent does not support the option Code.S3Bucket (send the zip itself as ZipFile) yet.",
    ),
    (
        {"Handler": None},
        INVALID,
        "Runtime and Handler are mandatory parameters for functions created with deployment "
        "packages.",
    ),
    (
        {"Tags": {str(number): "" for number in range(51)}},
        INVALID,
        "Number of tags exceeds resource tag limit.",
    ),
    (
        {"name": "f" * 65},
        INVALID,
        f"Function name {'f' * 65} is longer than 64 characters.",
    ),
]


@pytest.mark.parametrize(("params", "code", "message"), CREATE_REFUSED)
def test_a_creation_that_is_refused_leaves_nothing_behind(
    params: dict[str, Any], code: str, message: str, tmp_path: Path
) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.refused("CreateFunction", **params) == (code, message)
        assert not scene.control.registry.functions
        for folder in ("code", "zips", "tmp"):
            assert not list((tmp_path / "store" / folder).iterdir())

    play(tmp_path, act)


def test_a_runtime_without_its_interpreter_makes_the_function_failed_until_there_is_one(
    tmp_path: Path,
) -> None:
    async def create(scene: Scene) -> None:
        answer = await scene.create(Runtime="python3.9")
        assert answer["State"] == "Pending"
        seen = await scene.call("GetFunctionConfiguration", FunctionName="f")
        for kind in ("State", "LastUpdateStatus"):
            assert seen[kind] == "Failed"
            assert seen[f"{kind}Reason"] == "No interpreter for python3.9."
            assert seen[f"{kind}ReasonCode"] == "InvalidRuntime"

    async def after_restart(scene: Scene) -> None:
        seen = await scene.call("GetFunctionConfiguration", FunctionName="f")
        assert (seen["State"], seen["LastUpdateStatus"]) == ("Active", "Successful")

    play(tmp_path, create, publisher=FakePublisher(missing={"python3.9"}))
    play(tmp_path, after_restart)
    play(tmp_path, after_restart)


class SlowPublisher:
    """Waits until it is let go."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go = asyncio.Event()

    async def prepare(self, version: FunctionVersion) -> Status:
        self.entered.set()
        await self.go.wait()
        return Status(value=State.ACTIVE)


def test_two_changes_of_one_function_at_once_conflict(tmp_path: Path) -> None:
    publisher = SlowPublisher()

    async def act(scene: Scene) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(scene.create("f"))
            await publisher.entered.wait()
            assert await scene.refused("CreateFunction") == (
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for "
                f"resource: {ARN}f",
            )
            group.create_task(scene.create("g"))
            publisher.go.set()
        assert set(scene.control.registry.functions) == {"f", "g"}

    play(tmp_path, act, publisher=publisher)


def test_a_caller_that_hangs_up_leaves_rows_and_memory_the_same(tmp_path: Path) -> None:
    """Cancelled at every turn around the commit: the function is there in both or in neither."""
    publisher = SlowPublisher()
    found: dict[str, bool] = {}

    async def act(scene: Scene) -> None:
        for turns in range(8):
            name = f"f{turns}"
            publisher.entered.clear()
            publisher.go.clear()
            task = asyncio.ensure_future(scene.create(name, Code={"ZipFile": make_zip({name: ""})}))
            await publisher.entered.wait()
            publisher.go.set()
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await scene.create("last")
        for turns in range(8):
            found[f"f{turns}"] = f"f{turns}" in scene.control.registry.functions
        await scene.call("DeleteFunction", FunctionName="last")
        for function in scene.control.registry.functions.values():
            assert scene.control.files.has(function.latest.code.digest)

    async def again(scene: Scene) -> None:
        for name, was_there in found.items():
            assert (name in scene.control.registry.functions) == was_there

    play(tmp_path, act, publisher=publisher)
    assert True in found.values()
    assert False in found.values()
    play(tmp_path, again)


def test_the_code_storage_of_the_account_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CODE_STORAGE_BYTES_MAX", len(CODE) + len(OTHER_CODE))

    async def act(scene: Scene) -> None:
        await scene.create("f")
        await scene.publish("l", OTHER_CODE)
        refusal = ("CodeStorageExceededException", "Code storage limit exceeded.")
        assert await scene.refused("CreateFunction", name="g") == refusal
        await scene.call("DeleteFunction", FunctionName="f")
        await scene.create("g")

    play(tmp_path, act)


def test_functions_are_listed_in_pages_by_name(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        for name in ("c", "a", "b"):
            await scene.create(name)
        first = await scene.call("ListFunctions", MaxItems=2)
        assert [item["FunctionName"] for item in first["Functions"]] == ["a", "b"]
        second = await scene.call("ListFunctions", MaxItems=2, Marker=first["NextMarker"])
        assert [item["FunctionName"] for item in second["Functions"]] == ["c"]
        assert "NextMarker" not in second
        listed = second["Functions"][0]
        assert not {"State", "LastUpdateStatus", "RuntimeVersionConfig"} & set(listed)
        every = await scene.call("ListFunctions", FunctionVersion="ALL")
        assert every["Functions"][0]["FunctionArn"] == f"{ARN}a:$LATEST"
        replicas = await scene.call("ListFunctions", MasterRegion="eu-west-1")
        assert replicas["Functions"] == []

    play(tmp_path, act)


def test_everything_is_as_it_was_after_a_restart(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    async def first(scene: Scene) -> None:
        layers = [await scene.publish("l1"), await scene.publish("l2", OTHER_CODE)]
        await scene.create(
            Tags={"a": "b"}, Layers=layers, Environment={"Variables": {"K": "ü"}}, Timeout=9
        )
        seen.update(await scene.call("GetFunctionConfiguration", FunctionName="f"))

    async def second(scene: Scene) -> None:
        assert await scene.call("GetFunctionConfiguration", FunctionName="f") == seen
        assert (await scene.call("ListTags", Resource=f"{ARN}f"))["Tags"] == {"a": "b"}
        version = scene.control.functions.get_version("f")
        assert (scene.control.files.task_dir(version) / "app.py").is_file()
        opt = scene.control.files.opt_dir(version)
        assert opt is not None
        assert "return 1" in (opt / "app.py").read_text()

    play(tmp_path, first)
    play(tmp_path, second)


def test_a_folder_that_was_lost_is_unpacked_again_at_start(tmp_path: Path) -> None:
    async def first(scene: Scene) -> None:
        await scene.create()

    async def second(scene: Scene) -> None:
        version = scene.control.functions.get_version("f")
        assert (scene.control.files.task_dir(version) / "app.py").is_file()

    play(tmp_path, first)
    (folder,) = (tmp_path / "store/code").iterdir()
    (folder / "app.py").unlink()
    folder.rmdir()
    play(tmp_path, second)


def test_a_reset_leaves_nothing_and_refuses_what_was_under_way(tmp_path: Path) -> None:
    publisher = SlowPublisher()

    async def act(scene: Scene) -> None:
        publisher.go.set()
        await scene.create("f")
        await scene.publish()
        publisher.go.clear()
        publisher.entered.clear()
        creation = asyncio.ensure_future(scene.refused("CreateFunction", name="g"))
        await publisher.entered.wait()
        await scene.control.registry.reset()
        publisher.go.set()
        assert await creation == (
            "ResourceConflictException",
            "The server was reset meanwhile.",
        )
        assert (await scene.call("ListFunctions"))["Functions"] == []
        assert (await scene.call("ListLayers"))["Layers"] == []
        assert scene.control.retirer.retired[-1] == "*"
        await scene.create("f")
        version = scene.control.functions.get_version("f")
        assert scene.control.files.has(version.code.digest)
        assert (await scene.publish()).endswith(":1"), "numbers start anew"

    async def again(scene: Scene) -> None:
        assert list(scene.control.registry.functions) == ["f"]

    play(tmp_path, act, publisher=publisher)
    play(tmp_path, again)


def test_the_account_tells_its_limits_and_use(tmp_path: Path) -> None:
    async def act(scene: Scene) -> None:
        await scene.create("f")
        await scene.publish("l", OTHER_CODE)
        assert await scene.call("GetAccountSettings") == {
            "AccountLimit": {
                "TotalCodeSize": 80530636800,
                "CodeSizeUnzipped": 262144000,
                "CodeSizeZipped": 52428800,
                "ConcurrentExecutions": 1000,
                "UnreservedConcurrentExecutions": 1000,
            },
            "AccountUsage": {"TotalCodeSize": len(CODE) + len(OTHER_CODE), "FunctionCount": 1},
        }

    play(tmp_path, act)
