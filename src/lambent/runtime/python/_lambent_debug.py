"""A debugger in a Python runtime: debugpy listens before the function is imported.

It comes from the function's package, a layer, or a folder that Lambent mounts; the first wins.
Standard library only; runs on Python 3.8 and newer.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import Any, Dict

# debugpy warns of Python's frozen modules unless it is told not to; it asks while it is imported.
_QUIET = "PYDEVD_DISABLE_FILE_VALIDATION"


def listen(settings: Dict[str, Any]) -> None:
    """`settings`: {"port", "folder"}. A function whose debugger does not start runs without."""
    if os.path.isdir(settings["folder"]):
        sys.path.append(settings["folder"])
    given = os.environ.get(_QUIET)
    os.environ[_QUIET] = given or "1"
    try:
        importlib.import_module("debugpy").listen(("127.0.0.1", settings["port"]))
    except Exception as error:
        logging.warning("debugpy does not listen: %s: %s", type(error).__name__, error)
    finally:
        if given is None:
            del os.environ[_QUIET]
