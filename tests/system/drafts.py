"""Requests of every operation as botocore would send them, and what can be done to them.

Everything comes from one `random.Random`, so that a seed names a run.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

import botocore.session
from botocore import serialize
from botocore.model import OperationModel, ServiceModel, Shape

from tests.conftest import RUNTIME, make_zip

NAMES = ("target", "f1", "f2", "f3", "missing", "f1:$LATEST", "arn:aws:lambda:us-east-1:1:f:f")
SERVICES = ("lambda", "lambda", "lambda", "logs", "iam", "sts")
DEPTH_MAX = 4
SMALL_ZIP = make_zip({"app.py": "def handler(event, context):\n    return 1\n"})
JUNK_TEXTS = (
    "",
    " ",
    "\0",
    "..",
    "../../../etc/passwd",
    "%00",
    "%",
    "%zz",
    "%c3%28",
    "a" * 300,
    "grüße🌍",
    "\ud800",
    "' OR 1=1 --",
    "${jndi:ldap://x}",
    "{}",
    "$LATEST",
    "-1",
    "9" * 40,
    "1e999",
    "\r\nx-injected: 1",
    "<!--",
)
JUNK_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**63,
    10**40,
    1.5,
    -0.0,
    "",
    "x",
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"a": {"b": [1, {"c": 2}]}},
    *JUNK_TEXTS,
)


@dataclass
class Draft:
    """A request before it is bytes."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def encode(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body or self.method not in ("GET", "HEAD"):
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + self.body


@cache
def service_model(name: str) -> ServiceModel:
    return botocore.session.Session().get_service_model(name)


@cache
def serializer(name: str) -> Any:
    return serialize.create_serializer(service_model(name).metadata["protocol"], False)


@cache
def operations(name: str) -> list[OperationModel]:
    model = service_model(name)
    return [model.operation_model(one) for one in model.operation_names]


def make_value(chance: random.Random, shape: Shape, name: str = "", depth: int = 0) -> Any:
    """Some value of a shape, of the right type more or less."""
    match shape.type_name:
        case "structure":
            if depth > DEPTH_MAX:
                return {}
            required = set(shape.required_members)
            return {
                member: make_value(chance, inner, member, depth + 1)
                for member, inner in shape.members.items()
                if member in required or chance.random() < 0.25
            }
        case "list":
            return [
                make_value(chance, shape.member, name, depth + 1)
                for _ in range(chance.choice((0, 1, 2)))
            ]
        case "map":
            return {
                make_value(chance, shape.key): make_value(chance, shape.value, depth=depth + 1)
                for _ in range(chance.choice((0, 1, 2)))
            }
        case "string":
            return make_text(chance, shape, name)
        case "blob":
            return chance.choice((SMALL_ZIP, b"", b"{}", chance.randbytes(50)))
        case "boolean":
            return chance.random() < 0.5
        case "timestamp":
            return chance.randrange(2**31)
        case "integer" | "long":
            return chance.choice((0, 1, 2, 50, 128, 10_000, 2**31))
        case _:
            return chance.random() * 100


def make_text(chance: random.Random, shape: Shape, name: str) -> str:
    if chance.random() < 0.1:
        return chance.choice(JUNK_TEXTS)
    if getattr(shape, "enum", None):
        return RUNTIME if name == "Runtime" else chance.choice(shape.enum)
    match name:
        case "Handler":
            return "app.handler"
        case "Role":
            return "arn:aws:iam::000000000000:role/lambda"
        case "AssumeRolePolicyDocument" | "PolicyDocument":
            return '{"Version":"2012-10-17","Statement":[]}'
        case "Resource":
            return "arn:aws:lambda:us-east-1:000000000000:function:f1"
        case _:
            return chance.choice(NAMES)


def valid_draft(chance: random.Random) -> tuple[str, Draft]:
    """A request of some operation as botocore would send it."""
    service = chance.choice(SERVICES)
    operation = chance.choice(operations(service))
    shape = operation.input_shape
    params = make_value(chance, shape) if shape is not None else {}
    return service, make_draft(service, operation, params)


def make_draft(service: str, operation: OperationModel, params: Any) -> Draft:
    """The request that botocore would send with these parameters."""
    try:
        made = serializer(service).serialize_to_request(params, operation)
    except Exception:  # botocore does not take every junk value: then the plainest request
        made = {"method": operation.http["method"], "url_path": "/", "query_string": {}}
        made |= {"headers": {}, "body": b""}
    headers = {
        "host": "localhost",
        "authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/"
        f"{service}/aws4_request, SignedHeaders=host, Signature=00",
        **{str(name): clean(str(value)) for name, value in made["headers"].items()},
    }
    query = made["query_string"]
    pairs = query.items() if isinstance(query, dict) else []
    path = made["url_path"]
    if pairs:
        path += "?" + "&".join(
            f"{quote(str(k))}={quote(str(v), errors='replace')}" for k, v in pairs
        )
    body = made["body"]
    if isinstance(body, dict):
        body = "&".join(
            f"{quote(str(k))}={quote(str(v), errors='replace')}" for k, v in body.items()
        )
    if isinstance(body, str):
        body = body.encode("utf-8", "surrogatepass")
    path = quote(path, safe="/?&=%:$+-_.~", errors="replace")
    return Draft(made["method"], path, headers, bytes(body or b""))


