"""SnapStart: what happens between the init of a function and the first invocation of its forks."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any, Dict, Tuple

import _lambent_channel as frames  # type: ignore[import-not-found]

_HOOKS = "snapshot_restore_py"
_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
_ENTROPY_BYTES = 32


def take(link: Any, channel: Any, forks: Any) -> Tuple[Any, Dict[str, Any]]:
    """Offer this process to be forked; returns in the forks: their channel and program.

    READY says why it cannot be forked, else nothing. Raises what the function's hooks raise.
    """
    hooks = sys.modules.get(_HOOKS)
    before = list(hooks.get_before_snapshot()) if hooks is not None else []
    for func, args, kwargs in reversed(before):
        func(*args, **kwargs)
    link.flush()
    gc.collect()
    gc.freeze()  # a collection in a fork would write to every page that it shares
    link.post(frames.READY, forks.refusal().encode())
    channel, data = forks.wait(channel)
    program = json.loads(data)
    link.adopt(channel)
    os.environ[_TOKEN] = program["environment"][_TOKEN]
    _renew_randomness()
    for func, args, kwargs in hooks.get_after_restore() if hooks is not None else ():
        func(*args, **kwargs)
    return channel, program


def _renew_randomness() -> None:
    """What was seeded before the fork; `random` does so itself, uuid4 and secrets ask the kernel.

    Generators that a function made for itself are its own to seed, as on AWS.
    """
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    ssl = sys.modules.get("_ssl")
    if ssl is not None:
        ssl.RAND_add(os.urandom(_ENTROPY_BYTES), float(_ENTROPY_BYTES))
    uuid: Any = sys.modules.get("uuid")
    if uuid is not None:
        uuid._last_timestamp = None
