"""Functions through unmodified boto3: states as waiters see them, and every modelled error.

Shapes and texts are pinned in tests/control/test_functions.py; signatures are in
tests/api/test_code_signing.py.
"""

from __future__ import annotations

import json
import sqlite3
import string
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambent.domain import limits
from tests.api.seen import recording
from tests.conftest import ROLE, RUNTIME, RunningServer, make_zip, running

CANNOT_OCCUR: dict[tuple[str, str], str] = {}

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
ELSEWHERE = "arn:aws:lambda:eu-west-1:000000000000:function:"
CODE = make_zip({"app.py": "def handler(event, context): return 'one'"})
OTHER_CODE = make_zip({"app.py": "def handler(event, context): return 'two'"})
INVALID = "InvalidParameterValueException"
NOT_FOUND = "ResourceNotFoundException"
CONFLICT = "ResourceConflictException"
FULL = "CodeStorageExceededException"


def draft(name: str, **options: Any) -> dict[str, Any]:
    return {
        "FunctionName": name,
        "Runtime": RUNTIME,
        "Handler": "app.handler",
        "Role": ROLE,
        "Code": {"ZipFile": CODE},
        **options,
    }


def code_of(operation: Callable[..., Any], params: dict[str, Any]) -> str:
    """The code of the error that it answers."""
    with pytest.raises(ClientError) as caught:
        operation(**params)
    return str(caught.value.response["Error"]["Code"])


def run(api: Any, name: str) -> Any:
    return json.loads(api.invoke(FunctionName=name)["Payload"].read())


def test_a_function_lives_as_its_tools_expect(api: Any) -> None:
    name = "functions-lives"
    created = api.create_function(**draft(name))
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    api.get_waiter("function_exists").wait(FunctionName=name)
    api.get_waiter("function_active_v2").wait(FunctionName=name)
    assert run(api, name) == "one"
    updated = api.update_function_code(FunctionName=name, ZipFile=OTHER_CODE)
    assert (updated["State"], updated["LastUpdateStatus"]) == ("Active", "InProgress")
    assert updated["LastUpdateStatusReasonCode"] == "Creating"
    api.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert run(api, name) == "two"
    updated = api.update_function_configuration(FunctionName=name, Timeout=9)
    assert updated["LastUpdateStatus"] == "InProgress"
    api.get_waiter("function_updated").wait(FunctionName=name)
    found = api.get_function(FunctionName=name)
    assert (found["Configuration"]["State"], found["Configuration"]["Timeout"]) == ("Active", 9)
    api.delete_function(FunctionName=name)
    assert code_of(api.get_function, {"FunctionName": name}) == NOT_FOUND


def test_operations_find_a_function_by_every_name_it_has(api: Any) -> None:
    name = "functions-names"
    api.create_function(**draft(f"function:{name}"))
    for number, named in enumerate(
        (name, f"function:{name}", f"000000000000:function:{name}", f"{ARN}{name}")
    ):
        api.update_function_configuration(FunctionName=named, Timeout=10 + number)
        assert api.get_function_configuration(FunctionName=named)["Timeout"] == 10 + number
        api.update_function_code(FunctionName=named, ZipFile=CODE)
        api.publish_version(FunctionName=named)
        listed = api.list_versions_by_function(FunctionName=named)["Versions"]
        assert len(listed) == number + 2
    api.delete_function(FunctionName=f"{ARN}{name}")


def test_listings_of_functions_come_in_pages(api: Any) -> None:
    names = {f"functions-page-{number}" for number in range(5)}
    for name in names:
        api.create_function(**draft(name))
    pages = list(api.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["Functions"]) <= 2 for page in pages)
    listed = [one["FunctionName"] for page in pages for one in page["Functions"]]
    assert names <= set(listed)
    assert listed == sorted(set(listed))