def clean(text: str) -> str:
    """A header's value must not end the header, or the framing would be another."""
    return text.replace("\r", "").replace("\n", "").replace("\0", "")


# Mutations of a draft, in place; framing stays right


def mutate_json(chance: random.Random, draft: Draft) -> None:
    """A wrong type or value somewhere in the JSON."""
    try:
        value = json.loads(draft.body or b"{}")
    except (ValueError, RecursionError):
        return
    for _ in range(chance.choice((1, 1, 2))):
        value = replaced(chance, value)
    draft.body = json.dumps(value).encode()


def replaced(chance: random.Random, value: Any) -> Any:
    """`value` with one part of it replaced."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            return {other: one for other, one in value.items() if other != key}
        return {**value, key: replaced(chance, value[key])}
    if isinstance(value, list) and value and chance.random() < 0.7:
        index = chance.randrange(len(value))
        return [*value[:index], replaced(chance, value[index]), *value[index + 1 :]]
    return chance.choice(JUNK_VALUES)


def mutate_bytes(chance: random.Random, draft: Draft) -> None:
    """Flip, cut or repeat bytes of the body."""
    body = bytearray(draft.body or b"{}")
    for _ in range(chance.choice((1, 3, 20))):
        if body:
            body[chance.randrange(len(body))] = chance.randrange(256)
    draft.body = bytes(body[: chance.randrange(len(body) + 1)] if chance.random() < 0.3 else body)


def mutate_body(chance: random.Random, draft: Draft) -> None:
    """Another body altogether."""
    draft.body = chance.choice(
        (
            b"null",
            b"[]",
            b'"text"',
            b"1",
            b"{" * 5_000,
            b"[" * 100_000,
            b'{"a":' * 2_000,
            b"\xff\xfe",
            b"NaN",
            b'{"FunctionName":"a","FunctionName":"b"}',
            b"9" * 5_000,
            b'"\\ud800"',
            b"a=b&" * 2_000,
            b"%" * 100,
            b"Action=CreateRole&Version=2010-05-08&Tags.member.99999999999.Key=x",
            b"Action=CreateRole&Version=2010-05-08&Tags.member.-1.Key=x&Tags.member.x.Key=y",
            b"Action=GetCallerIdentity&Version=2011-06-15&Action=x",
            base64.b64encode(SMALL_ZIP),
            chance.randbytes(chance.randrange(300)),
        )
    )


def mutate_path(chance: random.Random, draft: Draft) -> None:
    """A part of the path, or the query, replaced."""
    path, mark, query = draft.path.partition("?")
    parts = path.split("/")
    junk = quote(chance.choice(JUNK_TEXTS), safe="%", errors="replace")
    match chance.randrange(4):
        case 0:
            parts[chance.randrange(len(parts))] = junk
        case 1:
            parts.insert(chance.randrange(len(parts) + 1), junk)
        case 2:
            query, mark = f"{query}&MaxItems={junk}&Marker={junk}&Qualifier={junk}", "?"
        case _:
            query, mark = "&".join(["x=y"] * chance.choice((3, 2_000))), "?"
    path = "/".join(parts)
    draft.path = (path if path.startswith("/") else "/" + path) + mark + query


def mutate_method(chance: random.Random, draft: Draft) -> None:
    draft.method = chance.choice(("GET", "PUT", "DELETE", "PATCH", "POST", "OPTIONS", "HEAD"))


def mutate_headers(chance: random.Random, draft: Draft) -> None:
    """Headers gone, odd or many."""
    headers = draft.headers
    match chance.randrange(6):
        case 0 if headers:
            headers.pop(chance.choice(list(headers)))
        case 1:
            headers["x-amz-target"] = chance.choice(
                ("Logs_20140328.", "Logs_20140328.FilterLogEvents", "Logs_20140328.x", "x", ".", "")
            )
        case 2:
            headers["content-type"] = chance.choice(
                ("text/xml", "application/x-amz-json-1.1", "", "multipart/form-data", "\xff")
            )
        case 3:
            headers["host"] = chance.choice(("", "::", "x" * 200, "a b", "[", "localhost:99999"))
        case 4:
            headers["authorization"] = chance.choice(
                ("", "AWS4-HMAC-SHA256", "Basic eDp4", "AWS4-HMAC-SHA256 Credential=////")
            )
        case _:
            headers.update({f"x-{number}": "v" for number in range(200)})


MUTATIONS: tuple[Callable[[random.Random, Draft], None], ...] = (
    mutate_json,
    mutate_json,
    mutate_json,
    mutate_bytes,
    mutate_body,
    mutate_path,
    mutate_method,
    mutate_headers,
)
