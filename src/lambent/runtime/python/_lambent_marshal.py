"""Event bytes to Python values and a handler's result to bytes, as awslambdaric does both.

AWS's runtime encodes with simplejson: Decimal becomes a number, nested bytes become text, NaN is
let through, and before Python 3.12 everything but ASCII is escaped. The scanner and the encoder of
`json` are built once and called directly: `json.loads` and `json.dumps` make them for each call.
One difference is left: simplejson writes a namedtuple as an object, `json` as an array.
"""

from __future__ import annotations

import decimal
import json
import json.encoder
import math
import os
import re
import sys
from typing import Any, Callable, Dict, List, Tuple

ENSURE_ASCII = sys.version_info < (3, 12)


class BadEvent(Exception):
    """The event is not JSON; the text says why."""


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"Non-standard token '{name}'")


_decoder: Any = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Callable[[str, int], Tuple[Any, int]] = _decoder.scan_once


def load_event(data: Any) -> Any:
    """Parse an event (bytes or memoryview; none at all is `{}`). Raises BadEvent."""
    try:
        text = str(data, "utf-8")
        try:
            value, end = _scan(text, 0)
        except StopIteration:
            end = -1
        if end != len(text):  # white space around it, or not JSON at all
            value = _decoder.decode(text) if text else {}
    except UnicodeDecodeError as error:
        reason = f"Invalid UTF-8 start byte 0x{error.object[error.start]:x}"
    except (ValueError, RecursionError) as error:
        reason = str(error)
    else:
        return value
    raise BadEvent(
        f"Could not parse request body into json: Could not parse payload into json: {reason}"
    )


# A Decimal is encoded as this mark and its digits in quotes; `_unmark` takes mark and quotes off.
_MARK = "decimal-" + os.urandom(16).hex() + ":"
_marked = re.compile('"' + _MARK + '([^"]*)"')


class _State:
    """Whether the result being encoded holds a Decimal."""

    __slots__ = ("decimals",)

    def __init__(self) -> None:
        self.decimals = False


_state = _State()


def _default(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        if value.is_nan():
            return math.nan
        _state.decimals = True
        return _MARK + str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_circular: Dict[int, Any] = {}


def _make_encoder(ensure_ascii: bool) -> Callable[[Any], str]:
    plain = json.JSONEncoder(ensure_ascii=ensure_ascii, default=_default)
    quote = getattr(json.encoder, "encode_basestring" + ("_ascii" if ensure_ascii else ""))
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    join = "".join
    try:
        encode = make(_circular, _default, quote, None, ": ", ", ", False, False, True)
        probe = {"a": [1, "\u00e9", None, 1.5, decimal.Decimal(2)], "b": ()}
        if join(encode(probe, 0)) != plain.encode(probe):
            raise TypeError("the encoder of this Python is another one")
    except TypeError:  # another implementation of Python, or a later one that changed it
        return plain.encode
    return lambda value: join(encode(value, 0))


_encode = _make_encoder(ENSURE_ASCII)
_encode_ascii = _encode if ENSURE_ASCII else _make_encoder(True)
_state.decimals = False


def dump_result(value: Any) -> bytes:
    """Encode a handler's result; bytes pass as they are. Raises whatever cannot be encoded."""
    if isinstance(value, bytes):
        return value
    text = _dump(_encode, value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair: UTF-8 cannot hold it, an escape can
        return _dump(_encode_ascii, value).encode("ascii")


def _dump(encode: Callable[[Any], str], value: Any) -> str:
    try:
        text = encode(value)
    except TypeError as error:
        _circular.clear()
        if not str(error).startswith("keys must be"):
            raise
        text = encode(_with_text_keys(value))
    except BaseException:
        _circular.clear()
        raise
    if _state.decimals:
        _state.decimals = False
        text = _marked.sub(r"\1", text)
    return text


def _with_text_keys(value: Any) -> Any:
    """Copy with keys that are bytes made text, as simplejson takes them."""
    if isinstance(value, dict):
        items: List[Tuple[Any, Any]] = [
            (key.decode("utf-8") if isinstance(key, bytes) else key, _with_text_keys(item))
            for key, item in value.items()
        ]
        return dict(items)
    if isinstance(value, (list, tuple)):
        return [_with_text_keys(item) for item in value]
    return value
