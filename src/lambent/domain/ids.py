"""Identifiers that need no counter, cheap enough for every request."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode

# Unique, not secret: nobody gains by guessing a request id, and urandom costs a system call.
_bits = random.Random(random.SystemRandom().getrandbits(256)).getrandbits


def new_request_id() -> str:
    """A random UUID (version 4) as text; a quarter of what uuid.uuid4() costs."""
    raw = f"{_bits(128):032x}"
    return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"


def new_name() -> str:
    """32 random hexadecimal digits."""
    return f"{_bits(128):032x}"


def new_token() -> str:
    """32 random letters, digits, hyphens and underscores."""
    return urlsafe_b64encode(_bits(192).to_bytes(24, "big")).decode()
