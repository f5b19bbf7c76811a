"""Logging as AWS's Python runtime sets it up, and the log line of an error.

The forms are observable behaviour of awslambdaric: the text format, the keys of the JSON format and
the no-break spaces that indent a stack trace (they keep CloudWatch from trimming it).
"""

from __future__ import annotations

import datetime
import json
import logging
import time
import traceback
from typing import Any, Callable, Dict

TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
_INDENT = "\u00a0"

# What a LogRecord has by itself; anything else was given as `extra` and becomes a JSON key.
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {
    "aws_request_id",
    "tenant_id",
    "taskName",
    "_frame_type",
}


class LambdaLoggerHandler(logging.Handler):
    """The root logger's handler: one record, one log event."""

    def __init__(self) -> None:
        super().__init__()
        self.log: Callable[[str], None]
        """Takes each event; set before there can be one."""
        self.request_id = ""
        """The running invocation; a slot to set, cheaper than a filter for each invocation."""

    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = self.request_id
        try:
            text = self.format(record)
        except Exception:
            self.handleError(record)
            return
        self.log(text)


class JsonFormatter(logging.Formatter):
    """AWS's JSON log format: one object a line, keys without a value left out."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info if record.exc_info and record.exc_info[0] else None
        level = min(50, max(0, record.levelno)) // 10 * 10
        fields: Dict[str, Any] = {
            "timestamp": timestamp(record.created),
            "level": logging.getLevelName(level),
            "message": record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(error[2]) if error else None,
            "errorType": error[0].__name__ if error and error[0] else None,
            "errorMessage": str(error[1]) if error else None,
            "requestId": getattr(record, "aws_request_id", None),
            "location": (f"{record.pathname}:{record.funcName}:{record.lineno}" if error else None),
        }
        for key, value in vars(record).items():
            if key not in _OWN_FIELDS and key not in fields:
                fields[key] = value
        kept = {key: value for key, value in fields.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False, default=str) + "\n"


# Made in the zygote: in a fork they would cost writing to thirty pages.
_HANDLER = LambdaLoggerHandler()
_TEXT = logging.Formatter(TEXT_FORMAT, TIME_FORMAT)
_JSON = JsonFormatter()


def set_up(log: Callable[[str], None], log_format: str, level: str) -> LambdaLoggerHandler:
    """Give the root logger its handler; `level` as in AWS_LAMBDA_LOG_LEVEL, empty for Python's."""
    logging.Formatter.converter = time.gmtime
    handler = _HANDLER
    handler.log, handler.request_id = log, ""
    handler.setFormatter(_JSON if log_format.upper() == "JSON" else _TEXT)
    root = logging.getLogger()
    name = "DEBUG" if level.upper() == "TRACE" else level.upper()
    if name in logging._nameToLevel:
        root.setLevel(name)
    root.addHandler(handler)
    return handler


def timestamp(epoch_s: float) -> str:
    """UTC with milliseconds, as in the JSON format."""
    moment = datetime.datetime.fromtimestamp(epoch_s, datetime.timezone.utc)
    return f"{moment.strftime(TIME_FORMAT)}.{moment.microsecond // 1000:03d}Z"


def error_text(error: Dict[str, Any], log_format: str) -> str:
    """The log event of an error payload, in the function's log format."""
    if log_format.upper() == "JSON":
        fields = {"timestamp": timestamp(time.time()), "level": "ERROR"}
        fields.update(error)
        return json.dumps(fields, ensure_ascii=False)
    lines = [_headline(error["errorType"], error["errorMessage"])]
    lines.append("Traceback (most recent call last):")
    for entry in error["stackTrace"]:
        lines.extend(_indented(line) for line in entry.splitlines() or [""])
    return "\n".join(lines)


def _headline(kind: str, message: str) -> str:
    return " ".join(part for part in ("[ERROR]", f"{kind}:" if message else kind, message) if part)


def _indented(line: str) -> str:
    text = line.lstrip(" ")
    return _INDENT * (len(line) - len(text)) + text
