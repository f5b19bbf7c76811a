"""The public port: which service a request is for, its answer, and every error in AWS's form.

Invoke has a path of its own (`invoke_route`), without tasks; all other calls are parsed, run and
serialised by botocore's models.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial

from lambent.domain import limits
from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError, PlatformFault, not_supported
from lambent.domain.ids import new_request_id
from lambent.domain.request import Handler, RequestContext, StreamHandler
from lambent.gateway.access import Access
from lambent.gateway.event_stream_answer import send_events
from lambent.gateway.invoke_route import InvokeRoute
from lambent.gateway.invoke_streaming_route import InvokeStreamingRoute
from lambent.gateway.local import LocalRoutes
from lambent.gateway.routing import choose_protocol, identify_service
from lambent.gateway.s3_route import S3Route
from lambent.gateway.sns_requests import CERTIFICATES, answer_certificate, is_by_link
from lambent.gateway.url_route import UrlRoute, is_for_url
from lambent.http.exchange import Exchange
from lambent.http.message import BodySink, Refusal, Request
from lambent.policy.principal import ANONYMOUS
from lambent.services.iam.directory import Caller
from lambent.tasks import Tasks
from lambent.wire import (
    Operation,
    Service,
    WireError,
    WireRequest,
    WireResponse,
    identify,
    load_service,
    parse_request,
    serialize_error,
    serialize_response,
)

log = logging.getLogger("lambent")

REFUSALS = {
    Refusal.MALFORMED: (400, b'{"message":"The request could not be parsed as HTTP/1.1."}'),
    Refusal.HEADERS_TOO_LARGE: (431, b'{"message":"Request header fields too large."}'),
    Refusal.BUSY: (429, b'{"message":"Too much is being uploaded at once. Try again later."}'),
    Refusal.TOO_SLOW: (408, b'{"message":"The request did not arrive in time."}'),
}
SMALL_BODY_BYTES_MAX = limits.SYNC_REQUEST_BYTES_MAX + 64 * 1024
PARSE_INLINE_BYTES_MAX = 256 * 1024
STREAMING_SUFFIX = InvokeStreamingRoute.suffix
CALLS_S_MAX = 20.0
"""How long the end of the server waits for calls that are under way."""
CODE_PATHS = ("/functions", "/code", "/versions")


class Gateway:
    """Answers whatever comes over HTTP."""

    def __init__(
        self,
        *,
        account: Account,
        access: Access,
        operations: Mapping[str, Mapping[str, Handler]],
        streams: Mapping[str, Mapping[str, StreamHandler]],
        invoke: InvokeRoute,
        invoke_streaming: InvokeRoute,
        urls: UrlRoute,
        local: LocalRoutes,
        certificate: Callable[[str], str | None],
        s3: S3Route,
        tasks: Tasks,
        endpoint: Callable[[Request], str],
    ) -> None:
        self._account = account
        self._access = access
        self._operations = operations
        self._streams = streams
        self._invoke = invoke
        self._invoke_streaming = invoke_streaming
        self._urls = urls
        self._local = local
        self._certificate = certificate
        self._s3 = s3
        self._tasks = tasks
        self._endpoint = endpoint
        self._calls: set[asyncio.Task[None]] = set()
        """Modelled calls under way."""

    async def answered(self) -> None:
        """Returns when no modelled call is under way any more, or when that lasts too long."""
        if self._calls:
            await asyncio.wait(self._calls, timeout=CALLS_S_MAX)

    # http.Application

    def body_limit(self, method: str, path: str) -> int:
        """Code uploads may be large, everything else holds a payload at most."""
        if path.endswith(CODE_PATHS):
            return limits.BODY_BYTES_MAX
        return SMALL_BODY_BYTES_MAX

    def open_body(self, request: Request) -> BodySink | None:
        if is_for_url(request) or not self._s3.is_for(request):
            return None
        return self._s3.open_body(request)

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        try:
            if is_for_url(request):
                self._urls.handle(exchange)
            elif request.method == "POST" and is_invoke(request.path, "/invocations"):
                self._invoke.handle(exchange)
            elif request.method == "POST" and is_invoke(request.path, STREAMING_SUFFIX):
                self._invoke_streaming.handle(exchange)
            elif self._s3.is_for(request):
                self._s3.handle(exchange)
            elif request.path.startswith("/_"):
                self._tasks.spawn(self._answer_local(exchange), name="local")
            elif request.path.startswith(CERTIFICATES):
                answer_certificate(exchange, self._certificate(request.path))
            else:
                call = self._tasks.spawn(self._answer(exchange), name=request.path)
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
        except Exception:  # a fault of ours must cost one answer, not the connection's protocol
            log.exception("fault while routing %s %s", request.method, request.path)
            respond_fault(exchange)

    def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        if not is_for_url(exchange.request) and self._s3.is_for(exchange.request):
            self._s3.refuse(exchange, refusal)
            return
        if refusal is Refusal.BODY_TOO_LARGE:
            if is_for_url(exchange.request):
                self._urls.refuse_body(exchange)
            else:
                self._refuse_body(exchange)
            return
        status, body = REFUSALS[refusal]
        headers = (("content-type", "application/json"), ("x-amzn-requestid", new_request_id()))
        exchange.respond(status, headers, body)

    # One modelled call

    async def _answer(self, exchange: Exchange) -> None:
        request = exchange.request
        request_id = new_request_id()
        try:
            name = identify_service(request)
            service = load_service(name, choose_protocol(name, request))
        except LambdaError as error:
            lambda_service = load_service("lambda")
            send(exchange, _serialize_lambda_error(lambda_service, None, error, request_id))
            return
        operation: Operation | None = None
        try:
            wire_request = to_wire(request)
            operation = identify(service, wire_request)
            handler = self._operations.get(service.name, {}).get(operation.name)
            stream = self._streams.get(service.name, {}).get(operation.name)
            if handler is None and stream is None:
                raise not_supported(f"the operation {service.name}:{operation.name}")
            by_link = is_by_link(request, service.name, operation.name)
            caller = Caller(ANONYMOUS) if by_link else await self._admit(request, service.name)
            wire_request.body = request.body  # without the frames of a chunked one
            if len(request.body) > PARSE_INLINE_BYTES_MAX:  # a large package would stall the loop
                parameters = await asyncio.to_thread(
                    parse_request, service, operation, wire_request
                )
            else:
                parameters = parse_request(service, operation, wire_request)
            context = RequestContext(
                account=self._account,
                request_id=request_id,
                endpoint=self._endpoint(request),
                principal=caller.principal,
                trace=request.headers.get("x-amzn-trace-id", ""),
                on_disconnect=partial(setattr, exchange, "on_disconnect"),
            )
            if not by_link:
                self._access.authorize(caller, service.name, operation.name, parameters)
            if stream is not None:
                events = await stream(parameters, context)
                await send_events(exchange, operation, events, request_id)
                return
            assert handler is not None
            result = await handler(parameters, context)
            response = serialize_response(service, operation, result, request_id)
        except WireError as error:
            response = serialize_error(
                service, operation, error.code, error.message, {}, request_id
            )
        except LambdaError as error:
            response = _serialize_lambda_error(service, operation, error, request_id)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # outermost: ServiceException to the caller, the cause to us
            response = self._fault(service, operation, error, request_id)
        send(exchange, response)

    async def _admit(self, request: Request, service: str) -> Caller:
        """Who calls. The hash of a large package would stall the loop."""
        if len(request.body) > PARSE_INLINE_BYTES_MAX:
            return await asyncio.to_thread(self._access.admit, request, service)
        return self._access.admit(request, service)

    async def _answer_local(self, exchange: Exchange) -> None:
        try:
            await self._local.handle(exchange)
        except Exception:  # outermost: as above
            log.exception("fault in %s", exchange.request.path)
            respond_fault(exchange)

    def _fault(
        self, service: Service, operation: Operation | None, error: Exception, request_id: str
    ) -> WireResponse:
        name = operation.name if operation else "an unknown operation"
        if isinstance(error, PlatformFault):
            log.error("%s:%s failed: %s", service.name, name, error)
        else:
            log.error("fault in %s:%s", service.name, name, exc_info=error)
        return serialize_error(
            service,
            operation,
            "ServiceException",
            "Lambent met an internal error; its log has the cause.",
            {"Type": "Service"},
            request_id,
        )

    def _refuse_body(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.path.endswith("/functions"):
            limit, name = limits.CREATE_FUNCTION_BODY_BYTES_MAX, "CreateFunction"
        elif request.path.endswith("/code"):
            limit, name = limits.CREATE_FUNCTION_BODY_BYTES_MAX, "UpdateFunctionCode"
        elif request.path.endswith("/versions"):
            limit, name = limits.CREATE_FUNCTION_BODY_BYTES_MAX, "PublishLayerVersion"
        elif request.path.endswith(("/invocations", STREAMING_SUFFIX)):
            limit, name = limits.SYNC_REQUEST_BYTES_MAX, "InvokeFunction"
        else:
            limit, name = SMALL_BODY_BYTES_MAX, "requested"
        send(
            exchange,
            serialize_error(
                load_service("lambda"),
                None,
                "RequestEntityTooLargeException",
                f"Request must be smaller than {limit} bytes for the {name} operation",
                {},
                new_request_id(),
            ),
        )


def _serialize_lambda_error(
    service: Service, operation: Operation | None, error: LambdaError, request_id: str
) -> WireResponse:
    return serialize_error(service, operation, error.code, error.message, error.members, request_id)


def is_invoke(path: str, suffix: str) -> bool:
    """Not an object of S3 whose key ends so."""
    return path.endswith(suffix) and path.startswith("/20")


def to_wire(request: Request) -> WireRequest:
    return WireRequest(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=request.body,
    )


def send(exchange: Exchange, response: WireResponse) -> None:
    exchange.respond(response.status, response.headers, response.body)


def respond_fault(exchange: Exchange) -> None:
    exchange.respond(
        500,
        (
            ("content-type", "application/json"),
            ("x-amzn-errortype", "ServiceException"),
            ("x-amzn-requestid", new_request_id()),
        ),
        b'{"Type":"Service","Message":"Lambent met an internal error; its log has the cause."}',
    )
