"""The API's operations on a control plane of their own, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session

from lambent.api.operations import lambda_operations
from lambent.clock import Clock
from lambent.control.interface import Publisher
from lambent.control.testing import ControlPlane, FakeRetirer, make_zip, running_control
from lambent.domain.errors import LambdaError
from lambent.domain.request import RequestContext
from lambent.policy.principal import root_of

ENDPOINT = "http://127.0.0.1:4566"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
LAYER_ARN = "arn:aws:lambda:us-east-1:000000000000:layer:"
CODE = make_zip({"app.py": "def handler(event, context): return event"})
OTHER_CODE = make_zip({"app.py": "def handler(event, context): return 1"})

_MODEL = get_session().get_service_model("lambda")


class Scene:
    """Calls operations as the gateway does, and checks that each answer fits AWS's model."""

    def __init__(self, control: ControlPlane) -> None:
        self.control = control
        self._operations = lambda_operations(control.plane)

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        context = RequestContext(
            account=self.control.account,
            request_id="request",
            endpoint=ENDPOINT,
            principal=root_of(self.control.account.account_id),
        )
        result = await self._operations[operation](params, context)
        output = _MODEL.operation_model(operation).output_shape
        _fit(result, output, operation)
        return result

    async def create(self, name: str = "f", **params: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "FunctionName": name,
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Code": {"ZipFile": CODE},
        }
        return await self.call("CreateFunction", **{**given, **params})

    async def refused(self, operation: str, **params: Any) -> tuple[str, str]:
        """Code and message of the error."""
        call = self.create(**params) if operation == "CreateFunction" else None
        with pytest.raises(LambdaError) as caught:
            await (call or self.call(operation, **params))
        return caught.value.code, caught.value.message

    async def publish(self, name: str = "l", content: bytes = CODE, **params: Any) -> str:
        """ARN of the new layer version."""
        result = await self.call(
            "PublishLayerVersion", LayerName=name, Content={"ZipFile": content}, **params
        )
        return str(result["LayerVersionArn"])


def _fit(value: Any, shape: Any, where: str) -> None:
    """Fail where an answer has what the model does not know or None for a value."""
    assert value is not None, where
    if shape is not None and shape.type_name == "structure":
        for member, inner in value.items():
            assert member in shape.members or member == "StatusCode", f"{where}.{member}"
            if member in shape.members:
                _fit(inner, shape.members[member], f"{where}.{member}")
    elif shape is not None and shape.type_name == "list":
        for inner in value:
            _fit(inner, shape.member, f"{where}[]")


def play(
    folder: Path,
    act: Callable[[Scene], Awaitable[None]],
    *,
    publisher: Publisher | None = None,
    clock: Clock | None = None,
    retirer: FakeRetirer | None = None,
) -> None:
    """Run one act on the state in `folder`."""

    async def main() -> None:
        async with running_control(
            folder, publisher=publisher, clock=clock, retirer=retirer
        ) as control:
            await act(Scene(control))

    asyncio.run(main())
