"""The Python runtime inside an execution environment: load the handler, then serve invocations.

A zygote imports this module once, calls `preload()` or `preload_sdk()`, and forks; the fork, once
jailed, calls `run(channel, program)`, which never returns. Everything is imported here at the top,
because an import in the fork costs milliseconds of a cold start. What functions can observe (error
payloads, log lines, the context, sys.path) follows AWS's runtime, awslambdaric.

Standard library only; runs on Python 3.8 and newer.
"""

from __future__ import annotations

import atexit
import importlib
import json
import logging
import os
import socket
import struct
import sys
import threading
import time
import traceback
import types
from typing import Any, Callable, Dict, List, NoReturn, Optional, Set, Union

# Top-level inside an environment (/var/runtime); mypy knows the folder as part of a package.
import _lambent_channel as frames  # type: ignore[import-not-found]
import _lambent_context  # type: ignore[import-not-found]
import _lambent_debug  # type: ignore[import-not-found]
import _lambent_logging  # type: ignore[import-not-found]
import _lambent_marshal  # type: ignore[import-not-found]
import _lambent_sdk  # type: ignore[import-not-found]
import _lambent_snapshot  # type: ignore[import-not-found]
import _lambent_stream  # type: ignore[import-not-found]
import _lambent_supervisor  # type: ignore[import-not-found]
import _lambent_wrapped  # type: ignore[import-not-found]

RESPONSE_BYTES_MAX = 6291556  # 6 MiB + 100
REHEARSALS = 8
REQUEST_ID_IN_ERRORS = sys.version_info >= (3, 9)

# AWS prints it before the error that ended an initialisation.
_INIT_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. "
    "However, in rare cases, a Lambda runtime update can cause unexpected function behavior. "
    "For functions using managed runtimes, runtime updates can be triggered by a function change, "
    "or can be applied automatically. To determine if the runtime has been updated, check the "
    "runtime version in the INIT_START log entry. If this error correlates with a change in the "
    "runtime version, you may be able to mitigate this error by temporarily rolling back to the "
    "previous runtime version. For more information, see "
    "https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html"
)

# Length, kind, deadline, then the lengths of request id, trace id, tenant id, qualifier and client
# context.
_INVOKE = struct.Struct("<IBdHHHHI")
# Preloaded, yet a deployment package or layer may bring its own.
_SDK = frozenset({"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"})

_OWN_FILES = (__file__, _lambent_stream.__file__)

Handler = Callable[[Any, Any], Any]


