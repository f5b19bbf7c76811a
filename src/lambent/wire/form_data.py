"""multipart/form-data as it comes: fields until the file, then the file's bytes. Pure.

Source: RFC 7578 and RFC 2046; S3 API Reference, "POST Object": the file is the last field that
counts, and what stands before it may have 20 KB.
"""

from __future__ import annotations

import re
from enum import Enum

FIELDS_BYTES_MAX = 20 * 1024
_BOUNDARY = re.compile(
    r'multipart/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE
)
_NAME = re.compile(r'\bname="([^"]*)"')
_FILE_NAME = re.compile(r'\bfilename="([^"]*)"')


class FormError(Exception):
    """What was sent is no form."""


class FieldsTooLarge(FormError):
    """What stands before the file is."""


class _State(Enum):
    BEFORE = "before the first part"
    DELIMITER = "behind a boundary"
    HEAD = "in the head of a part"
    FIELD = "in a field"
    FILE = "in the file"
    ENDED = "ended"


def parse_boundary(content_type: str) -> bytes | None:
    """None where it is no form."""
    found = _BOUNDARY.match(content_type)
    return None if found is None else (found[1] or found[2]).encode("latin-1", "replace")


class FormStream:
    """One form; names of fields are in lower case, and of one that comes twice the first counts."""

    def __init__(self, boundary: bytes, file_field: str = "file") -> None:
        self.fields: dict[str, str] = {}
        self.filename = ""
        self.has_file = False
        """Whether all fields that count are there, and the file has begun."""
        self._mark = b"\r\n--" + boundary
        self._file_field = file_field
        self._buffer = b"\r\n"  # so that the first boundary is as the others
        self._state = _State.BEFORE
        self._name = ""
        self._bytes = 0
        """Of what stands before the file."""

    def feed(self, data: bytes) -> bytes:
        """The bytes of the file that are in `data`. Raises FormError."""
        self._buffer += data
        file: list[bytes] = []
        while self._step(file):
            pass
        waiting = 0 if self.has_file else len(self._buffer)
        if self._bytes + waiting > FIELDS_BYTES_MAX:
            raise FieldsTooLarge
        return b"".join(file)

    def finish(self) -> None:
        """Raises FormError where the form has no end or no file."""
        if self._state is not _State.ENDED:
            raise FormError("the form has no end")

    def _step(self, file: list[bytes]) -> bool:
        """Whether another one may follow."""
        match self._state:
            case _State.BEFORE:
                return self._skip_to_mark()
            case _State.DELIMITER:
                return self._take_delimiter()
            case _State.HEAD:
                return self._take_head()
            case _State.FIELD:
                return self._take_field()
            case _State.FILE:
                return self._take_file(file)
            case _State.ENDED:
                self._buffer = b""
                return False

    def _skip_to_mark(self) -> bool:
        at = self._buffer.find(self._mark)
        if at < 0:
            return False
        self._cut(at + len(self._mark), _State.DELIMITER)
        return True

    def _take_delimiter(self) -> bool:
        """The end of the form, or a line's end before the next part."""
        line, found, _ = self._buffer.partition(b"\r\n")
        if self._buffer.startswith(b"--") or (self.has_file and found):
            self._cut(len(self._buffer), _State.ENDED)
            return False
        if not found:
            return False
        if line.strip():
            raise FormError("a boundary is not at the end of its line")
        self._cut(len(line) + 2, _State.HEAD)
        return True

    def _take_head(self) -> bool:
        head, found, _ = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        text = head.decode("utf-8", "replace")
        name = _NAME.search(text)
        if name is None:
            raise FormError("a part has no name")
        self._name = name[1].lower()
        self._cut(len(head) + 4, _State.FIELD)
        if self._name == self._file_field:
            filename = _FILE_NAME.search(text)
            self.filename = "" if filename is None else re.split(r"[/\\]", filename[1])[-1]
            self.has_file = True
            self._state = _State.FILE
        return True

    def _take_field(self) -> bool:
        value, found, _ = self._buffer.partition(self._mark)
        if not found:
            return False
        self.fields.setdefault(self._name, value.decode("utf-8", "replace"))
        self._cut(len(value) + len(self._mark), _State.DELIMITER)
        return True

    def _take_file(self, file: list[bytes]) -> bool:
        at = self._buffer.find(self._mark)
        if at >= 0:
            file.append(self._buffer[:at])
            self._cut(at + len(self._mark), _State.DELIMITER)
            return True
        sure = max(0, len(self._buffer) - len(self._mark) + 1)
        file.append(self._buffer[:sure])
        self._buffer = self._buffer[sure:]
        return False

    def _cut(self, at: int, state: _State) -> None:
        if not self.has_file:
            self._bytes += at
        self._buffer = self._buffer[at:]
        self._state = state
