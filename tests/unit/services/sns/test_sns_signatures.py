"""Signatures of notifications, checked by verifiers of others: the `rsa` package and OpenSSL."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import rsa as verifier

from lambent.clock import ManualClock
from lambent.domain.errors import PlatformFault
from lambent.services.sns import rsa
from lambent.services.sns.certificate import make_certificate
from lambent.services.sns.envelope import string_to_sign
from lambent.services.sns.signing import Signer


@pytest.fixture(scope="module")
def key() -> rsa.PrivateKey:
    return rsa.generate_key()


def test_sns_signatures_are_verified_by_another_implementation(key: rsa.PrivateKey) -> None:
    public = verifier.PublicKey(key.modulus, rsa.EXPONENT)
    assert key.modulus.bit_length() == rsa.BITS
    for digest, name in (("sha1", "SHA-1"), ("sha256", "SHA-256")):
        signature = rsa.sign(key, b"hello", digest)
        assert verifier.verify(b"hello", signature, public) == name
        with pytest.raises(verifier.VerificationError):
            verifier.verify(b"other", signature, public)


def test_sns_powers_are_those_of_python(key: rsa.PrivateKey) -> None:
    for base in (0, 1, 2, key.p - 1, 12_345):
        assert rsa.power(base, key.d % key.p, key.p) == pow(base, key.d % key.p, key.p)


def test_sns_certificates_are_read_and_verified_by_openssl(
    key: rsa.PrivateKey, tmp_path: Path
) -> None:
    pem = make_certificate(key, "sns.us-east-1.amazonaws.com", 77, 1_700_000_000.0)
    context = ssl.create_default_context(cadata=pem)  # parses it
    assert context is not None
    tool = shutil.which("openssl")
    if tool is None:
        pytest.skip("the openssl command is not there")
    file = tmp_path / "certificate.pem"
    file.write_text(pem)
    checked = subprocess.run(
        [tool, "verify", "-CAfile", file, "-check_ss_sig", "-attime", "1700000001", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_sns_keys_are_made_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "sns-signing.json"

    async def sign() -> tuple[str, str, str]:
        signer = Signer(file, ManualClock(), "sns")
        assert signer.find_certificate("/SimpleNotificationService-x.pem") is None
        await signer.ready()
        path = signer.certificate_path
        assert signer.find_certificate(path) == signer.certificate
        assert signer.find_certificate(f"{path}x") is None
        return path, signer.certificate, signer.sign("2", "text")

    first = asyncio.run(sign())
    assert asyncio.run(sign()) == first
    assert file.stat().st_mode & 0o777 == 0o600
    held = json.loads(file.read_text())
    public = verifier.PublicKey(int(held["p"], 16) * int(held["q"], 16), rsa.EXPONENT)
    assert verifier.verify(b"text", base64.b64decode(first[2]), public) == "SHA-256"
    file.write_text("{}")
    with pytest.raises(PlatformFault, match="cannot read SNS's signing key"):
        asyncio.run(sign())


def test_sns_the_words_that_are_signed_are_those_of_the_guide() -> None:
    """SNS Developer Guide, "Verifying the signatures of Amazon SNS messages": its example."""
    notification = {
        "Type": "Notification",
        "MessageId": "id",
        "TopicArn": "arn",
        "Subject": "My First Message",
        "Message": "Hello world!",
        "Timestamp": "2012-05-02T00:54:06.655Z",
        "UnsubscribeURL": "not signed",
    }
    assert string_to_sign(notification) == (
        "Message\nHello world!\nMessageId\nid\nSubject\nMy First Message\n"
        "Timestamp\n2012-05-02T00:54:06.655Z\nTopicArn\narn\nType\nNotification\n"
    )
    del notification["Subject"]
    assert "Subject" not in string_to_sign(notification)
    confirmation = {
        "Type": "SubscriptionConfirmation",
        "MessageId": "id",
        "Token": "token",
        "TopicArn": "arn",
        "Message": "text",
        "SubscribeURL": "url",
        "Timestamp": "now",
    }
    assert string_to_sign(confirmation) == (
        "Message\ntext\nMessageId\nid\nSubscribeURL\nurl\nTimestamp\nnow\nToken\ntoken\n"
        "TopicArn\narn\nType\nSubscriptionConfirmation\n"
    )
