"""What a URL's Cors answers. Source of the form: rimutaka, "AWS Lambda Function URL with CORS
explained by example", captured from AWS in August 2024; of the precedence: [DG] urls-configuration.
"""

from __future__ import annotations

import pytest

from lambent.domain.function_url import Cors, parse_cors
from lambent.gateway.url_cors import is_preflight, preflight_headers, with_cors

HERE = "https://localhost:8080"
CORS = Cors(
    origins=(HERE, "https://b.example"),
    methods=("GET", "POST"),
    headers=("authorization", "content-type"),
    credentials=True,
)


def test_a_preflight_is_answered_from_the_settings() -> None:
    asked = {"origin": HERE, "access-control-request-method": "GET"}
    assert is_preflight("OPTIONS", asked)
    assert preflight_headers(CORS, asked) == [
        ("content-type", "application/json"),
        ("vary", "Origin"),
        ("access-control-allow-origin", HERE),
        ("access-control-allow-headers", "authorization,content-type"),
        ("access-control-allow-methods", "GET,POST"),
        ("access-control-allow-credentials", "true"),
    ]
    more = Cors(origins=("*",), exposed=("date",), max_age_s=0)
    assert dict(preflight_headers(more, asked)) == {
        "content-type": "application/json",
        "vary": "Origin",
        "access-control-allow-origin": HERE,  # never the wildcard itself
        "access-control-expose-headers": "date",
        "access-control-max-age": "0",
    }


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"origin": HERE, "access-control-request-method": "GET"}),
        ("OPTIONS", {"origin": HERE}),
        ("OPTIONS", {"access-control-request-method": "GET"}),
        ("OPTIONS", {}),
    ],
)
def test_any_other_request_is_the_functions(method: str, headers: dict[str, str]) -> None:
    assert not is_preflight(method, headers)


def test_the_settings_headers_stand_in_place_of_the_functions() -> None:
    answer = [
        ("content-type", "text/html"),
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "DELETE"),
        ("vary", "accept"),
    ]
    assert with_cors(CORS, {"origin": HERE}, answer) == [
        ("content-type", "text/html"),
        ("vary", "accept"),
        ("access-control-allow-origin", HERE),
        ("access-control-allow-credentials", "true"),
        ("vary", "Origin"),
    ]


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"origin": "null"}])
def test_an_origin_that_may_not_call_gets_nothing_from_the_settings(
    headers: dict[str, str],
) -> None:
    answer = [("content-type", "text/html"), ("access-control-allow-origin", "*")]
    assert with_cors(CORS, headers, answer) == answer
    assert preflight_headers(CORS, headers) == [
        ("content-type", "application/json"),
        ("vary", "Origin"),
    ]


def test_no_members_are_no_cors() -> None:
    assert parse_cors({}) is None
    assert parse_cors({"AllowMethods": ["get"], "MaxAge": 3}) == Cors(methods=("GET",), max_age_s=3)
