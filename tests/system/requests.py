"""Requests for the fuzz test: valid ones of every operation, mutated; and bytes that are no HTTP.

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

INVOKE_PATH = "/2015-03-31/functions/{}/invocations"
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
class Case:
    """Bytes to send, and whether they are whole requests, as many as `answers`."""

    kind: str
    data: bytes
    answers: int = 1
    whole: bool = True
    head_only: bool = False


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
    return service, Draft(made["method"], path, headers, bytes(body))


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


# Cases


def mutated(chance: random.Random) -> Case:
    service, draft = valid_draft(chance)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        chance.choice(MUTATIONS)(chance, draft)
    return Case(f"mutated {service}", draft.encode(), head_only=draft.method == "HEAD")


def odd_invoke(chance: random.Random) -> Case:
    """Invoke, with odd headers, names and payloads."""
    headers = {"host": "localhost"}
    context = base64.b64encode(b'{"custom":{"a":1}}').decode()
    for name, values in (
        (
            "x-amz-invocation-type",
            ("RequestResponse", "DryRun", "Event", "x", "", "requestresponse"),
        ),
        ("x-amz-log-type", ("None", "Tail", "tail", "", "x" * 500)),
        ("x-amz-client-context", (context, "e30=", "!!", "bnVsbA==", "A" * 3_600, "WzFd", "\xe9")),
        (
            "x-amzn-trace-id",
            ("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", "x" * 3_000, "é"),
        ),
        ("x-amz-tenant-id", ("t", "", "x" * 300)),
        ("x-amz-durable-execution-name", ("d", "", "!")),
        ("content-type", ("application/json", "text/plain", "")),
    ):
        if chance.random() < 0.3:
            headers[name] = chance.choice(values)
    name = quote(chance.choice((*NAMES, *JUNK_TEXTS)), safe="%:", errors="replace")
    path = INVOKE_PATH.format(name if chance.random() < 0.6 else "target")
    if chance.random() < 0.3:
        junk = quote(chance.choice(JUNK_TEXTS), safe="%", errors="replace")
        path += chance.choice(
            ("?Qualifier=$LATEST", f"?Qualifier={junk}", f"?{junk}", "?Qualifier")
        )
    body = chance.choice(
        (b"{}", b"", b"null", b"{", b"\xff", b"1e400", b"[" * 100_000, b'"\\ud800"')
    )
    method = chance.choice(("POST", "POST", "POST", "POST", "GET", "PUT"))
    return Case("invoke", Draft(method, path, headers, body).encode())


def local_route(chance: random.Random) -> Case:
    """Lambent's own endpoints."""
    junk = quote(chance.choice(JUNK_TEXTS), safe="%", errors="replace")
    path = chance.choice(
        (
            "/_lambent/health",
            "/_localstack/health",
            "/_lambent/bill",
            "/_lambent/reset",
            f"/_lambent/{junk}",
            f"/_lambent/code/{junk}",
            f"/_lambent/code/{'0' * 64}?expires={junk}&signature={junk}",
            "/_lambent/code/../../data?expires=9999999999&signature=x",
            f"/_{junk}",
        )
    )
    method = chance.choice(("GET", "POST", "HEAD", "DELETE"))
    draft = Draft(method, path, {"host": "localhost"}, b"")
    return Case("local", draft.encode(), head_only=method == "HEAD")


def pipelined(chance: random.Random) -> Case:
    cases = [chance.choice((odd_invoke, mutated))(chance) for _ in range(chance.randrange(2, 30))]
    cases = [case for case in cases if not case.head_only]
    return Case("pipelined", b"".join(case.data for case in cases), answers=len(cases))


def chunked(chance: random.Random) -> Case:
    """A body in chunks, mostly broken."""
    head = (
        f"POST {INVOKE_PATH.format('target')} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
    )
    tail = chance.choice(
        (
            b"2\r\n{}\r\n0\r\n\r\n",
            b"zz\r\n{}\r\n0\r\n\r\n",
            b"2\r\n{}0\r\n\r\n",
            b"-1\r\n\r\n",
            b"ffffffffffffffff\r\n{}",
            b"2;ext=1\r\n{}\r\n0\r\ntrailer: x\r\n\r\n",
            b"5\r\n{}",
            b"0\r\n",
            b"7fffffff\r\n" + b"x" * 5_000,
            b"\r\n\r\n",
        )
    )
    extra = chance.choice(("", "", "content-length: 5\r\n", "transfer-encoding: gzip\r\n"))
    return Case("chunked", f"{head}{extra}\r\n".encode() + tail, whole=False)


def broken(chance: random.Random) -> Case:
    """What is not HTTP, or not all of it."""
    data = chance.choice((mutated, odd_invoke))(chance).data
    match chance.randrange(9):
        case 0:
            data = chance.randbytes(chance.choice((1, 10, 1_000, 20_000)))
        case 1:
            data = data[: chance.randrange(1, len(data))]
        case 2:
            place = chance.randrange(min(len(data), 200))
            data = data[:place] + chance.randbytes(3) + data[place:]
        case 3:
            data = b"GET /" + b"a" * chance.choice((70_000, 200_000)) + b" HTTP/1.1\r\n\r\n"
        case 4:
            data = b"GET / HTTP/1.1\r\nx: " + b"y" * chance.choice((66_000, 150_000)) + b"\r\n\r\n"
        case 5:
            many = b"".join(b"h%d: v\r\n" % number for number in range(10_000))
            data = b"GET / HTTP/1.1\r\n" + many + b"\r\n"
        case 6:
            size = chance.choice((b"-1", b"1e3", b"9" * 30, b"70167212", b"6400000", b"0x10", b""))
            path = chance.choice((b"/", b"/2015-03-31/functions", b"/2015-03-31/functions/f/code"))
            data = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %b\r\n\r\n{}" % (path, size)
        case 7:
            data = chance.choice(
                (
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    b"GET / HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
                    b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n",
                    b"GET / HTTP/0.9\r\n\r\n",
                    b"GET / HTTP/1.0\r\n\r\n",
                    b"GET http://x/2015-03-31/functions HTTP/1.1\r\n\r\n",
                    b"OPTIONS * HTTP/1.1\r\n\r\n",
                    b"\r\n" * 1_000,
                    b"GET\r\n\r\n",
                    b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n{}",
                    b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
                    b"GET / HTTP/1.1\nhost: x\n\n",
                )
            )
        case _:
            data = b"POST / HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"
    return Case("broken", data, whole=False)


def make_case(chance: random.Random) -> Case:
    kind: Callable[[random.Random], Case] = chance.choices(
        (mutated, odd_invoke, local_route, chunked, broken, pipelined), (50, 20, 6, 6, 15, 3)
    )[0]
    return kind(chance)
