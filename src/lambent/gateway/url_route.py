"""Requests to function URLs: found by host name or path, admitted, run, answered.

A URL's host is `<id>.lambda-url.<region>.` and whatever follows; a client that cannot resolve such
names uses the path `/_lambent/url/<id>/…`. As Invoke's, the path has no task: the answer comes by
callback. Errors are those of AWS's front end, {"Message": …} with x-amzn-errortype.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from lambent.domain import limits
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.domain.function_url import RESPONSE_STREAM, UrlTarget
from lambent.domain.ids import new_request_id
from lambent.domain.invocation import Invocation, Outcome
from lambent.gateway.url_access import UrlAccess
from lambent.gateway.url_cors import is_preflight, preflight_headers, with_cors
from lambent.gateway.url_event import UrlRequest, build_event
from lambent.gateway.url_response import BadResponse, Header, UrlResponse, parse_response
from lambent.gateway.url_stream import StreamedAnswer
from lambent.http.exchange import Exchange
from lambent.http.message import Request
from lambent.invoke.invoker import Invoker
from lambent.wire import load_service
from lambent.wire.errors import resolve_error

HOST_MARK = b".lambda-url."
PATH_PREFIX = "/_lambent/url/"

_HOST = re.compile(
    r"(?P<id>[a-z0-9-]{1,63})\.lambda-url\.(?P<region>[a-z0-9-]+)(?:\.[^:]*)?(?::(?P<port>\d+))?\Z"
)
_PORT = re.compile(r":(\d+)\Z")
_TOO_LARGE = (
    f"Request must be smaller than {limits.SYNC_REQUEST_BYTES_MAX} bytes for the InvokeFunction "
    "operation"
)
_FAILED = UrlResponse(502, [("content-type", "application/json")], b"Internal Server Error")
"""[LS] TestLambdaURL.test_lambda_url_invocation_exception; its type is UNVERIFIED."""

_bits = random.Random(random.SystemRandom().getrandbits(256)).getrandbits


class UrlFinder(Protocol):
    """Knows what the ids of URLs stand for."""

    def find(self, url_id: str) -> UrlTarget | None: ...


class UrlRoute:
    """Everything that goes to a function URL."""

    def __init__(
        self,
        finder: UrlFinder,
        invoker: Invoker,
        access: UrlAccess,
        account: Account,
        *,
        wall_s: Callable[[], float],
        step: Callable[[str, bytes], bytes],
    ) -> None:
        """`step` counts one more invocation of a function in a chain: see `Recursion.step`."""
        self._step = step
        self._finder = finder
        self._invoker = invoker
        self._access = access
        self._region = account.region
        self._wall_s = wall_s

    def handle(self, exchange: Exchange) -> None:
        """Answer a request for which `is_for_url` holds."""
        request = exchange.request
        request_id = new_request_id()
        target, url_id, path, domain, port = self._locate(request)
        if target is None:  # [LS] TestLambdaURL.test_lambda_url_non_existing_url
            respond_error(exchange, "AccessDeniedException", None, request_id)
            return
        headers = request.headers
        cors = target.cors
        if cors is not None and is_preflight(request.method, headers):
            answer = [*preflight_headers(cors, headers), ("x-amzn-requestid", request_id)]
            exchange.respond(200, answer, b"")
            return
        answering = Answering(exchange, target, request_id, "")
        try:
            caller = self._access.admit(target, request)
            now = self._wall_s()
            answering.trace_id = headers.get("x-amzn-trace-id") or _new_trace_id(now)
            event = build_event(
                UrlRequest(
                    method=request.method,
                    path=path,
                    query=request.query,
                    headers=headers,
                    body=request.body,
                    url_id=url_id,
                    domain=domain,
                    port=port,
                    source_ip=exchange.peer,
                    trace_id=answering.trace_id,
                    request_id=request_id,
                    wall_s=now,
                    caller=caller,
                )
            )
            if len(event) > limits.SYNC_REQUEST_BYTES_MAX:
                raise LambdaError("RequestEntityTooLargeException", _TOO_LARGE)
            self._run(target, answering, event)
        except LambdaError as error:
            answering.refuse(error)

    def refuse_body(self, exchange: Exchange) -> None:
        """Of a request whose body is too large to be read."""
        respond_error(exchange, "RequestEntityTooLargeException", _TOO_LARGE, new_request_id())

    def _run(self, target: UrlTarget, answering: Answering, event: bytes) -> None:
        trace_id = answering.trace_id.encode("latin-1")
        if b"Lineage=" in trace_id:
            trace_id = self._step(target.name, trace_id)
        invocation = Invocation(
            answering.request_id,
            event,
            trace_id=trace_id,
            qualifier=target.qualifier,
        )
        done = answering.done
        if target.config.invoke_mode == RESPONSE_STREAM:
            streamed = StreamedAnswer(answering)
            invocation.sink = streamed
            done = streamed.done
        self._invoker.invoke(target.name, target.qualifier, invocation, done)

    def _locate(self, request: Request) -> tuple[UrlTarget | None, str, str, str, str]:
        """Target, id, path, domain name and port."""
        host = request.headers.get("host", "").lower()
        path = request.path
        match = _HOST.match(host)
        if match is not None:
            url_id, port = match["id"], match["port"] or "80"
            domain = host.partition(":")[0]
            if match["region"] != self._region:
                return None, url_id, path, domain, port
        else:
            url_id, _, rest = path[len(PATH_PREFIX) :].partition("/")
            url_id, path = url_id.lower(), f"/{rest}"
            domain = f"{url_id}.lambda-url.{self._region}.localhost"
            found = _PORT.search(host)
            port = found[1] if found else "80"
        return self._finder.find(url_id), url_id, path, domain, port


class Answering:
    """One request's way back to the client."""

    __slots__ = ("exchange", "request_id", "target", "trace_id")

    def __init__(
        self, exchange: Exchange, target: UrlTarget, request_id: str, trace_id: str
    ) -> None:
        self.exchange = exchange
        self.target = target
        self.request_id = request_id
        self.trace_id = trace_id

    def done(self, result: Outcome | LambdaError) -> None:
        """Answer with a whole result."""
        if isinstance(result, LambdaError):
            self.refuse(result)
            return
        response = _FAILED
        if result.error is None:
            try:
                response = parse_response(result.payload)
            except BadResponse:
                pass
        self.exchange.respond(response.status, self.headers(response.headers), response.body)

    def fail(self) -> None:
        """502: what the function gave is no answer."""
        self.exchange.respond(_FAILED.status, self.headers(_FAILED.headers), _FAILED.body)

    def refuse(self, error: LambdaError) -> None:
        respond_error(self.exchange, error.code, error.message, self.request_id, self.headers([]))

    def headers(self, answer: list[Header]) -> list[Header]:
        """With those that every answer has."""
        cors = self.target.cors
        if cors is not None:
            answer = with_cors(cors, self.exchange.request.headers, answer)
        own = [("x-amzn-requestid", self.request_id)]
        if self.trace_id:
            own.append(("x-amzn-trace-id", self.trace_id))
        return [*own, *answer]


def is_for_url(request: Request) -> bool:
    """Whether a request goes to a function URL, there or not. Asked of every request."""
    return _names_url(request.raw_headers.get(b"host")) or request.path.startswith(PATH_PREFIX)


@lru_cache(maxsize=256)  # asked of every request, of few hosts
def _names_url(host: bytes | None) -> bool:
    return host is not None and HOST_MARK in host.lower()


def respond_error(
    exchange: Exchange,
    code: str,
    message: str | None,
    request_id: str,
    headers: list[Header] | None = None,
) -> None:
    """An error of the front end; its status is the API's."""
    more = headers or [("x-amzn-requestid", request_id)]
    exchange.respond(
        _status_of(code),
        [*more, ("content-type", "application/json"), ("x-amzn-errortype", code)],
        json.dumps({"Message": message}, separators=(",", ":")).encode(),
    )


def _status_of(code: str) -> int:
    if code == "AccessDeniedException":
        return 403
    if code == "RequestEntityTooLargeException":
        return 413
    return resolve_error(load_service("lambda"), None, code, "", {}).status


def _new_trace_id(wall_s: float) -> str:
    return f"Root=1-{int(wall_s):08x}-{_bits(96):024x}"
