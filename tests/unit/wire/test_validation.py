"""The texts of ValidationException, each with where it was seen.

[I:repo#n] an answer of AWS that a user pasted into a GitHub issue; [P] one pasted into a public
repository's notes; [E] what an emulator (LocalStack, moto or another) answers, so at second hand;
UNVERIFIED: from memory, or built after the others' form.
"""

from __future__ import annotations

from typing import Any

import pytest

from lambent.wire import Service, WireError, load_service
from lambent.wire.validation import CLAUSES_MAX, SHOWN_CHARS_MAX, validate
from tests.unit.wire.demo import demo_service

ROLE = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
FUNCTION = {"FunctionName": "f", "Role": "arn:aws:iam::000000000000:role/r", "Code": {}}


def refusal(service: Service, operation: str, params: dict[str, Any]) -> WireError:
    shape = service.operations[operation].input
    assert shape is not None
    with pytest.raises(WireError) as caught:
        validate(service, shape, params)
    return caught.value


def lambda_refusal(operation: str, **params: Any) -> str:
    error = refusal(load_service("lambda"), operation, params)
    assert error.code == "ValidationException"
    return error.message


def demo_refusal(**params: Any) -> str:
    return refusal(demo_service(), "Check", params).message


def one(clause: str) -> str:
    return f"1 validation error detected: {clause}"


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        # [E] moto tests/test_awslambda/test_lambda.py (the pattern has changed since)
        (
            {"Role": "test-iam-role"},
            "Value 'test-iam-role' at 'role' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {ROLE}",
        ),
        # [E] moto's tests of architectures; the list printed as Java does, see allowMethods
        (
            {"Architectures": ["foo"]},
            "Value '[foo]' at 'architectures' failed to satisfy constraint: Member must satisfy "
            "constraint: [Member must satisfy enum value set: [x86_64, arm64], "
            "Member must not be null]",
        ),
        # [I:trek10inc/serverless-secrets#39] a sensitive map: no value, no "must not be null"
        (
            {"Environment": {"Variables": {"a": "b"}}},
            "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy "
            "constraint: [Member must satisfy regular expression pattern: "
            "[a-zA-Z]([a-zA-Z0-9_])+]",
        ),
        # [I:highsource/bitcoin-a-day#1] only the first letter is made lower case
        (
            {"KMSKeyArn": '"arn"'},
            "Value '\"arn\"' at 'kMSKeyArn' failed to satisfy constraint: Member must satisfy "
            "regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()",
        ),
        # [I:appleboy/lambda-action#83] maximum, minimum, pattern, null
        (
            {"Layers": [""]},
            "Value '[]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: "
            "[Member must have length less than or equal to 2048, Member must have length greater "
            "than or equal to 1, Member must satisfy regular expression pattern: "
            r"((arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}"
            r":\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:"
            "[a-zA-Z0-9-_]+)), Member must not be null]",
        ),
        # [P] the form: DynamoDB's provisionedThroughput.readCapacityUnits
        (
            {"EphemeralStorage": {"Size": 511}},
            "Value '511' at 'ephemeralStorage.size' failed to satisfy constraint: "
            "Member must have value greater than or equal to 512",
        ),
        # [E] the form: SES, Athena and DynamoDB emulators agree
        (
            {"Code": None},
            "Value null at 'code' failed to satisfy constraint: Member must not be null",
        ),
    ],
)
def test_lambda_words_a_broken_parameter_as_aws_does(changes: Any, clause: str) -> None:
    assert lambda_refusal("CreateFunction", **{**FUNCTION, **changes}) == one(clause)


def test_a_bad_value_of_a_map_is_told_once_for_the_map() -> None:
    """[E] LocalStack's Lambda provider, routing configuration."""
    message = lambda_refusal(
        "CreateAlias",
        FunctionName="f",
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 2.0, "3": 3.0}},
    )
    assert message == one(
        "Value '{2=2.0, 3=3.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
        "constraint: Map value must satisfy constraint: [Member must have value less than or equal "
        "to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"
    )


def test_cors_methods_of_a_function_url_are_told_as_one_list() -> None:
    """[P] Logs of terraform and boto3 against AWS: Create- and UpdateFunctionUrlConfig."""
    message = lambda_refusal(
        "UpdateFunctionUrlConfig", FunctionName="f", Cors={"AllowMethods": ["POST", "OPTIONS"]}
    )
    assert message == one(
        "Value '[POST, OPTIONS]' at 'cors.allowMethods' failed to satisfy constraint: Member must "
        "satisfy constraint: [Member must have length less than or equal to 6, Member must have "
        "length greater than or equal to 0, Member must satisfy regular expression pattern: .*, "
        "Member must not be null]"
    )


def test_two_broken_constraints_of_one_value_are_two_clauses_the_pattern_first() -> None:
    """[P] Cognito's confirmationCode and userCode; [E] DynamoDB's tableName, roleSessionName."""
    error = refusal(
        load_service("sts"),
        "AssumeRole",
        {"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "!"},
    )
    assert error.code == "ValidationError"
    assert error.message == (
        "2 validation errors detected: Value '!' at 'roleSessionName' failed to satisfy "
        r"constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*; Value '!' at "
        "'roleSessionName' failed to satisfy constraint: Member must have length greater than or "
        "equal to 2"
    )


def test_a_member_of_a_list_of_structures_has_its_own_path() -> None:
    """[I:SWO-GS/auto-tag#90] IAM: tags.6.member.value."""
    tags = [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "x, y"}]
    error = refusal(load_service("iam"), "TagRole", {"RoleName": "r", "Tags": tags})
    assert error.code == "ValidationError"
    assert error.message == one(
        "Value 'x, y' at 'tags.2.member.value' failed to satisfy constraint: Member must satisfy "
        r"regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*"
    )


