"""Every operation of AWS's model was seen to succeed, and each of its errors to be answered."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

import pytest
from botocore.session import get_session

import tests.api
from tests.api.seen import EXCUSED, SEEN, SUCCESS, THROTTLED_OPERATIONS

MODEL = get_session().get_service_model("lambda")


def excuses() -> Mapping[tuple[str, str], str]:
    """What the test modules say cannot be shown: (operation, error or SUCCESS) → reason."""
    found: dict[tuple[str, str], str] = {}
    for module in pkgutil.iter_modules(tests.api.__path__):
        loaded = importlib.import_module(f"tests.api.{module.name}")
        found.update(getattr(loaded, "CANNOT_OCCUR", {}))
    return found


def is_excused(operation: str, outcome: str) -> bool:
    throttle = outcome == "TooManyRequestsException"
    return outcome in EXCUSED and not (throttle and operation in THROTTLED_OPERATIONS)


def modules_that_ran(request: pytest.FixtureRequest) -> set[str]:
    return {item.module.__name__ for item in request.session.items if hasattr(item, "module")}


def test_every_operation_and_every_modelled_error_was_seen(request: pytest.FixtureRequest) -> None:
    all_modules = {
        f"tests.api.{module.name}"
        for module in pkgutil.iter_modules(tests.api.__path__)
        if module.name.startswith("test_")
    }
    if not all_modules <= modules_that_ran(request):
        pytest.skip("only part of tests/api was run")
    excused = excuses()
    missing = [
        (operation, outcome)
        for operation in MODEL.operation_names
        for outcome in (
            SUCCESS,
            *(shape.name for shape in MODEL.operation_model(operation).error_shapes),
        )
        if (operation, outcome) not in SEEN | excused.keys() and not is_excused(operation, outcome)
    ]
    assert not missing, "\n".join(f"{operation}: {outcome}" for operation, outcome in missing)


def test_no_excuse_is_made_for_what_was_seen() -> None:
    assert excuses().keys() & SEEN == set()
