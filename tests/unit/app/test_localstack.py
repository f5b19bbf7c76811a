"""LocalStack's variables. Source: its documentation, "Configuration"."""

from __future__ import annotations

import pytest

from lambent.app.localstack import adopt
from lambent.settings import load_settings


@pytest.mark.parametrize(
    ("variables", "changed"),
    [
        ({"GATEWAY_LISTEN": "0.0.0.0:4567"}, {"host": "0.0.0.0", "port": 4567}),
        ({"GATEWAY_LISTEN": ":4567,0.0.0.0:443"}, {"port": 4567}),
        ({"EDGE_PORT": "4577"}, {"port": 4577}),
        ({"LAMBDA_KEEPALIVE_MS": "1500"}, {"idle_timeout_s": 1.5}),
        ({"LOCALSTACK_LAMBDA_KEEPALIVE_MS": "1500"}, {"idle_timeout_s": 1.5}),
        ({"LAMBDA_LIMITS_CONCURRENT_EXECUTIONS": "77"}, {"concurrency": 77}),
        ({"LAMBDA_RETRY_BASE_DELAY_SECONDS": "3"}, {"async_delay_scale": 0.05}),
        ({"LAMBDA_KEEPALIVE_MS": "1500", "LAMBENT_IDLE_TIMEOUT_S": "7"}, {"idle_timeout_s": 7.0}),
        ({"LAMBDA_KEEPALIVE_MS": "soon"}, {}),
        ({"DEBUG": "1", "DATA_DIR": "/elsewhere"}, {}),
    ],
)
def test_variables_of_localstack_set_what_is_their_equal(
    variables: dict[str, str], changed: dict[str, object]
) -> None:
    home = {"HOME": "/home/someone"}
    plain = load_settings(home, {})
    adopted, _ = adopt({**home, **variables})
    settings = load_settings(adopted, {})
    names = type(settings).__annotations__
    differing = {name for name in names if getattr(settings, name) != getattr(plain, name)}
    assert {name: getattr(settings, name) for name in differing} == changed


def test_each_variable_that_is_met_is_told_of() -> None:
    _, told = adopt(
        {
            "LAMBDA_KEEPALIVE_MS": "1500",
            "LAMBDA_DOCKER_FLAGS": "-e A=b",
            "EDGE_PORT": "x",
            "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS": "5",
            "LAMBENT_CONCURRENCY": "6",
        }
    )
    assert told == [
        "EDGE_PORT is ignored: 'x' is not understood",
        "LAMBDA_DOCKER_FLAGS is ignored: there are no containers",
        "LAMBDA_KEEPALIVE_MS means LAMBENT_IDLE_TIMEOUT_S=1.5",
        "LAMBDA_LIMITS_CONCURRENT_EXECUTIONS is set aside by LAMBENT_ ones",
    ]