class Fault(Exception):
    """An error that the runtime itself reports, with AWS's name for it."""

    def __init__(self, kind: str, message: str, trace: Optional[List[str]] = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.trace = trace or []


def run_template(channel: socket.socket, program: bytes, forks: Any) -> NoReturn:
    """Initialise, then be forked (SnapStart); the forks serve. `forks`: see guest/template.py."""
    run(channel, program, forks)


def run(
    channel: socket.socket, program: Union[bytes, Dict[str, Any]], forks: Any = None
) -> NoReturn:
    """Initialise as `program` says (see the frames' documentation) and serve; ends the process."""
    status = 1
    link: Optional[frames.Channel] = None
    try:
        settings = program if isinstance(program, dict) else json.loads(program)
        if settings.pop("supervised", False):
            _lambent_supervisor.supervise(
                channel, {"link": "frames"}, lambda frames_end: run(frames_end, settings)
            )
        if "wrapper" in settings:
            _lambent_wrapped.become(channel, settings, __file__)
        link = frames.Channel(channel)
        status = _run(link, channel, settings, forks)
    except SystemExit as leaving:
        status = _exit_status(leaving)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    try:
        atexit._run_exitfuncs()
        if link is not None:
            link.flush()
    except BaseException:
        pass  # the server may be gone; the exit status is what counts
    os._exit(status)


def _run(link: frames.Channel, channel: socket.socket, program: Dict[str, Any], forks: Any) -> int:
    log_format = program.get("log_format") or "Text"
    _take_over_process(program["environment"], link)
    level = program["environment"].get("AWS_LAMBDA_LOG_LEVEL", "")
    logs = _lambent_logging.set_up(link.log, log_format, level)

    def report(error: Dict[str, Any]) -> bytes:
        link.log(_lambent_logging.error_text(error, log_format))
        payload: bytes = _lambent_marshal.dump_result(error)
        return payload

    if "debug" in program:
        _lambent_debug.listen(program["debug"])
    if program.get("ahead") and not link.wait_for_start():
        return 0  # the server let go of it
    try:
        handler = _load_handler(program["handler"])
        if forks is not None:
            channel, program = _lambent_snapshot.take(link, channel, forks)
    except Exception as problem:
        logging.warning(_INIT_WARNING)
        link.post(frames.INIT_ERROR, _bounded_error(report(_error_payload(problem, ""))))
        return 1
    new_context = _lambent_context.context_class(program, link.log)
    link.post(frames.READY, b"")
    _serve(link, channel.recv, handler, new_context, logs, report)
    os._exit(0)  # the server is done with this environment, or gone


# Initialisation


def _take_over_process(environment: Dict[str, str], link: frames.Channel) -> None:
    """Make this process look as AWS's does to the function: variables, streams, paths, modules."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    # Kept: to end Python's own streams would cost more than they take.
    _hidden.extend((sys.stdout, sys.stderr))
    stdout = frames.Stream(link, 1, "<stdout>", "strict")
    stderr = frames.Stream(link, 2, "<stderr>", "backslashreplace")
    sys.stdout = sys.__stdout__ = stdout  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = stderr  # type: ignore[misc]
    task = environment.get("LAMBDA_TASK_ROOT", "/var/task")
    try:
        os.chdir(task)
    except OSError:
        pass  # only without a sandbox; imports will say what is missing
    _set_path(task, environment)
    # The function gets no module through which the channel can be reached by accident, and may
    # have a bootstrap.py of its own; multiprocessing must not run the zygote's program again.
    if getattr(sys.modules.get("bootstrap"), "run", None) is run:
        del sys.modules["bootstrap"]
    _hidden.append(sys.modules.get("__main__"))
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = [__file__]


_hidden: List[Any] = []


def _set_path(task: str, environment: Dict[str, str]) -> None:
    """Order as on AWS: the package, layers, PYTHONPATH, the runtime's modules, Python's own."""
    layer = "/opt/python"
    packages = f"{layer}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    first = [task, packages, layer]
    runtime = environment.get("LAMBDA_RUNTIME_DIR", "/var/runtime")
    extra = [entry for entry in environment.get("PYTHONPATH", "").split(":") if entry]
    path: List[str] = []
    for entry in [*first, *extra, runtime, *sys.path]:
        if entry and entry not in path:
            path.append(entry)
    sys.path[:] = path
    brought: Set[str] = set()
    for entry in first:
        # What the zygote learned of these folders was learned before the code was mounted.
        sys.path_importer_cache.pop(entry, None)
        try:
            brought.update(name.split(".", 1)[0] for name in os.listdir(entry))
        except OSError:
            pass
    if brought & _SDK:
        for name in [name for name in sys.modules if name.split(".", 1)[0] in _SDK]:
            del sys.modules[name]


def _load_handler(name: str) -> Handler:
    """Import the module of `package.module.function` (or `folder/module.function`)."""
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}") from None
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict",
            f"Cannot use built-in module {module_name} as a handler module",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from None
    except SyntaxError as error:
        raise Fault(
            "Runtime.UserCodeSyntaxError",
            f"Syntax error in module '{module_name}': {error}",
            [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'],
        ) from None
    try:
        handler: Handler = getattr(module, function_name)
    except AttributeError:
        raise Fault(
            "Runtime.HandlerNotFound",
            f"Handler '{function_name}' missing on module '{module_name}'",
        ) from None
    return handler


# Invocations


def _serve(
    link: frames.Channel,
    recv: Callable[[int], bytes],
    handler: Handler,
    new_context: Callable[..., Any],
    logs: _lambent_logging.LambdaLoggerHandler,
    report: Callable[[Dict[str, Any]], bytes],
) -> None:
    """Answer one INVOKE after the other until the server closes the channel.

    The hot path of every warm invoke: names are local, and a small frame is one recv and one send.
    """
    unpack, head_bytes, environ = _INVOKE.unpack_from, _INVOKE.size, os.environ
    load_event, dump_result = _lambent_marshal.load_event, _lambent_marshal.dump_result
    post, response_kind = link.post, frames.RESPONSE
    traced = False
    while True:
        data: Any = recv(frames.READ_BYTES)
        if len(data) < head_bytes or unpack(data)[0] + 5 != len(data):
            data = link.complete(data)
            if not data:
                return
        _, kind, deadline, id_end, trace_end, tenant_end, name_end, context_end = unpack(data)
        if kind != frames.INVOKE:
            raise RuntimeError(f"unexpected frame {kind:#x} from the server")
        id_end += head_bytes
        request_id = str(data[head_bytes:id_end], "ascii")
        trace_end += id_end
        tenant_end += trace_end
        name_end += tenant_end
        context_end += name_end
        if trace_end != id_end:
            environ["_X_AMZN_TRACE_ID"] = str(data[id_end:trace_end], "utf-8")
            traced = True
        elif traced:
            environ.pop("_X_AMZN_TRACE_ID", None)
            traced = False
        logs.request_id = request_id
        try:
            event = load_event(data[context_end:])
        except _lambent_marshal.BadEvent as problem:
            post(frames.BAD_EVENT, str(problem).encode("utf-8", "backslashreplace"))
            continue
        try:
            if context_end == trace_end:
                context = new_context(request_id, deadline)
            else:
                tenant = str(data[trace_end:tenant_end], "utf-8") or None
                qualifier = str(data[tenant_end:name_end], "utf-8")
                given = _client_context(data[name_end:context_end])
                context = new_context(request_id, deadline, given, tenant, qualifier)
            result = handler(event, context)
            try:
                body = dump_result(result)
            except Exception as problem:
                if not hasattr(type(result), "__next__"):
                    raise Fault(
                        "Runtime.MarshalError", f"Unable to marshal response: {problem}"
                    ) from None
                body = None  # an iterator: its parts are the response
            if body is None:
                try:
                    complete = _lambent_stream.send(post, result)
                except _lambent_stream.BadPart as problem:
                    raise Fault("Runtime.MarshalError", str(problem)) from None
                if complete:
                    post(frames.STREAM_END, b"")
                else:
                    post(frames.ERROR, _too_large(_lambent_stream.BYTES_MAX))
                result = event = data = context = None
                continue
        except Exception as problem:
            post(frames.ERROR, _bounded_error(report(_error_payload(problem, request_id))))
            del problem
        else:
            if len(body) <= RESPONSE_BYTES_MAX:
                post(response_kind, body)
            else:
                post(frames.ERROR, _too_large(RESPONSE_BYTES_MAX))
            # The next event may be far off: a large result is not kept until then.
            del result, body
        del event, data
        context = None


def _client_context(data: Any) -> Optional[Dict[str, Any]]:
    if not data:
        return None
    try:
        given: Dict[str, Any] = json.loads(bytes(data))
    except Exception as error:
        raise Fault(
            "Runtime.LambdaContextUnmarshalError", f"Unable to parse Client Context JSON: {error}"
        ) from None
    return given


def _too_large(limit: int) -> bytes:
    return json.dumps(
        {
            "errorMessage": "Response payload size exceeded maximum allowed payload size "
            f"({limit} bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }
    ).encode()


def _bounded_error(payload: bytes) -> bytes:
    return payload if len(payload) <= RESPONSE_BYTES_MAX else _too_large(RESPONSE_BYTES_MAX)


# Errors


def _error_payload(problem: Exception, request_id: str) -> Dict[str, Any]:
    """AWS's payload of an error; its keys are in AWS's order."""
    if isinstance(problem, Fault):
        kind, message, trace = problem.kind, problem.message, problem.trace
    else:
        kind, trace = type(problem).__name__, _stack_trace(problem)
        try:
            message = str(problem)
        except Exception:  # the function's own __str__
            message = ""
    payload: Dict[str, Any] = {"errorMessage": message, "errorType": kind}
    if REQUEST_ID_IN_ERRORS:
        payload["requestId"] = request_id
    payload["stackTrace"] = trace
    return payload


def _stack_trace(problem: BaseException) -> List[str]:
    """Formatted lines, outermost first, without the runtime's own frames (if others are left)."""
    found = [
        (frame.filename, frame.lineno or 0, frame.name, frame.line)
        for frame in traceback.extract_tb(problem.__traceback__)
    ]
    own = 0
    while own < len(found) and found[own][0] in _OWN_FILES:
        own += 1
    if own < len(found):
        del found[:own]
    return traceback.format_list(found)


def _exit_status(leaving: SystemExit) -> int:
    """What the interpreter would exit with: None is 0, a number itself, anything else 1."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


# The zygote


def preload() -> None:
    """For functions without the AWS SDK: what many of them import, so that forks share it."""
    for name in _COMMON:
        importlib.import_module(name)
    # What Python learns while it runs (specialised code, cached attributes) it learns here, and
    # not in every fork, where each note of it costs a page.
    for _ in range(REHEARSALS):
        rehearse()


def preload_sdk() -> None:
    """For functions that use the AWS SDK. Its pages make every fork dearer, by 1 to 2 ms."""
    preload()
    try:
        _lambent_sdk.preload()
    except Exception:
        pass  # not installed for this interpreter, or a boto3 that is made differently
    assert threading.active_count() == 1


def rehearse() -> None:
    """Go once through an initialisation and an invocation with nothing at stake.

    For a parked fork: writing to a page that it shares with the zygote costs microseconds, and an
    initialisation writes to some 500 of them (reference counts). Here they are paid for before
    anyone waits. Everything is put back as it was.
    """
    before = (dict(os.environ), sys.path[:], sys.argv, os.getcwd())
    modules = {name: sys.modules.get(name) for name in ("bootstrap", "__main__")}
    streams = (sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__)
    root = logging.getLogger()
    handlers, converter = root.handlers[:], logging.Formatter.converter
    near, far = socket.socketpair()
    try:
        link = frames.Channel(near, forks=False)
        _take_over_process({"TZ": ":UTC"}, link)
        logs = _lambent_logging.set_up(link.log, "Text", "")
        handler = _load_handler("_lambent_rehearsal.handler")
        new_context = _lambent_context.context_class(_REHEARSAL, link.log)
        event = b'{"key": "value"}'
        far.sendall(
            _INVOKE.pack(_INVOKE.size - 5 + 1 + len(event), 1, 0.0, 1, 0, 0, 0, 0) + b"r" + event
        )
        far.shutdown(socket.SHUT_WR)
        link.post(frames.READY, b"")
        _serve(link, near.recv, handler, new_context, logs, _no_report)
    finally:
        near.close()
        far.close()
        logging.Formatter.converter = converter
        root.handlers[:] = handlers
        sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__ = streams  # type: ignore[misc]
        _hidden.clear()
        sys.modules.pop("_lambent_rehearsal", None)
        sys.modules.update({name: module for name, module in modules.items() if module})
        os.environ.clear()
        os.environ.update(before[0])
        sys.path[:], sys.argv = before[1], before[2]
        os.chdir(before[3])


def _no_report(error: Dict[str, Any]) -> bytes:
    return b""


_REHEARSAL = {
    "function_name": "",
    "function_version": "",
    "invoked_function_arn": "",
    "memory_limit_in_mb": 128,
    "log_group_name": "",
    "log_stream_name": "",
}
_COMMON = (
    "base64",
    "contextlib",
    "dataclasses",
    "enum",
    "hashlib",
    "inspect",
    "random",
    "typing",
    "urllib.parse",
    "uuid",
)

if __name__ == "__main__":
    _lambent_wrapped.begin(run)
