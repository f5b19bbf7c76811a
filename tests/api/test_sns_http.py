"""HTTP endpoints as subscribers of SNS: confirmation, signatures, retries, dead letters.

Expected values: SNS Developer Guide, "Fanout to HTTP/S endpoints", "Verifying the signatures of
Amazon SNS messages", "Amazon SNS message delivery retries".
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest
import rsa
from pyasn1.codec.der import decoder, encoder

from tests.api.sns_world import (
    ACCOUNT,
    Endpoint,
    Inbox,
    fetch,
    listening,
    new_topic,
    sns_refusal,
    subscribe,
)
from tests.conftest import RunningServer

AT_ONCE = {
    "healthyRetryPolicy": {
        "minDelayTarget": 1,
        "maxDelayTarget": 1,
        "numRetries": 2,
        "numNoDelayRetries": 2,
    }
}


@pytest.fixture
def sns(server: RunningServer) -> Any:
    return server.client("sns", parameter_validation=False)


@pytest.fixture
def sqs(server: RunningServer) -> Any:
    return server.client("sqs")


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with listening() as one:
        yield one


def follow(sns: Any, topic: str, endpoint: Endpoint, **attributes: str) -> str:
    """Subscribe the endpoint and confirm it by the link that it gets."""
    asked = sns.subscribe(
        TopicArn=topic, Protocol="http", Endpoint=endpoint.url, Attributes=attributes
    )
    assert asked["SubscriptionArn"] == "pending confirmation"
    _, confirmation = endpoint.take()
    answer = fetch(confirmation["SubscribeURL"])
    return answer.partition("<SubscriptionArn>")[2].partition("</SubscriptionArn>")[0]


def verify(message: dict[str, Any]) -> str:
    """The digest that a message's signature is good for, by the certificate that it names."""
    names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    names += ["Subject"] if "Subject" in message else []
    names += ["SubscribeURL", "Token"] if message["Type"] != "Notification" else []
    text = "".join(f"{name}\n{message[name]}\n" for name in sorted(names))
    der = ssl.PEM_cert_to_DER_cert(fetch(message["SigningCertURL"]))
    certificate, _ = decoder.decode(der)
    key = rsa.PublicKey.load_pkcs1_openssl_der(encoder.encode(certificate[0][6]))
    return str(rsa.verify(text.encode(), base64.b64decode(message["Signature"]), key))


def test_an_http_endpoint_confirms_its_sns_subscription(
    server: RunningServer, sns: Any, endpoint: Endpoint
) -> None:
    topic = new_topic(sns)
    asked = {"TopicArn": topic, "Protocol": "http", "Endpoint": endpoint.url}
    pending = sns.subscribe(**asked, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert pending.startswith(f"{topic}:")
    headers, message = endpoint.take()
    assert headers[":path"] == "/inbox?x=1"
    assert headers["x-amz-sns-message-type"] == message["Type"] == "SubscriptionConfirmation"
    assert headers["x-amz-sns-message-id"] == message["MessageId"]
    assert headers["x-amz-sns-topic-arn"] == message["TopicArn"] == topic
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert len(message["Token"]) == 288
    assert verify(message) == "SHA-1"
    shown = sns.get_subscription_attributes(SubscriptionArn=pending)["Attributes"]
    assert shown["PendingConfirmation"] == "true"
    [listed] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    sns.publish(TopicArn=topic, Message="too early")
    assert message["SubscribeURL"] == (
        f"{server.endpoint}/?Action=ConfirmSubscription&TopicArn={topic}&Token={message['Token']}"
    )
    refused = sns_refusal(sns.confirm_subscription, TopicArn=topic, Token="wrong")
    assert refused == ("InvalidParameter", "Invalid parameter: Token")
    for _ in range(2):
        answer = sns.confirm_subscription(TopicArn=topic, Token=message["Token"])
        assert answer["SubscriptionArn"] == pending
    shown = sns.get_subscription_attributes(SubscriptionArn=pending)["Attributes"]
    assert shown["PendingConfirmation"] == "false"
    assert shown["ConfirmationWasAuthenticated"] == "true"
    sns.publish(TopicArn=topic, Message="in time")
    headers, message = endpoint.take()
    assert message["Message"] == "in time"
    assert headers["x-amz-sns-message-type"] == "Notification"
    assert headers["x-amz-sns-subscription-arn"] == pending


def test_signatures_of_sns_are_good_in_both_versions(
    server: RunningServer, sns: Any, sqs: Any
) -> None:
    topic = new_topic(sns)
    inbox = Inbox(sqs, topic)
    subscribe(sns, topic, inbox)
    sns.publish(TopicArn=topic, Message="one\ntwo", Subject="three")
    envelope = inbox.envelope()
    assert verify(envelope) == "SHA-1"
    with pytest.raises(rsa.VerificationError):
        verify({**envelope, "Message": "forged"})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue="2")
    sns.publish(TopicArn=topic, Message="again")
    envelope = inbox.envelope()
    assert envelope["SignatureVersion"] == "2"
    assert verify(envelope) == "SHA-256"
    with pytest.raises(HTTPError, match="404"):
        fetch(f"{server.endpoint}/SimpleNotificationService-0000.pem")