def test_cloudwatch_logs_has_its_own_code() -> None:
    """UNVERIFIED, from memory: InvalidParameterException with the usual text."""
    error = refusal(load_service("logs"), "CreateLogGroup", {"logGroupName": "a b"})
    assert error.code == "InvalidParameterException"
    assert error.message == one(
        "Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular "
        r"expression pattern: [\.\-_/#A-Za-z0-9]+"
    )


@pytest.mark.parametrize(
    ("params", "clause"),
    [
        ({"Colour": "blue"}, "Value 'blue' at 'colour' failed to satisfy constraint: "
         "Member must satisfy enum value set: [red, green]"),
        ({"Number": 6}, "Value '6' at 'number' failed to satisfy constraint: "
         "Member must have value less than or equal to 5"),
        ({"Weight": -1.0}, "Value '-1.0' at 'weight' failed to satisfy constraint: "
         "Member must have value greater than or equal to 0.0"),
        ({"KMSKeyArn": "secret"}, "Value at 'kMSKeyArn' failed to satisfy constraint: "
         "Member must have length less than or equal to 3"),
        # UNVERIFIED, from memory: Kinesis prints a blob so
        ({"Bytes": b"1234"}, "Value 'java.nio.HeapByteBuffer[pos=0 lim=4 cap=4]' at 'bytes' failed "
         "to satisfy constraint: Member must have length less than or equal to 3"),
        # UNVERIFIED: a structure inside a list that is too long
        ({"Things": [{"Name": "ab"}] * 3}, "Value '[" + ", ".join(
            ["Thing(name=ab, inner=null, free=null)"] * 3
        ) + "]' at 'things' failed to satisfy constraint: "
         "Member must have length less than or equal to 2"),
        ({"Things": [{"Name": "ab", "Inner": {}}]}, "Value null at 'things.1.member.inner.name' "
         "failed to satisfy constraint: Member must not be null"),
        # UNVERIFIED: nulls in lists and maps
        ({"Texts": ["a", None]}, "Value '[a, null]' at 'texts' failed to satisfy constraint: "
         "Member must satisfy constraint: [Member must not be null]"),
        ({"Things": [None]}, "Value '[null]' at 'things' failed to satisfy constraint: "
         "Member must satisfy constraint: [Member must not be null]"),
        # [P] EventBridge, ACM; [E] DynamoDB: no "must not be null" behind the others
        ({"Shorts": ["toolong"]}, "Value '[toolong]' at 'shorts' failed to satisfy constraint: "
         "Member must satisfy constraint: [Member must have length less than or equal to 4, Member "
         "must have length greater than or equal to 2, Member must satisfy regular expression "
         "pattern: [a-z]*]"),
    ],
)  # fmt: skip
def test_every_kind_of_constraint_is_told(params: dict[str, Any], clause: str) -> None:
    assert demo_refusal(**params) == one(clause)


def test_the_keys_of_a_map_are_told_before_its_values() -> None:
    """[E] Firehose and DynamoDB report keys once and values once, keys first."""
    message = demo_refusal(TextMap={"toolong": "blue", "X": "red"})
    keys, values = message.removeprefix("2 validation errors detected: ").split("; ")
    assert keys.startswith("Value '{toolong=blue, X=red}' at 'textMap' failed to satisfy "
                           "constraint: Map keys must satisfy constraint: [")  # fmt: skip
    assert values.endswith(
        "Map value must satisfy constraint: [Member must satisfy enum value set: [red, green]]"
    )


def test_what_keeps_to_the_model_passes() -> None:
    service = demo_service()
    shape = service.operations["Check"].input
    assert shape is not None
    validate(
        service,
        shape,
        {
            "Short": "abc",
            "Number": 5,
            "Flag": False,
            "Texts": [],
            "Free": {"anything": [None]},
            "Things": [{"Name": "ab", "Inner": {"Name": "cd"}}],
            "TextMap": {"ab": "red"},
        },
    )


def test_an_answer_is_bounded_however_much_is_wrong() -> None:
    message = demo_refusal(Things=[{"Name": "X" * 100_000}] * 1_000)
    assert message.startswith(f"{CLAUSES_MAX} validation errors detected: ")
    assert len(message) < CLAUSES_MAX * (SHOWN_CHARS_MAX + 200)


def test_length_counts_characters_not_utf16_units() -> None:
    """[E] To STS a roleSessionName of one emoji is too short."""
    message = demo_refusal(Short="\U0001f600")
    assert "greater than or equal to 2" in message


def test_text_far_over_its_maximum_is_not_matched_but_told() -> None:
    message = demo_refusal(Short="a" * 5_000_000)
    assert message.endswith("Member must have length less than or equal to 4")
    assert "pattern" not in message
