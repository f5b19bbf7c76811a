"""What the tests of this folder saw the API answer, and what they say cannot be seen.

Each test of an operation talks through a client that `recording` made. When all have run,
`test_zz_coverage` holds what was seen against AWS's model: every operation must have succeeded
once, and each error that the model gives it must have been answered once, or be excused: for all
operations in EXCUSED, for one operation in the `CANNOT_OCCUR` of a test module, with the reason.
"""

from __future__ import annotations

from typing import Any

SUCCESS = "success"

SEEN: set[tuple[str, str]] = set()
"""(operation, error code or SUCCESS)."""

EXCUSED = {
    "ServiceException": "a fault of Lambent's own; tests/system/test_other_errors.py makes one",
    "TooManyRequestsException": "Lambent does not throttle callers of the control plane",
}
"""Error code → why no test of one operation can show it."""

THROTTLED_OPERATIONS = frozenset({"Invoke", "InvokeWithResponseStream", "InvokeAsync"})
"""Those that EXCUSED does not excuse from TooManyRequestsException."""


def recording(client: Any) -> Any:
    """The client, with all that it is answered noted in SEEN."""

    def note(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        code = (
            parsed.get("Error", {}).get("Code", SUCCESS)
            if http_response.status_code >= 300
            else SUCCESS
        )
        SEEN.add((model.name, code))

    client.meta.events.register("after-call.lambda", note)
    return client