def test_every_error_of_functions(api: Any) -> None:
    name = "functions-errors"
    api.create_function(**draft(name, Publish=True))
    api.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    none = {"FunctionName": "functions-none"}
    elsewhere = {"FunctionName": f"{ELSEWHERE}{name}"}
    long_name = {"FunctionName": "f" * 65}
    stale = {"FunctionName": name, "RevisionId": "stale"}
    nonsense = {"ZipFile": b"no zip"}
    contradiction = {"FunctionName": f"{name}:1", "Qualifier": "2"}
    refused: list[tuple[Callable[..., Any], str, dict[str, Any]]] = [
        (api.create_function, CONFLICT, draft(name)),
        (api.create_function, INVALID, draft("functions-no", Code=nonsense)),
        (api.create_function, INVALID, draft("functions-no", Code={})),
        (api.create_function, INVALID, draft("functions-no", Runtime="java8")),
        (api.create_function, NOT_FOUND, draft(f"{ELSEWHERE}functions-no")),
        (api.get_function, NOT_FOUND, none),
        (api.get_function, NOT_FOUND, elsewhere),
        (api.get_function, NOT_FOUND, {"FunctionName": f"{name}:9"}),
        (api.get_function, INVALID, contradiction),
        (api.get_function_configuration, NOT_FOUND, none),
        (api.get_function_configuration, INVALID, contradiction),
        (api.list_functions, INVALID, {"Marker": "no marker"}),
        (api.update_function_code, NOT_FOUND, {**none, "ZipFile": CODE}),
        (api.update_function_code, INVALID, {"FunctionName": name, **nonsense}),
        (api.update_function_code, INVALID, {"FunctionName": name}),
        (api.update_function_code, "PreconditionFailedException", {**stale, "ZipFile": CODE}),
        (api.update_function_configuration, NOT_FOUND, none),
        (api.update_function_configuration, INVALID, long_name),
        (
            api.update_function_configuration,
            INVALID,
            {"FunctionName": name, "Environment": {"Variables": {"AWS_REGION": "x"}}},
        ),
        (api.update_function_configuration, "PreconditionFailedException", stale),
        (api.delete_function, NOT_FOUND, none),
        (api.delete_function, INVALID, {"FunctionName": name, "Qualifier": "$LATEST"}),
        (api.delete_function, INVALID, {"FunctionName": name, "Qualifier": "live"}),
        (api.delete_function, CONFLICT, {"FunctionName": name, "Qualifier": "1"}),
    ]
    before = api.get_function_configuration(FunctionName=name)
    for operation, code, params in refused:
        assert code_of(operation, params) == code, (operation, params)
    after = api.get_function_configuration(FunctionName=name)
    assert after["RevisionId"] == before["RevisionId"], "what is refused changes nothing"
    assert code_of(api.get_function, {"FunctionName": "functions-no"}) == NOT_FOUND


def test_changes_of_one_function_do_not_overlap(api: Any) -> None:
    """Many at once: some are refused, in the words of AWS."""
    name = "functions-overlap"
    api.create_function(**draft(name))
    refusal = (
        "The operation cannot be performed at this time. An update is in progress for resource: "
        f"{ARN}{name}"
    )

    changes: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (api.update_function_code, {"ZipFile": CODE}),
        (api.update_function_code, {"ZipFile": OTHER_CODE}),
        (api.update_function_configuration, {"MemorySize": 256}),
        (api.update_function_configuration, {"MemorySize": 512}),
        (api.publish_version, {}),
        (api.publish_version, {}),
        (api.get_function_configuration, {}),
        (api.delete_function, {}),
    ]

    def change(number: int) -> tuple[str, str]:
        operation, params = changes[number % len(changes)]
        try:
            operation(FunctionName=name, **params)
        except ClientError as error:
            answer = error.response["Error"]
            if answer["Code"] == CONFLICT:
                assert answer["Message"] == refusal
            return error.operation_name, answer["Code"]
        return operation.__name__, "done"

    wanted = {
        (operation, CONFLICT)
        for operation in (
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
            "PublishVersion",
            "DeleteFunction",
        )
    }
    seen: set[tuple[str, str]] = set()
    with ThreadPoolExecutor(24) as threads:
        for _ in range(100):
            seen |= set(threads.map(change, range(24)))
            if wanted <= seen:
                break
            if code_of_or_none(api, name) == NOT_FOUND:
                api.create_function(**draft(name))
    assert {code for _, code in seen} <= {"done", CONFLICT, NOT_FOUND}
    assert wanted <= seen


def code_of_or_none(api: Any, name: str) -> str | None:
    try:
        api.get_function(FunctionName=name)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


@pytest.fixture(scope="module")
def full_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose rows say that its code storage is all but full, by one function's size."""
    data_dir: Path = tmp_path_factory.mktemp("full") / "data"
    with running(data_dir, "--parked", "0") as server:
        server.create("functions-large", "def handler(event, context): return 1")
        server.create("functions-small", "def handler(event, context): return 2")
    where = "WHERE name = 'functions-large'"
    with sqlite3.connect(data_dir / "lambent.db") as connection:
        (text,) = connection.execute(f"SELECT configuration FROM functions {where}").fetchone()
        large = json.loads(text)
        large["code"]["size_bytes"] = limits.CODE_STORAGE_BYTES_MAX - 300
        connection.execute(f"UPDATE functions SET configuration = ? {where}", (json.dumps(large),))
    connection.close()
    with running(data_dir, "--parked", "0") as server:
        yield server


def test_code_beyond_the_storage_of_the_account_is_refused(full_server: RunningServer) -> None:
    api = recording(full_server.client("lambda"))
    large = "functions-large"
    more = make_zip({"app.py": f"# {string.printable * 3}", "more.py": string.printable})
    assert code_of(api.create_function, draft("functions-more", Code={"ZipFile": more})) == FULL
    assert code_of(api.publish_version, {"FunctionName": large}) == FULL
    grown = {"FunctionName": "functions-small", "ZipFile": more}
    assert code_of(api.update_function_code, grown) == FULL
    layer = {"LayerName": "functions-more", "Content": {"ZipFile": more}}
    assert code_of(api.publish_layer_version, layer) == FULL
    assert (run(api, large), run(api, "functions-small")) == (1, 2)
    api.update_function_code(FunctionName=large, ZipFile=CODE)
    api.create_function(**draft("functions-more"))
