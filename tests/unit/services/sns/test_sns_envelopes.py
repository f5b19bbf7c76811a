"""What subscribers get, to the letter.

Sources: Lambda Developer Guide, "Invoking Lambda functions with Amazon SNS notifications", and
LocalStack's recordings of AWS (sns/test_sns.snapshot.json) for the record; SNS Developer Guide,
"HTTP/HTTPS notification JSON format", for the envelope and its indentation. That a FIFO topic's has
a SequenceNumber and no signature is LocalStack's word (sns/publisher.py), unverified.
"""

from __future__ import annotations

import json
from typing import Any

from lambent.services.sns.envelope import (
    Seal,
    build_notification,
    format_envelope,
    format_lambda_event,
    sealed,
)
from lambent.services.sns.messages import Draft, Message

TOPIC = "arn:aws:sns:us-east-1:000000000000:topic"
SUBSCRIPTION = f"{TOPIC}:c9135db0-26c4-47ec-8998-413945fb5a96"
BASE = "http://127.0.0.1:4566"
SEAL = Seal(
    version="1",
    sign=lambda version, text: "c2lnbmF0dXJl",
    certificate_path="/SimpleNotificationService-0.pem",
)


def notification(protocol: str, *, sequence: str | None = None, **draft: Any) -> dict[str, Any]:
    message = Message(
        message_id="165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
        draft=Draft(texts={"default": "My message", "lambda": "Yours"}, **draft),
        time_s=1_335_920_046.6554,
        sequence=sequence,
    )
    values = build_notification(
        message, protocol, topic_arn=TOPIC, subscription_arn=SUBSCRIPTION, base_url=BASE
    )
    return sealed(values, None if sequence else SEAL, BASE)


def test_sns_the_envelope_of_queues_and_endpoints() -> None:
    attributes = {"n": {"DataType": "Number", "StringValue": "1"}}
    found = format_envelope(notification("sqs", subject="My subject", attributes=attributes))
    assert found == (
        "{\n"
        '  "Type" : "Notification",\n'
        '  "MessageId" : "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",\n'
        f'  "TopicArn" : "{TOPIC}",\n'
        '  "Subject" : "My subject",\n'
        '  "Message" : "My message",\n'
        '  "Timestamp" : "2012-05-02T00:54:06.655Z",\n'
        '  "SignatureVersion" : "1",\n'
        '  "Signature" : "c2lnbmF0dXJl",\n'
        f'  "SigningCertURL" : "{BASE}/SimpleNotificationService-0.pem",\n'
        f'  "UnsubscribeURL" : "{BASE}/?Action=Unsubscribe&SubscriptionArn={SUBSCRIPTION}",\n'
        '  "MessageAttributes" : {\n'
        '    "n" : {\n'
        '      "Type" : "Number",\n'
        '      "Value" : "1"\n'
        "    }\n"
        "  }\n"
        "}"
    )


def test_sns_the_envelope_of_a_fifo_topic_has_a_sequence_number_and_no_signature() -> None:
    assert list(notification("sqs", sequence="10000000000000003000")) == [
        "Type",
        "MessageId",
        "SequenceNumber",
        "TopicArn",
        "Message",
        "Timestamp",
        "UnsubscribeURL",
    ]


def test_sns_the_record_that_a_function_gets() -> None:
    found = json.loads(format_lambda_event(notification("lambda"), SUBSCRIPTION))
    assert found == {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": SUBSCRIPTION,
                "Sns": {
                    "Type": "Notification",
                    "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
                    "TopicArn": TOPIC,
                    "Subject": None,
                    "Message": "Yours",
                    "Timestamp": "2012-05-02T00:54:06.655Z",
                    "SignatureVersion": "1",
                    "Signature": "c2lnbmF0dXJl",
                    "SigningCertUrl": f"{BASE}/SimpleNotificationService-0.pem",
                    "UnsubscribeUrl": f"{BASE}/?Action=Unsubscribe&SubscriptionArn={SUBSCRIPTION}",
                    "MessageAttributes": {},
                },
            }
        ]
    }