def test_an_http_endpoint_can_have_the_message_alone(sns: Any, endpoint: Endpoint) -> None:
    topic = new_topic(sns)
    policy = {"requestPolicy": {"headerContentType": "application/json"}}
    attributes = {"RawMessageDelivery": "true", "DeliveryPolicy": json.dumps(policy)}
    follow(sns, topic, endpoint, **attributes)
    sns.publish(TopicArn=topic, Message='{"raw": true}')
    headers, body = endpoint.posts.get(timeout=60)
    assert body == '{"raw": true}'
    assert headers["x-amz-sns-rawdelivery"] == "true"
    assert headers["content-type"] == "application/json"


def test_an_http_endpoint_is_tried_again_as_its_delivery_policy_says(
    sns: Any, sqs: Any, endpoint: Endpoint
) -> None:
    topic = new_topic(sns)
    dead = Inbox(sqs, topic)
    redrive = json.dumps({"deadLetterTargetArn": dead.arn})
    follow(sns, topic, endpoint, DeliveryPolicy=json.dumps(AT_ONCE), RedrivePolicy=redrive)
    endpoint.statuses[:] = [500, 429, 204]
    first = sns.publish(TopicArn=topic, Message="third time lucky")["MessageId"]
    assert [endpoint.take()[1]["MessageId"] for _ in range(3)] == [first] * 3
    endpoint.statuses[:] = [503, 503, 503]
    sns.publish(TopicArn=topic, Message="three times failed")
    assert dead.envelope()["Message"] == "three times failed"
    endpoint.statuses[:] = [404]
    sns.publish(TopicArn=topic, Message="not wanted")
    message = dead.take()
    assert json.loads(message["Body"])["Message"] == "not wanted"
    assert "MessageAttributes" not in message
    posts = [endpoint.take()[1]["Message"] for _ in range(4)]
    assert posts == ["three times failed"] * 3 + ["not wanted"]


def test_an_owner_can_restore_a_subscription_that_the_link_of_sns_ended(
    sns: Any, endpoint: Endpoint
) -> None:
    topic = new_topic(sns)
    arn = follow(sns, topic, endpoint)
    sns.publish(TopicArn=topic, Message="first")
    _, message = endpoint.take()
    assert message["UnsubscribeURL"].endswith(f"SubscriptionArn={arn}")
    fetch(message["UnsubscribeURL"])
    headers, ended = endpoint.take()
    assert headers["x-amz-sns-message-type"] == ended["Type"] == "UnsubscribeConfirmation"
    assert verify(ended) == "SHA-1"
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    counts = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert counts["SubscriptionsDeleted"] == "1"
    fetch(ended["SubscribeURL"])
    sns.publish(TopicArn=topic, Message="back")
    assert endpoint.take()[1]["Message"] == "back"
    sns.unsubscribe(SubscriptionArn=arn)
    fetch(message["UnsubscribeURL"])
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_who_confirms_with_a_signature_can_keep_links_of_sns_from_ending_it(
    sns: Any, endpoint: Endpoint
) -> None:
    topic = new_topic(sns)
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    token = endpoint.take()[1]["Token"]
    asked = {"TopicArn": topic, "Token": token, "AuthenticateOnUnsubscribe": "true"}
    sns.confirm_subscription(**asked)
    sns.publish(TopicArn=topic, Message="x")
    link = endpoint.take()[1]["UnsubscribeURL"]
    with pytest.raises(HTTPError, match="403"):
        fetch(link)
    sns.publish(TopicArn=topic, Message="still here")
    assert endpoint.take()[1]["Message"] == "still here"


def test_addresses_of_endpoints_are_checked_by_sns(sns: Any) -> None:
    topic = new_topic(sns)
    lambda_arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    for protocol, address in (
        ("http", "https://example.com/"),
        ("https", "http://example.com/"),
        ("http", "http://"),
        ("http", "http://example.com:99999/"),
        ("http", "http://example.com/a b"),
        ("http", "http://example.com/\r\nX-Injected: 1"),
        ("http", "http://exämple.com/"),
        ("http", ""),
        ("sqs", "http://example.com/"),
        ("sqs", lambda_arn),
        ("lambda", "f"),
        ("pigeon", "x"),
    ):
        asked = {"TopicArn": topic, "Protocol": protocol, "Endpoint": address}
        assert sns_refusal(sns.subscribe, **asked)[0] == "InvalidParameter", asked
    for name, value in (
        ("DeliveryPolicy", json.dumps(AT_ONCE)),
        ("RawMessageDelivery", "true"),
        ("RedrivePolicy", "{}"),
        ("RedrivePolicy", json.dumps({"deadLetterTargetArn": lambda_arn})),
        ("Unheard", "x"),
    ):
        asked = {"TopicArn": topic, "Protocol": "lambda", "Endpoint": lambda_arn}
        refused = sns_refusal(sns.subscribe, **asked, Attributes={name: value})
        assert refused[0] == "InvalidParameter", name
