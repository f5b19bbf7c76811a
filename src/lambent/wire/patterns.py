"""Java's regular expressions, in which the models state their patterns, as Python's.

Where the two differ: Java's `\\w`, `\\d`, `\\s` mean ASCII (Python: the ASCII flag); `\\p{L}` and
its kin are absent in Python; `[\\w-x]` has a literal hyphen in Java and is an error in Python; `.`
leaves out more line ends; `&&` intersects in a class. What cannot be said in Python is not
checked: a pattern that accepts too much is better than a server that refuses what AWS takes.
"""

from __future__ import annotations

import re
from functools import cache

_LINE_ENDS = "\\n\\r\\u0085\\u2028\\u2029"
_NUMBERS = (
    "\\d\\xb2\\xb3\\xb9\\xbc-\\xbe\\u2070-\\u2089\\u2150-\\u218b\\u2460-\\u249b"
    "\\u3007\\u3021-\\u3029"
)
_SEPARATORS = " \\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
_PUNCTUATION = "!-/:-@\\[-`{-~"

# Inside a class that is read with Unicode's rules. Each is the category or a superset of it.
_CATEGORIES = {
    "L": "\\w",
    "N": _NUMBERS,
    "Z": _SEPARATORS,
    "Nd": "\\d",
    "Zs": _SEPARATORS,
    "Alpha": "a-zA-Z",
    "Alnum": "a-zA-Z0-9",
    "Digit": "0-9",
    "Upper": "A-Z",
    "Lower": "a-z",
    "Punct": _PUNCTUATION,
    "Graph": "!-~",
    "Print": " -~",
    "ASCII": "\\x00-\\x7f",
    "Space": " \\t\\n\\x0b\\f\\r",
    "XDigit": "0-9a-fA-F",
}
_ANYTHING = "\\s\\S"
_ASCII_CLASSES = {"w": "a-zA-Z0-9_", "d": "0-9", "s": " \\t\\n\\x0b\\f\\r"}
_SURROGATES = re.compile(r"\\u(D[89AB][0-9A-F]{2})\\u(D[C-F][0-9A-F]{2})", re.IGNORECASE)
_CLASS_ESCAPES = frozenset("wWdDsSpP")


class _Untranslatable(Exception):
    pass


@cache
def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """`pattern` for `fullmatch`, or None where Python cannot say it."""
    try:
        return re.compile(_translate(pattern), re.ASCII)
    except (re.error, _Untranslatable, LookupError, ValueError, ArithmeticError, RecursionError):
        return None


def _translate(pattern: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            text, at = _translate_class(pattern, at)
            out.append(text)
        elif char == "\\":
            text, at = _translate_escape(pattern, at)
            out.append(text)
        elif pattern.startswith("(?<", at) and pattern[at + 3] not in "=!":
            out.append("(?P<")
            at += 3
        else:
            out.append(f"[^{_LINE_ENDS}]" if char == "." else char)
            at += 1
    return "".join(out)


def _translate_escape(pattern: str, at: int) -> tuple[str, int]:
    """The escape at `at`, outside a class, and where it ends."""
    kind = pattern[at + 1]
    if kind in "pP":
        text, at = _category(pattern, at)
        return f"(?u:[{text}])", at
    if kind in "zZ":
        return "\\Z", at + 2
    if kind in "QGRXhHV":
        raise _Untranslatable(pattern)
    return pattern[at : at + 2], at + 2


def _category(pattern: str, at: int) -> tuple[str, int]:
    """`\\p{X}` or `\\pX` at `at` as the inside of a class, and where it ends."""
    if pattern[at + 2] == "{":
        end = pattern.index("}", at)
        name, after = pattern[at + 3 : end], end + 1
    else:
        name, after = pattern[at + 2], at + 3
    if pattern[at + 1] == "P":
        return _ANYTHING, after
    return _CATEGORIES.get(name.removeprefix("Is"), _ANYTHING), after


def _translate_class(pattern: str, start: int) -> tuple[str, int]:
    """The class that opens at `start`, and where it ends."""
    at = start + 1
    opening = "["
    if pattern[at] == "^":
        opening, at = "[^", at + 1
    items, at, has_category = _class_items(pattern, at)
    if has_category:
        # `\w` stands for letters there, so what Java means by \w, \d and \s is spelt out.
        inner = "".join(_spell_out(item) for item in items)
        return f"(?u:{opening}{inner}])", at
    return f"{opening}{''.join(items)}]", at


def _class_items(pattern: str, at: int) -> tuple[list[str], int, bool]:
    items: list[str] = []
    can_start_range = False  # the item before is a single character
    has_category = False
    first = at
    while pattern[at] != "]" or at == first:
        char = pattern[at]
        if char == "[" or pattern.startswith("&&", at):
            raise _Untranslatable(pattern)
        if char == "\\" and pattern[at + 1] in _CLASS_ESCAPES:
            if pattern[at + 1] in "pP":
                text, at = _category(pattern, at)
                has_category = True
                items.append("\0" + text)  # marks what is not to be spelt out again
            else:
                items.append(pattern[at : at + 2])
                at += 2
            can_start_range = False
            continue
        if char == "-":
            ranged = (
                can_start_range and pattern[at + 1] != "]" and not _opens_class(pattern, at + 1)
            )
            if ranged:
                end_text, at = _class_char(pattern, at + 1)
                items.append("-" + end_text)
                can_start_range = False
                continue
        text, at = _class_char(pattern, at)
        items.append(text)
        can_start_range = True
    return items, at + 1, has_category


def _opens_class(pattern: str, at: int) -> bool:
    return pattern[at] == "\\" and pattern[at + 1] in _CLASS_ESCAPES


def _class_char(pattern: str, at: int) -> tuple[str, int]:
    """One character of a class, escaped so that Python reads it as itself."""
    char = pattern[at]
    if char != "\\":
        return (f"\\{char}" if char in "-[]&|~^" else char), at + 1
    length = {"x": 4, "u": 6}.get(pattern[at + 1], 2)
    pair = _SURROGATES.match(pattern, at)
    if pair is not None:  # Java reads the two as one character
        code = 0x10000 + ((int(pair[1], 16) - 0xD800) << 10) + int(pair[2], 16) - 0xDC00
        return f"\\U{code:08x}", pair.end()
    return pattern[at : at + length], at + length


def _spell_out(item: str) -> str:
    if item[0] == "\0":
        return item[1:]
    if len(item) == 2 and item[0] == "\\" and item[1] in _ASCII_CLASSES:
        return _ASCII_CLASSES[item[1]]
    return item
