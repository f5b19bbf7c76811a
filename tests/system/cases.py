"""The fuzz test's cases: mutated requests, odd invocations, pipelines, bytes that are no HTTP."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from tests.system.drafts import JUNK_TEXTS, MUTATIONS, NAMES, Draft, valid_draft

INVOKE_PATHS = (
    "/2015-03-31/functions/{}/invocations",
    "/2021-11-15/functions/{}/response-streaming-invocations",
)


@dataclass
class Case:
    """Bytes to send, and whether they are whole requests, as many as `answers`."""

    kind: str
    data: bytes
    answers: int = 1
    whole: bool = True
    head_only: bool = False


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
    path = chance.choice(INVOKE_PATHS).format(name if chance.random() < 0.6 else "target")
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


def odd_url(chance: random.Random) -> Case:
    """A function URL, by host or by path, with odd targets, headers and bodies."""
    junk = quote(chance.choice(JUNK_TEXTS), safe="%:/?&=", errors="replace")
    host = chance.choice(
        (
            "target.lambda-url.us-east-1.localhost",
            "target.lambda-url.us-east-1.localhost",
            "TARGET.Lambda-Url.us-east-1.on.aws:443",
            "none.lambda-url.us-east-1.localhost",
            "target.lambda-url.eu-west-1.localhost:x",
            ".lambda-url.",
            f"{junk}.lambda-url.us-east-1.localhost",
            "localhost",
        )
    )
    headers = {"host": host.replace("\n", "").replace("\r", "")}
    for name, values in (
        ("content-type", ("application/json", "text/plain; charset=x", "image/png", ";", "é")),
        ("cookie", ("a=b; c=d", ";;", "=", "a" * 3_000)),
        ("origin", ("http://page.example", "null", "*", "é")),
        ("access-control-request-method", ("GET", "é", "")),
        ("authorization", ("AWS4-HMAC-SHA256 Credential=x", "Basic eA==", "")),
        ("x-amzn-trace-id", ("Root=1-5759e988-bd862e3fe1be46a994272793", "é", "x" * 3_000)),
        ("x-forwarded-for", ("1.2.3.4", "é,", "")),
        ("transfer-encoding", ("identity",)),
    ):
        if chance.random() < 0.3:
            headers[name] = chance.choice(values)
    path = chance.choice(("", "", "/_lambent/url/target", "/_lambent/url/", "/_lambent/url/x"))
    tail = chance.choice(("", "/invocations", "/%zz", "//", "/..", "?", "?&=&", "?a=%ff&a=%00"))
    method = chance.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"))
    body = chance.choice((b"", b"", b"{}", b"\xff\xfe", b"\0" * 12_000, b'"\\ud800"'))
    if method in ("HEAD", "TRACE"):
        body = b""
    draft = Draft(method, f"{path}/{junk}{tail}", headers, body)
    return Case("url", draft.encode(), head_only=method == "HEAD")


def local_route(chance: random.Random) -> Case:
    """Lambent's own endpoints."""
    junk = quote(chance.choice(JUNK_TEXTS), safe="%", errors="replace")
    path = chance.choice(
        (
            "/_lambent/health",
            "/_localstack/health",
            "/_lambent/bill",
            "/_lambent/reset",
            f"/_lambent/debug/{junk}",
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
        f"POST {chance.choice(INVOKE_PATHS).format('target')} HTTP/1.1\r\nhost: x\r\n"
        "transfer-encoding: chunked\r\n"
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
        (mutated, odd_invoke, odd_url, local_route, chunked, broken, pipelined),
        (45, 17, 8, 6, 6, 15, 3),
    )[0]
    return kind(chance)
