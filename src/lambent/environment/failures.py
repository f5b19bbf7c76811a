"""The payloads of invocations that ended without an answer.

Texts: facts, 'Function error payloads'.
"""

from __future__ import annotations

import json
import signal as signals

from lambent.domain.errors import FunctionError, LambdaError
from lambent.domain.limits import RESPONSE_BYTES_MAX, STREAM_BYTES_MAX
from lambent.sandbox.interface import SandboxExit

# Go's names, which Lambda's own agent prints; others fall back to the number.
_SIGNAL_TEXTS: dict[int, str] = {
    signals.SIGHUP: "hangup",
    signals.SIGINT: "interrupt",
    signals.SIGQUIT: "quit",
    signals.SIGILL: "illegal instruction",
    signals.SIGTRAP: "trace/breakpoint trap",
    signals.SIGABRT: "aborted",
    signals.SIGBUS: "bus error",
    signals.SIGFPE: "floating point exception",
    signals.SIGKILL: "killed",
    signals.SIGSEGV: "segmentation fault",
    signals.SIGPIPE: "broken pipe",
    signals.SIGALRM: "alarm clock",
    signals.SIGTERM: "terminated",
}


def _too_large(limit: int) -> FunctionError:
    return FunctionError(
        payload=json.dumps(
            {
                "errorMessage": "Response payload size exceeded maximum allowed payload size "
                f"({limit} bytes).",
                "errorType": "Function.ResponseSizeTooLarge",
            },
            separators=(",", ":"),
        ).encode(),
        error_type="Function.ResponseSizeTooLarge",
    )


RESPONSE_TOO_LARGE = _too_large(RESPONSE_BYTES_MAX)
STREAM_TOO_LARGE = _too_large(STREAM_BYTES_MAX)
"""Its type as RIE has it; the text with this number is unverified."""


def _ended(error_type: str, message: str) -> FunctionError:
    payload = json.dumps(
        {"errorType": error_type, "errorMessage": message}, separators=(",", ":")
    ).encode()
    return FunctionError(payload=payload, error_type=error_type)


def timed_out(request_id: str, timeout_s: float) -> FunctionError:
    return _ended(
        "Sandbox.Timedout",
        f"RequestId: {request_id} Error: Task timed out after {timeout_s:.2f} seconds",
    )


def describe_exit(end: SandboxExit) -> str:
    """How AWS words the end of a runtime process."""
    if end.signal is not None:
        text = _SIGNAL_TEXTS.get(end.signal, f"signal {end.signal}")
        return f"Runtime exited with error: signal: {text}"
    if end.code:
        return f"Runtime exited with error: exit status {end.code}"
    return "Runtime exited without providing a reason"


def describe_process_exit(end: SandboxExit) -> str:
    """How AWS words the end of an extension's process ("exit code 0": DataDog/datadog-lambda-
    extension#263); of a signal unverified."""
    if end.signal is not None:
        return f"signal: {_SIGNAL_TEXTS.get(end.signal, f'signal {end.signal}')}"
    return f"exit status {end.code}" if end.code else "exit code 0"


def of_extension(error_type: str, text: str, request_id: str) -> FunctionError:
    return _ended(error_type, f"RequestId: {request_id} Error: {text}")


def exited(request_id: str, end: SandboxExit) -> FunctionError:
    error_type = "Runtime.OutOfMemory" if end.out_of_memory else "Runtime.ExitError"
    if end.out_of_memory:
        end = SandboxExit(code=None, signal=signals.SIGKILL, out_of_memory=True)
    return _ended(error_type, f"RequestId: {request_id} Error: {describe_exit(end)}")


def sandbox_failed(request_id: str) -> FunctionError:
    return _ended(
        "Sandbox.Failure", f"RequestId: {request_id} Error: the sandbox could not be started"
    )


def from_payload(payload: bytes) -> FunctionError:
    """An error as the runtime reported it; its type for the log where it names one."""
    try:
        error_type = str(json.loads(payload).get("errorType", "Unhandled"))
    except (ValueError, AttributeError):
        error_type = "Unhandled"
    return FunctionError(payload=payload, error_type=error_type)


def of_init(payload: bytes, request_id: str) -> FunctionError:
    """As from_payload; the request is named where it was our own agent that could not start it."""
    error = from_payload(payload)
    if error.error_type == "Runtime.InvalidEntrypoint":
        try:
            text = str(json.loads(payload).get("errorMessage", ""))
        except ValueError:
            return error
        return _ended(error.error_type, f"RequestId: {request_id} Error: {text}")
    return error


def type_of(error: FunctionError | LambdaError) -> str:
    """What the log calls it."""
    return error.code if isinstance(error, LambdaError) else error.error_type


def logged_type(error: FunctionError | LambdaError | None) -> str | None:
    """What REPORT calls it: only what was the function's."""
    return error.error_type if isinstance(error, FunctionError) else None


def no_sandbox(error: Exception, request_id: str) -> FunctionError | LambdaError:
    """What an invocation is answered where none could be had; AWS's error where it is that."""
    return error if isinstance(error, LambdaError) else sandbox_failed(request_id)
