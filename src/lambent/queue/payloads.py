"""What an event may be: JSON, up to a size."""

from __future__ import annotations

import json

from lambent.domain.errors import LambdaError


def check_event(body: bytes, bytes_max: int, operation: str) -> None:
    """Raise unless `body` is empty, or JSON of at most `bytes_max`.

    Source of the first text: [LS]; what follows the colon in the second is unverified.
    """
    if len(body) > bytes_max:
        raise LambdaError(
            "RequestTooLargeException",
            f"Request must be smaller than {bytes_max} bytes for the {operation} operation",
            Type="User",
        )
    try:
        if body:
            json.loads(body)
    except (ValueError, RecursionError) as error:
        raise LambdaError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: {error}",
            Type="User",
        ) from None
