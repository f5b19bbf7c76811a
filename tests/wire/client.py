"""botocore's half of the wire: its serialiser and its parser, without a session."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict

from lambent.wire import WireRequest, WireResponse

Model = botocore.model.ServiceModel


@functools.cache
def service_model(name: str) -> Any:
    loader = botocore.loaders.Loader()
    return Model(loader.load_service_model(name, "service-2"), name)


def send(name: str, operation: str, params: Mapping[str, Any]) -> WireRequest:
    """The request that botocore makes for `params`, as our HTTP server hands it on."""
    model = service_model(name)
    serializer = botocore.serialize.create_serializer(model.protocol, include_validation=True)
    draft = serializer.serialize_to_request(params, model.operation_model(operation))
    prepare_request_dict(draft, endpoint_url="http://127.0.0.1:4566")
    prepared = create_request_object(draft).prepare()
    url = urlsplit(prepared.url)
    body = prepared.body or b""
    return WireRequest(
        method=prepared.method,
        path=url.path,
        query=url.query,
        headers={key.lower(): _text(value) for key, value in prepared.headers.items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def receive(name: str, shape: Any, response: WireResponse, *, streams: bool = False) -> Any:
    """What botocore reads from `response`; `streams`: its payload is left to be read."""
    parser = botocore.parsers.create_parser(service_model(name).protocol)
    body = io.BytesIO(response.body) if streams else response.body
    answer = {
        "status_code": response.status,
        "headers": HeadersDict(response.headers),
        "body": body,
    }
    return parser.parse(answer, shape)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
