"""Rules on a function's configuration that AWS's model does not state."""

from __future__ import annotations

import pytest

from lambent.control import rules
from lambent.control.rules import Configuration
from lambent.domain.errors import LambdaError

REFUSED: list[tuple[Configuration, str, str]] = [
    (
        Configuration(memory_mib=127),
        "ValidationException",
        "1 validation error detected: Value '127' at 'memorySize' failed to satisfy constraint: "
        "Member must have value greater than or equal to 128",
    ),
    (
        Configuration(memory_mib=10_241, timeout_s=901),
        "ValidationException",
        "2 validation errors detected: Value '10241' at 'memorySize' failed to satisfy "
        "constraint: Member must have value less than or equal to 10240; Value '901' at 'timeout' "
        "failed to satisfy constraint: Member must have value less than or equal to 900",
    ),
    (
        Configuration(ephemeral_mib=10_241),
        "ValidationException",
        "1 validation error detected: Value '10241' at 'ephemeralStorage.size' failed to satisfy "
        "constraint: Member must have value less than or equal to 10240",
    ),
    (
        Configuration(environment={"OK": "1", "AWS_REGION": "x", "LAMBDA_TASK_ROOT": "y"}),
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided contains reserved keys that are currently not supported for "
        "modification. Reserved keys used in this request: AWS_REGION, LAMBDA_TASK_ROOT",
    ),
    (
        Configuration(environment={"K": "v" * 4089}),
        "InvalidParameterValueException",
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided exceeded the 4KB limit. String measured: "
        '{"K":"' + "v" * 4089 + '"}',
    ),
    (
        Configuration(runtime="python3.7"),
        "InvalidParameterValueException",
        "The runtime parameter of python3.7 is no longer supported for creating or updating AWS "
        "Lambda functions. We recommend you use a supported runtime while creating or updating "
        "functions.",
    ),
    (
        Configuration(runtime="cobol85"),
        "InvalidParameterValueException",
        "Lambent cannot run the runtime cobol85; `lambent doctor` lists what it runs.",
    ),
    (
        Configuration(layers=tuple(f"arn:{i}" for i in range(6))),
        "InvalidParameterValueException",
        "Cannot reference more than 5 layers.",
    ),
]


@pytest.mark.parametrize(("configuration", "code", "message"), REFUSED)
def test_a_configuration_out_of_bounds_gets_the_text_of_aws(
    configuration: Configuration, code: str, message: str
) -> None:
    """Sources: facts, 'Quotas' and 'Errors'."""
    with pytest.raises(LambdaError) as caught:
        rules.check_configuration(configuration)
    assert (caught.value.code, caught.value.message) == (code, message)


@pytest.mark.parametrize("runtime", rules.RUNTIMES)
def test_a_configuration_at_its_bounds_passes(runtime: str) -> None:
    rules.check_configuration(
        Configuration(
            runtime=runtime,
            memory_mib=10_240,
            timeout_s=900,
            ephemeral_mib=512,
            environment={"K": "v" * 4088},
            layers=tuple(f"arn:{i}" for i in range(5)),
        )
    )


def test_runtime_and_handler_are_needed() -> None:
    for lacking in (Configuration(runtime="python3.11"), Configuration(handler="a.b")):
        with pytest.raises(LambdaError, match="Runtime and Handler are mandatory parameters"):
            rules.check_complete(lacking)


def test_more_than_50_tags_are_refused() -> None:
    rules.check_tags({str(number): "" for number in range(50)})
    with pytest.raises(LambdaError, match=r"Number of tags exceeds resource tag limit\."):
        rules.check_tags({str(number): "" for number in range(51)})


def test_code_and_layers_are_measured_together() -> None:
    rules.check_unzipped(262_143_999, 1)
    with pytest.raises(LambdaError, match="The actual size is 262144001 bytes"):
        rules.check_unzipped(262_144_000, 1)
