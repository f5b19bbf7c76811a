"""PostObject: a form of a browser as an operation of S3."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

from lambent.clock import Clock
from lambent.domain.arns import Account
from lambent.domain.request import RequestContext
from lambent.gateway.authorization import Authorization
from lambent.gateway.s3_access import S3Access
from lambent.gateway.s3_form import Form, FormInbound, answer_of, boundary_of, params_of
from lambent.gateway.s3_host import split_host
from lambent.http.exchange import Exchange
from lambent.http.message import Request
from lambent.services.s3 import S3
from lambent.services.s3.calls import Call
from lambent.services.s3.post_policy import check_policy
from lambent.services.s3.receive import Receiver, parse_expected

POST_BYTES_MAX = 5 * 1024**3  # S3 User Guide, "Uploading objects"


class Posts:
    """Forms that are posted to a bucket."""

    def __init__(
        self,
        s3: S3,
        account: Account,
        access: S3Access,
        authorization: Authorization | None,
        clock: Clock,
        endpoint: Callable[[Request], str],
    ) -> None:
        self._s3 = s3
        self._account = account
        self._access = access
        self._authorization = authorization
        self._clock = clock
        self._endpoint = endpoint

    def open_body(self, request: Request) -> FormInbound | None:
        """What takes the form; None where the request is none."""
        boundary = boundary_of(request)
        if boundary is None:
            return None
        bucket, _, key = split_host(request)[1][1:].partition("/")
        if key or not bucket:
            return None
        return FormInbound(boundary, partial(self._admit, bucket))

    def _admit(self, bucket: str, fields: Mapping[str, str]) -> Form:
        """Raises LambdaError."""
        caller = self._access.admit_form(fields)
        self._s3.state.bucket(bucket)
        least, most = 0, POST_BYTES_MAX
        if "policy" in fields:
            least, most = check_policy(fields, bucket, self._clock.wall_s(), POST_BYTES_MAX)
        if self._authorization is not None:
            params = params_of(fields, bucket, "")
            self._authorization.check(caller, "s3", "PutObject", params)
        expected = parse_expected(fields, bytes_max=most)
        receiver = Receiver(self._s3.bodies, replace(expected, sha256="", size=None), None)
        return Form(caller=caller, receiver=receiver, least=least)

    async def answer(self, exchange: Exchange, inbound: FormInbound, request_id: str) -> None:
        """Raises S3Error."""
        try:
            form = inbound.end()
            await self._put(exchange, inbound, form, request_id)
        finally:
            if inbound.form is not None:
                inbound.form.receiver.abandon()

    async def _put(
        self, exchange: Exchange, inbound: FormInbound, form: Form, request_id: str
    ) -> None:
        request, fields = exchange.request, inbound.stream.fields
        bucket = split_host(request)[1][1:].partition("/")[0]
        endpoint = self._endpoint(request)
        call = Call(
            params=params_of(fields, bucket, inbound.stream.filename),
            context=RequestContext(
                account=self._account,
                request_id=request_id,
                endpoint=endpoint,
                principal=form.caller.principal,
            ),
            headers={},
            receiver=form.receiver,
            source_ip=exchange.peer,
        )
        answer = await self._s3.objects.put(call, event="ObjectCreated:Post", least=form.least)
        result, location = answer.result, f"{endpoint}/{bucket}/{quote(call.key)}"
        status, headers, body = answer_of(fields, location, bucket, call.key, result["ETag"])
        told = [("x-amz-request-id", request_id), ("x-amz-id-2", request_id), *headers]
        if result.get("VersionId"):
            told.append(("x-amz-version-id", result["VersionId"]))
        exchange.respond(status, told, body)
