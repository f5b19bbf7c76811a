"""Functions that a handler's module has called around a snapshot: SnapStart's runtime hooks.

The public names are those of AWS's package of the same name; a package of the function's own goes
before this one. Hooks before a snapshot run last registered first, hooks after a restore in order.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

Hook = Tuple[Callable[..., Any], Tuple[Any, ...], Dict[str, Any]]

_before_snapshot: List[Hook] = []
_after_restore: List[Hook] = []


def register_before_snapshot(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Have `func` called, with these arguments, before the snapshot; also a decorator."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Have `func` called, with these arguments, in each restored environment; also a decorator."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot() -> List[Hook]:
    """In the order of their registration."""
    return _before_snapshot


def get_after_restore() -> List[Hook]:
    """In the order of their registration."""
    return _after_restore
