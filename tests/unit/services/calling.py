"""Calling handlers as the gateway does: parameters in, a result that fits botocore's model out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
import pytest

from lambent.domain.arns import Account
from lambent.domain.errors import LambdaError
from lambent.domain.request import Handler, RequestContext
from lambent.policy.principal import root_of

CONTEXT = RequestContext(
    account=Account(),
    request_id="r",
    endpoint="http://127.0.0.1:4566",
    principal=root_of("000000000000"),
)
_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "long": int,
    "boolean": bool,
    "timestamp": (datetime, float),
}


class Caller:
    """One service's operations; every result is checked against its modelled shape."""

    def __init__(self, service: str, operations: Mapping[str, Handler]) -> None:
        self._model = _load(service)
        self._operations = operations
        assert set(operations) <= set(self._model.operation_names)

    async def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        model = self._model.operation_model(operation)
        assert set(params) <= set(model.input_shape.members if model.input_shape else {})
        result = await self._operations[operation](params, CONTEXT)
        if model.output_shape is None:
            assert result == {}
        else:
            check_shape(model.output_shape, result, operation)
        return result

    async def refused(self, operation: str, **params: Any) -> tuple[str, str]:
        """(code, message) of the error that the call must raise."""
        with pytest.raises(LambdaError) as raised:
            await self(operation, **params)
        return raised.value.code, raised.value.message


def check_shape(shape: Any, value: Any, path: str) -> None:
    """Fails where `value` is not what botocore would hand to a caller."""
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{path}: {unknown} not in {shape.name}"
        assert set(shape.required_members) <= set(value), path
        for name, item in value.items():
            check_shape(shape.members[name], item, f"{path}.{name}")
    elif shape.type_name == "map":
        for item in value.values():
            check_shape(shape.value, item, f"{path}{{}}")
    elif shape.type_name == "list":
        assert isinstance(value, list), path
        for item in value:
            check_shape(shape.member, item, f"{path}[]")
    else:
        assert isinstance(value, _KINDS[shape.type_name]), f"{path}: {value!r}"


@cache
def _load(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)
