"""The `context` that a handler gets: the attributes and the text form of AWS's.

Plain attributes, not properties: functions print `vars(context)` and set attributes of their own.
"""

from __future__ import annotations

import time
from typing import Any, Callable, ClassVar, Dict, Optional, Tuple


class _Record:
    """Attributes named by `_fields`, None where nothing was given; prints them in that order."""

    __slots__ = ()
    _fields: ClassVar[Tuple[str, ...]] = ()

    def __init__(self, values: Dict[str, Any]) -> None:
        for name in self._fields:
            setattr(self, name, values.get(name))

    def __repr__(self) -> str:
        fields = ",".join(f"{name}={getattr(self, name)}" for name in self._fields)
        return f"{type(self).__name__}([{fields}])"


class CognitoIdentity(_Record):
    """Who called, where a mobile application did; Lambent's callers have none."""

    _fields = ("cognito_identity_id", "cognito_identity_pool_id")
    __slots__ = _fields


class Client(_Record):
    """The mobile application that called."""

    _fields = (
        "installation_id",
        "app_title",
        "app_version_name",
        "app_version_code",
        "app_package_name",
    )
    __slots__ = _fields


class ClientContext(_Record):
    """What the caller sent in X-Amz-Client-Context."""

    _fields = ("custom", "env", "client")
    __slots__ = _fields

    def __init__(self, values: Dict[str, Any]) -> None:
        client = values.get("client")
        super().__init__({**values, "client": None if client is None else Client(client)})


_NO_IDENTITY: Dict[str, Any] = {}
_REPR = (
    "aws_request_id",
    "log_group_name",
    "log_stream_name",
    "function_name",
    "memory_limit_in_mb",
    "function_version",
    "invoked_function_arn",
    "client_context",
    "identity",
    "tenant_id",
)


class LambdaContext:
    """One invocation, as the handler sees it."""

    # Set once for the environment by `context_class`; copied to each instance for `vars()`.
    _function: ClassVar[Dict[str, Any]] = {}
    _log: Callable[[str], None]

    def __init__(
        self,
        request_id: str,
        deadline_epoch_s: float,
        client_context: Optional[Dict[str, Any]] = None,
        tenant_id: Optional[str] = None,
        qualifier: str = "",
    ) -> None:
        self.aws_request_id = request_id
        self.__dict__.update(self._function)
        if qualifier:
            self.invoked_function_arn = f"{self._function['invoked_function_arn']}:{qualifier}"
        self.tenant_id = tenant_id
        self.client_context = None if client_context is None else ClientContext(client_context)
        self.identity = CognitoIdentity(_NO_IDENTITY)
        self._epoch_deadline_time_in_ms = int(deadline_epoch_s * 1000)

    def get_remaining_time_in_millis(self) -> int:
        remaining = self._epoch_deadline_time_in_ms - int(time.time() * 1000)
        return remaining if remaining > 0 else 0

    def log(self, message: object) -> None:
        """Write a log event as it is, without level or time."""
        type(self)._log(str(message))

    def __repr__(self) -> str:
        fields = ",".join(f"{name}={getattr(self, name)}" for name in _REPR)
        return f"LambdaContext([{fields}])"


def context_class(program: Dict[str, Any], log: Callable[[str], None]) -> Callable[..., Any]:
    """The class of this environment's contexts; `program` names the function, `log` sends text."""
    names = (
        "log_group_name",
        "log_stream_name",
        "function_name",
        "memory_limit_in_mb",
        "function_version",
        "invoked_function_arn",
    )
    function = {name: program.get(name) for name in names}
    if function["memory_limit_in_mb"] is not None:
        function["memory_limit_in_mb"] = str(function["memory_limit_in_mb"])  # text on AWS
    body = {"_function": function, "_log": staticmethod(log), "__module__": __name__}
    return type("LambdaContext", (LambdaContext,), body)
