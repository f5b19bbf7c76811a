"""Requests to S3: recognised, admitted, run and answered; bodies go both ways as they come.

A body that is put is taken by a `Receiver` from its first bytes on, after its head was admitted:
nothing of a stranger's is written. Errors are S3's XML.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError, PlatformFault
from lambent.domain.ids import new_request_id
from lambent.domain.request import RequestContext
from lambent.gateway.authorization import Authorization
from lambent.gateway.s3_access import Admitted, S3Access
from lambent.gateway.s3_download import send_download
from lambent.gateway.s3_form import FormInbound
from lambent.gateway.s3_host import is_for_s3, split_host
from lambent.gateway.s3_permission import S3Permission
from lambent.gateway.s3_posts import Posts
from lambent.http.exchange import Exchange
from lambent.http.message import BodySource, Refusal, Request
from lambent.services.s3 import S3
from lambent.services.s3.calls import Answer, Call
from lambent.services.s3.errors import S3Error, status_of
from lambent.services.s3.receive import Receiver, parse_expected
from lambent.tasks import Tasks
from lambent.wire import (
    Operation,
    WireError,
    WireRequest,
    identify,
    load_service,
    parse_request,
    serialize_response,
)
from lambent.wire.chunk_stream import ChunkStream
from lambent.wire.chunked_payload import PayloadError
from lambent.wire.errors import ErrorAnswer
from lambent.wire.rest_xml import RestXml

log = logging.getLogger("lambent")

PUT_BYTES_MAX = 5 * 1024**3  # S3 User Guide, "Uploading objects": 5 GB in one PUT, or one part
_WITH_BODY = frozenset(("PutObject", "UploadPart"))
_STREAMING = "STREAMING-"
_ATTEMPTS = 3
_REFUSALS = {
    Refusal.BODY_TOO_LARGE: "MaxMessageLengthExceeded",
    Refusal.BUSY: "SlowDown",
    Refusal.TOO_SLOW: "RequestTimeout",
}


@dataclass(frozen=True, slots=True)
class _Opened:
    """A request whose head was looked at."""

    operation: Operation
    wire: WireRequest
    admitted: Admitted


class _Inbound:
    """Takes the body of a request that is let in, and drops that of one that is not."""

    __slots__ = ("error", "opened", "receiver")

    def __init__(
        self, opened: _Opened | None, receiver: Receiver | None, error: Exception | None
    ) -> None:
        self.opened = opened
        self.receiver = receiver
        self.error = error

    def take(self, part: bytes, source: BodySource) -> None:
        if self.receiver is not None:
            self.receiver.take(part, source)

    def lost(self) -> None:
        if self.receiver is not None:
            self.receiver.lost()


class S3Route:
    """Everything that is for S3."""

    def __init__(
        self,
        s3: S3,
        account: Account,
        access: S3Access,
        authorization: Authorization | None,
        clock: Clock,
        tasks: Tasks,
        endpoint: Callable[[Request], str],
    ) -> None:
        self._s3 = s3
        self._account = account
        self._access = access
        self._permission = S3Permission(authorization)
        self._tasks = tasks
        self._endpoint = endpoint
        self._protocol = RestXml()
        self._posts = Posts(s3, account, access, authorization, clock, endpoint)

    def is_for(self, request: Request) -> bool:
        return is_for_s3(request, self._s3.has_bucket)

    def open_body(self, request: Request) -> _Inbound | FormInbound | None:
        """A sink for bytes that are to be stored; None for what is held whole."""
        if request.method != "PUT":
            return self._posts.open_body(request)
        try:
            opened = self._open(request)
        except (WireError, LambdaError) as error:
            return _Inbound(None, None, error)
        if opened.operation.name not in _WITH_BODY:
            return None
        try:
            return _Inbound(opened, self._receiver(opened), None)
        except (WireError, LambdaError) as error:
            return _Inbound(opened, None, error)

    def handle(self, exchange: Exchange) -> None:
        self._tasks.spawn(self._answer(exchange), name="s3")

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        self._send_error(exchange, S3Error(_REFUSALS.get(refusal, "InvalidRequest")), "", "")

    def _open(self, request: Request) -> _Opened:
        _, path = split_host(request)
        wire = WireRequest(
            method=request.method, path=path, query=request.query, headers=request.headers
        )
        operation = identify(load_service("s3"), wire)
        return _Opened(operation, wire, self._access.admit(request))

    def _receiver(self, opened: _Opened) -> Receiver:
        headers = opened.wire.headers
        expected = parse_expected(headers, bytes_max=PUT_BYTES_MAX)
        form = headers.get("x-amz-content-sha256", "")
        chunks = None
        if form.startswith(_STREAMING):
            signature = opened.admitted.signature
            try:
                chunks = ChunkStream(
                    form,
                    key=opened.admitted.key,
                    prefix=f"{signature.timestamp}\n{signature.scope}" if signature else "",
                    seed=signature.signature if signature else "",
                )
            except PayloadError as error:
                raise S3Error("InvalidArgument", str(error)) from None
        return Receiver(self._s3.bodies, expected, chunks)

    async def _answer(self, exchange: Exchange) -> None:
        request, request_id = exchange.request, new_request_id()
        _, path = split_host(request)
        try:
            await self._run(exchange, request_id)
        except S3Error as error:
            self._send_error(exchange, error, path, request_id)
        except WireError as error:
            code = "InvalidArgument" if error.code == "ValidationException" else error.code
            self._send_error(exchange, S3Error(code, error.message), path, request_id)
        except LambdaError as error:
            self._send_error(exchange, S3Error(error.code, error.message), path, request_id)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # outermost: InternalError to the caller, the cause to us
            if isinstance(error, (PlatformFault, OSError)):
                log.error("%s %s failed: %s", request.method, request.path, error)
            else:
                log.exception("fault in %s %s", request.method, request.path)
            if exchange.answered:
                exchange.abort()
            else:
                self._send_error(exchange, S3Error("InternalError"), path, request_id)

    async def _run(self, exchange: Exchange, request_id: str) -> None:
        request = exchange.request
        form = self._form(request)
        if form is not None:
            await self._posts.answer(exchange, form, request_id)
            return
        call, operation = self._prepare(exchange, request_id)
        handler = self._s3.operations.get(operation.name)
        if handler is None:
            raise S3Error("NotImplemented", f"Lambent does not support {operation.name} yet.")
        for attempt in range(_ATTEMPTS):
            try:
                answer = await handler(call)
            except S3Error as error:
                raise self._permission.hide(call, operation.name, error) from None
            finally:
                if call.receiver is not None:
                    call.receiver.abandon()
            try:
                await self._send(exchange, operation, answer, request_id)
                return
            except FileNotFoundError:  # replaced since it was looked up: look again
                if exchange.answered or attempt == _ATTEMPTS - 1:
                    raise
                log.debug("%s was replaced while it was read", request.path)

    def _form(self, request: Request) -> FormInbound | None:
        """What has taken the form that was posted; None where there is none."""
        if request.sink is not None:
            return request.sink if isinstance(request.sink, FormInbound) else None
        form = self._posts.open_body(request)
        if form is not None:
            form.take_whole(request.body)
        return form

    def _prepare(self, exchange: Exchange, request_id: str) -> tuple[Call, Operation]:
        """The call, its body and its permission. Raises S3Error, WireError, LambdaError."""
        request, sink = exchange.request, exchange.request.sink
        if isinstance(sink, _Inbound):
            if sink.error is not None:
                raise sink.error
            assert sink.opened is not None
            opened, receiver = sink.opened, sink.receiver
        else:
            opened, receiver = self._open(request), None
            if opened.operation.name in _WITH_BODY:
                receiver = self._receiver(opened)
                receiver.take_whole(request.body)
            else:
                _check_hash(request)
                opened.wire.body = request.body
        try:
            return self._call(exchange, opened, receiver, request_id), opened.operation
        except BaseException:
            if receiver is not None:
                receiver.lost()
            raise

    def _call(
        self, exchange: Exchange, opened: _Opened, receiver: Receiver | None, request_id: str
    ) -> Call:
        params = parse_request(load_service("s3"), opened.operation, opened.wire)
        caller = opened.admitted.caller
        refused = self._permission.check(caller, opened.operation.name, params)
        return Call(
            params=params,
            context=RequestContext(
                account=self._account,
                request_id=request_id,
                endpoint=self._endpoint(exchange.request),
                principal=caller.principal,
            ),
            headers=opened.wire.headers,
            receiver=receiver,
            source_ip=exchange.peer,
            caller=caller,
            refused=refused,
        )

    async def _send(
        self, exchange: Exchange, operation: Operation, answer: Answer, request_id: str
    ) -> None:
        response = serialize_response(load_service("s3"), operation, answer.result, request_id)
        headers = [*response.headers, ("x-amz-id-2", request_id), *answer.headers]
        status = answer.status or response.status
        if answer.body is not None:
            await send_download(exchange, status, headers, answer.body, self._s3.bodies)
        elif exchange.request.method == "HEAD":
            exchange.begin(status, _with_length(headers))
            exchange.end()
        else:
            exchange.respond(status, headers, response.body)

    def _send_error(self, exchange: Exchange, error: S3Error, path: str, request_id: str) -> None:
        answer = ErrorAnswer(
            code=error.code,
            status=error.status if error.status != 400 else status_of(error.code),
            sender_fault=error.status < 500,
            shape=None,
            message=error.message,
            members={**error.members, **({"Resource": path} if not error.members else {})},
        )
        response = self._protocol.serialize_error(load_service("s3"), answer, request_id)
        headers = [*response.headers, *error.headers]
        if response.status == 304:
            headers = [item for item in headers if item[0].lower() != "content-type"]
        exchange.respond(response.status, headers, response.body)


def _with_length(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if any(name.lower() == "content-length" for name, _ in headers):
        return headers
    return [*headers, ("content-length", "0")]


def _check_hash(request: Request) -> None:
    """The body that was signed, of what is held whole."""
    declared = request.raw_headers.get(b"x-amz-content-sha256", b"").decode("latin-1")
    if len(declared) == 64 and hashlib.sha256(request.body).hexdigest() != declared:
        raise S3Error(
            "XAmzContentSHA256Mismatch",
            ClientComputedContentSHA256=declared,
            S3ComputedContentSHA256=hashlib.sha256(request.body).hexdigest(),
        )
