"""What the tests of this folder read of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, int, str]:
    """The code, status and message with which the call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error, meta = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    return error["Code"], meta["HTTPStatusCode"], error["Message"]
