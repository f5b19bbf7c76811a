"""A client of the shared server whose answers are counted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.seen import recording
from tests.conftest import RunningServer


@pytest.fixture
def api(server: RunningServer) -> Any:
    """An unmodified boto3 client for Lambda; see `seen`. No retries, no client-side validation."""
    return recording(server.client("lambda", parameter_validation=False))
