"""Which operation a method, path and query mean. Paths: botocore's model of Lambda."""

from __future__ import annotations

import pytest

from lambent.wire import load_service
from lambent.wire.routes import RouteTable, parse_fields

ARN = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello%3A%24LATEST"


@pytest.mark.parametrize(
    ("method", "path", "query", "operation", "labels"),
    [
        ("GET", "/2015-03-31/functions", "", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/", "Marker=x", "ListFunctions", {}),
        ("POST", "/2015-03-31/functions", "", "CreateFunction", {}),
        ("GET", "/2015-03-31/functions/hello", "", "GetFunction", {"FunctionName": "hello"}),
        (
            "POST",
            f"/2015-03-31/functions/{ARN}/invocations",
            "Qualifier=1",
            "Invoke",
            {"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:hello:$LATEST"},
        ),
        (
            "POST",
            "/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:hi/invocations",
            "",
            "Invoke",
            {"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:hi"},
        ),
        ("POST", "/2014-11-13/functions/hi/invoke-async/", "", "InvokeAsync", None),
        ("GET", "/2018-10-31/layers", "", "ListLayers", {}),
        ("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=x", "GetLayerVersionByArn", {}),
        ("GET", "/2018-10-31/layers", "Arn=x&find=LayerVersion", "GetLayerVersionByArn", {}),
        ("GET", "/2018-10-31/layers", "find=Other", "ListLayers", {}),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency",
            "List=ALL",
            "ListProvisionedConcurrencyConfigs",
            {"FunctionName": "f"},
        ),
        (
            "GET",
            "/2019-09-30/functions/f/provisioned-concurrency",
            "Qualifier=1",
            "GetProvisionedConcurrencyConfig",
            {"FunctionName": "f"},
        ),
        ("GET", "/2019-09-25/functions/f/event-invoke-config/list", "", None, None),
        ("PATCH", "/2015-03-31/functions", "", None, None),
        ("GET", "/", "", None, None),
        ("GET", "", "", None, None),
        ("GET", "/2015-03-31/functions//code", "", None, None),
        ("GET", "/2015-03-31/functions/a/b/c/d", "", None, None),
    ],
)
def test_a_request_finds_its_operation(
    method: str, path: str, query: str, operation: str | None, labels: dict[str, str] | None
) -> None:
    if path.endswith("event-invoke-config/list"):
        operation, labels = "ListFunctionEventInvokeConfigs", {"FunctionName": "f"}
    found = load_service("lambda").match(method, path, query)
    if operation is None:
        assert found is None
        return
    assert found is not None
    assert found[0].name == operation
    if labels is not None:
        assert found[1] == labels


def test_a_label_that_is_not_utf8_is_replaced_not_raised() -> None:
    found = load_service("lambda").match("GET", "/2015-03-31/functions/%ff%ZZ", "")
    assert found is not None
    assert found[1] == {"FunctionName": "\ufffd%ZZ"}


@pytest.mark.parametrize(
    ("path", "target", "labels"),
    [
        ("/b", "bucket", {"Bucket": "b"}),
        ("/b/x", "object", {"Bucket": "b", "Key": "x"}),
        ("/b/x/y%2Fz/w", "object", {"Bucket": "b", "Key": "x/y/z/w"}),
        ("/b/x/y/acl", "acl", {"Bucket": "b", "Key": "x/y"}),
        ("/fixed/x", "literal", {}),
        ("/fixed/y", "object", {"Bucket": "fixed", "Key": "y"}),
    ],
)
def test_a_greedy_label_spans_segments_and_a_literal_wins(
    path: str, target: str, labels: dict[str, str]
) -> None:
    table = RouteTable(
        [
            ("GET", "/{Bucket}", "bucket"),
            ("GET", "/{Bucket}/{Key+}", "object"),
            ("GET", "/{Bucket}/{Key+}/acl", "acl"),
            ("GET", "/fixed/x", "literal"),
        ]
    )
    assert table.match("GET", path, "") == (target, labels)


def test_the_fields_of_a_query_are_bounded() -> None:
    assert len(parse_fields("&".join(["a=1"] * 5_000))) == 1_000
