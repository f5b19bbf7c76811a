"""Receipt handles: which message of which queue, and which of its receives."""

from __future__ import annotations

import base64
import binascii
import struct

from lambent.services.sqs.errors import invalid_handle

_MARK = 0x010101  # the first characters are AQEB, as those of AWS's handles
_FORM = struct.Struct(">3sQQI")
_MARK_BYTES = _MARK.to_bytes(3, "big")


def format_handle(queue_id: int, number: int, count: int) -> str:
    """`count`: how often the message has been received by now."""
    return base64.b64encode(_FORM.pack(_MARK_BYTES, queue_id, number, count & 0xFFFFFFFF)).decode()


def parse_handle(handle: str, queue_id: int) -> tuple[int, int]:
    """The message's number and the receive. Raises LambdaError ReceiptHandleIsInvalid."""
    try:
        mark, of_queue, number, count = _FORM.unpack(base64.b64decode(handle, validate=True))
    except (ValueError, binascii.Error, struct.error):
        raise invalid_handle(handle) from None
    if mark != _MARK_BYTES or of_queue != queue_id:
        raise invalid_handle(handle)
    return number, count
