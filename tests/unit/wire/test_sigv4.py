"""Signatures of version 4: AWS's published examples, and whatever botocore signs.

Sources: IAM User Guide / AWS General Reference, "Signature Version 4 test suite" (get-vanilla and
others) and the worked example of ListUsers; S3 API Reference, "Example: PUT object … in multiple
chunks". Texts: as recorded in public reports of AWS's answers (searched 2026-11).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from lambent.wire.sigv4 import SignatureError, SignatureProblem, parse_signature, verify

SUITE_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SUITE_NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
S3_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
S3_NOW = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
SECRET = "s3cr3t/+="


@dataclass
class Message:
    """A request as it came over HTTP."""

    method: str = "GET"
    path: str = "/"
    query: str = ""
    raw_headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


def suite(signature: str, signed: str = "host;x-amz-date", **more: bytes) -> dict[bytes, bytes]:
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        f" SignedHeaders={signed}, Signature={signature}"
    )
    headers = {
        b"host": b"example.amazonaws.com",
        b"x-amz-date": b"20150830T123600Z",
        b"authorization": authorization.encode(),
    }
    return headers | {name.encode(): value for name, value in more.items()}


def check(message: Message, secret: str, now_s: float) -> bytes:
    return verify(parse_signature(message), message, secret, now_s=now_s)


def refused(message: Message, secret: str = SUITE_SECRET, now_s: float = SUITE_NOW) -> tuple:
    with pytest.raises(SignatureError) as caught:
        check(message, secret, now_s)
    return caught.value.problem, caught.value.message


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            Message(
                raw_headers=suite(
                    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
                )
            ),
            id="get-vanilla",
        ),
        pytest.param(
            Message(
                query="Param2=value2&Param1=value1",
                raw_headers=suite(
                    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
                ),
            ),
            id="get-vanilla-query-order-key-case",
        ),
        pytest.param(
            Message(
                method="POST",
                raw_headers=suite(
                    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
                ),
            ),
            id="post-vanilla",
        ),
    ],
)
def test_the_published_test_suite_is_verified(message: Message) -> None:
    assert check(message, SUITE_SECRET, SUITE_NOW) == b""


def test_the_published_example_of_list_users_is_verified() -> None:
    authorization = (
        b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        b"SignedHeaders=content-type;host;x-amz-date, "
        b"Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
    headers = {
        b"host": b"iam.amazonaws.com",
        b"content-type": b"application/x-www-form-urlencoded; charset=utf-8",
        b"x-amz-date": b"20150830T123600Z",
        b"authorization": authorization,
    }
    query = "Action=ListUsers&Version=2010-05-08"
    assert check(Message(query=query, raw_headers=headers), SUITE_SECRET, SUITE_NOW) == b""


# Chunked payloads


def s3_example() -> Message:
    signatures = (
        b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    )
    sizes = (65536, 1024, 0)
    body = b"".join(
        b"%x;chunk-signature=%b\r\n%b\r\n" % (size, signature, b"a" * size)
        for size, signature in zip(sizes, signatures, strict=True)
    )
    authorization = (
        b"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        b"SignedHeaders=content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
        b"x-amz-decoded-content-length;x-amz-storage-class,"
        b"Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    )
    headers = {
        b"host": b"s3.amazonaws.com",
        b"x-amz-date": b"20130524T000000Z",
        b"x-amz-storage-class": b"REDUCED_REDUNDANCY",
        b"authorization": authorization,
        b"x-amz-content-sha256": b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        b"content-encoding": b"aws-chunked",
        b"x-amz-decoded-content-length": b"66560",
        b"content-length": b"66824",
    }
    return Message("PUT", "/examplebucket/chunkObject.txt", "", headers, body)


def test_the_published_example_of_a_chunked_payload_is_verified_and_unwrapped() -> None:
    message = s3_example()
    assert len(message.body) == 66824
    assert check(message, S3_SECRET, S3_NOW) == b"a" * 66560


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda body: body.replace(b"a\r\n400", b"b\r\n400"), "chunk signature"),
        (lambda body: body[:-10], "not in chunks"),
        (lambda body: body[:40000], "within a chunk"),
        (lambda body: body + b"more", "More follows"),
        (lambda body: b"zz" + body, "size cannot be read"),
        (lambda body: b"", "not in chunks"),
    ],
)
def test_a_chunk_that_was_changed_is_refused(change, text: str) -> None:
    message = s3_example()
    message.body = change(message.body)
    problem, said = refused(message, S3_SECRET, S3_NOW)
    assert problem is SignatureProblem.MISMATCH
    assert text in said


def sign_by_hand(message: Message, form: str) -> str:
    """Sign the head anew with `form` as its payload's hash; the signature."""
    stamp = "20260101T000000Z"
    message.raw_headers.update(
        {b"x-amz-content-sha256": form.encode(), b"x-amz-date": stamp.encode(), b"host": b"h"}
    )
    names = "host;x-amz-content-sha256;x-amz-date"
    canonical = (
        f"{message.method}\n{message.path}\n\nhost:h\nx-amz-content-sha256:{form}\n"
        f"x-amz-date:{stamp}\n\n{names}\n{form}"
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n20260101/us-east-1/lambda/aws4_request\n{digest}"
    signature = hmac.digest(hand_key(), text.encode(), "sha256").hex()
    message.raw_headers[b"authorization"] = (
        "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/lambda/aws4_request,"
        f"SignedHeaders={names},Signature={signature}"
    ).encode()
    return signature


def hand_key() -> bytes:
    key = b"AWS4" + SECRET.encode()
    for part in (b"20260101", b"us-east-1", b"lambda", b"aws4_request"):
        key = hmac.digest(key, part, "sha256")
    return key


HAND_NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def test_signed_trailers_end_the_chain_and_unsigned_chunks_need_none() -> None:
    message = Message("PUT", "/k")
    form = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
    previous = sign_by_hand(message, form)
    scope = "20260101T000000Z\n20260101/us-east-1/lambda/aws4_request"
    body = b""
    for data in (b"hello ", b"world", b""):
        text = (
            f"AWS4-HMAC-SHA256-PAYLOAD\n{scope}\n{previous}\n{hashlib.sha256(b'').hexdigest()}\n"
            f"{hashlib.sha256(data).hexdigest()}"
        )
        previous = hmac.digest(hand_key(), text.encode(), "sha256").hex()
        end = b"\r\n" if data else b""
        body += b"%x;chunk-signature=%b\r\n%b%b" % (len(data), previous.encode(), data, end)
    trailer = b"x-amz-checksum-crc32:AAAAAA==\n"
    text = f"AWS4-HMAC-SHA256-TRAILER\n{scope}\n{previous}\n{hashlib.sha256(trailer).hexdigest()}"
    last = hmac.digest(hand_key(), text.encode(), "sha256").hex().encode()
    body += b"x-amz-checksum-crc32:AAAAAA==\r\nx-amz-trailer-signature:" + last + b"\r\n\r\n"
    message.body = body
    assert check(message, SECRET, HAND_NOW) == b"hello world"
    message.body = body.replace(b"AAAAAA", b"BBBBBB")
    assert "trailer signature" in refused(message, SECRET, HAND_NOW)[1]
    message = Message("PUT", "/k", body=b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n")
    sign_by_hand(message, "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    assert check(message, SECRET, HAND_NOW) == b"hello"


def test_an_unsigned_payload_is_taken_as_it_is_and_an_unknown_form_is_not() -> None:
    message = Message("PUT", "/k", body=b"anything")
    sign_by_hand(message, "UNSIGNED-PAYLOAD")
    assert check(message, SECRET, HAND_NOW) == b"anything"
    sign_by_hand(message, "STREAMING-SOMETHING")
    assert "invalid" in refused(message, SECRET, HAND_NOW)[1]


# What botocore signs


def as_received(request: AWSRequest) -> Message:
    """What arrives of a request that botocore has signed and sent."""
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers = {b"host": parts.netloc.encode()}
    for name, value in prepared.headers.items():
        text = value if isinstance(value, bytes) else value.encode()
        headers[name.lower().encode()] = text.strip()
    body = prepared.body or b""
    return Message(
        prepared.method,
        parts.path or "/",
        parts.query,
        headers,
        body if isinstance(body, bytes) else body.encode(),
    )


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12
)
PATHS = st.lists(st.one_of(TEXTS, st.sampled_from(["a", "b%2F", "..", ".", "~x"])), max_size=4)
HEADERS = st.dictionaries(
    st.from_regex(r"x-amz-[a-z]{1,8}", fullmatch=True).filter(
        lambda name: name not in ("x-amz-date", "x-amz-security-token")
    ),
    st.from_regex(r"[!-~]([ -~]{0,10}[!-~])?", fullmatch=True),
    max_size=3,
)


@given(
    parts=PATHS,
    query=st.lists(st.tuples(TEXTS, st.one_of(st.just(""), TEXTS)), max_size=4),
    headers=HEADERS,
    body=st.binary(max_size=40),
    service=st.sampled_from(["lambda", "iam", "s3"]),
    token=st.sampled_from([None, "token=="]),
)
def test_whatever_botocore_signs_is_verified_and_any_change_is_not(
    parts, query, headers, body, service, token
) -> None:
    path = "/" + "/".join(quote(part, safe="%") for part in parts)
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    url = f"http://127.0.0.1:4566{path}" + (f"?{text}" if text else "")
    request = AWSRequest("POST", url, headers=dict(headers), data=body)
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    if service == "s3":  # as botocore's endpoint rules have it for plain HTTP
        request.context["client_config"] = None
    kind(Credentials("AKIA", SECRET, token), service, "us-east-1").add_auth(request)
    message = as_received(request)
    now = datetime.now(UTC).timestamp()
    signature = parse_signature(message)
    assert (signature.key_id, signature.token) == ("AKIA", token)
    assert verify(signature, message, SECRET, now_s=now) == body
    assert refused(message, "another", now)[0] is SignatureProblem.MISMATCH
    message.body += b"x"
    assert refused(message, SECRET, now)[0] is SignatureProblem.MISMATCH
    message.body = body
    message.method = "PUT"
    assert refused(message, SECRET, now)[0] is SignatureProblem.MISMATCH
    message.method = "POST"
    message.path += "x"
    assert refused(message, SECRET, now)[0] is SignatureProblem.MISMATCH


@given(parts=PATHS, query=st.lists(st.tuples(TEXTS, TEXTS), max_size=3))
def test_presigned_requests_hold_until_they_expire(parts, query) -> None:
    path = "/" + "/".join(quote(part, safe="%") for part in parts)
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    request = AWSRequest("GET", f"http://localhost:4566{path}" + (f"?{text}" if text else ""))
    auth = SigV4QueryAuth(Credentials("AKIA", SECRET), "lambda", "us-east-1", expires=60)
    auth.add_auth(request)
    message = as_received(request)
    signature = parse_signature(message)
    assert signature.expires_s == 60
    now = datetime.now(UTC).timestamp()
    assert verify(signature, message, SECRET, now_s=now) == b""
    problem, said = refused(message, SECRET, now + 120)
    assert problem is SignatureProblem.MISMATCH
    assert said.startswith("Signature expired: ")
    message.query += "&more=1"
    assert refused(message, SECRET, now)[0] is SignatureProblem.MISMATCH


# Refusals


def test_a_signature_older_than_its_window_is_refused_in_the_words_of_aws() -> None:
    vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    message = Message(raw_headers=suite(vanilla))
    assert check(message, SUITE_SECRET, SUITE_NOW + 900) == b""
    assert check(message, SUITE_SECRET, SUITE_NOW - 900) == b""
    assert refused(message, now_s=SUITE_NOW + 960) == (
        SignatureProblem.MISMATCH,
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123700Z"
        " (20150830T125200Z - 15 min.)",
    )
    assert refused(message, now_s=SUITE_NOW - 960) == (
        SignatureProblem.MISMATCH,
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123500Z"
        " (20150830T122000Z + 15 min.)",
    )


def authorized(text: str, **more: bytes) -> Message:
    headers = {b"host": b"h", b"x-amz-date": b"20150830T123600Z", b"authorization": text.encode()}
    return Message(raw_headers=headers | {name.encode(): value for name, value in more.items()})


GOOD = "Credential=A/20150830/us-east-1/lambda/aws4_request"


@pytest.mark.parametrize(
    ("message", "problem", "text"),
    [
        (Message(), SignatureProblem.MISSING, "Missing Authentication Token"),
        (authorized("Basic eDp5"), SignatureProblem.MISSING, "Missing Authentication Token"),
        (
            authorized(f"AWS4-HMAC-SHA256 {GOOD}"),
            SignatureProblem.INCOMPLETE,
            "Authorization header requires 'Signature' parameter. Authorization header requires"
            " 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256",
        ),
        (authorized("AWS4-HMAC-SHA256 x"), SignatureProblem.INCOMPLETE, "'x' not a valid key"),
        (
            authorized("AWS4-HMAC-SHA256 Credential=A/b, SignedHeaders=host, Signature=0"),
            SignatureProblem.INCOMPLETE,
            "Credential must have at least 5 slash-delimited elements",
        ),
        (
            authorized(f"AWS4-HMAC-SHA256 {GOOD}, SignedHeaders=x-amz-date, Signature=0"),
            SignatureProblem.INCOMPLETE,
            "'Host' or ':authority' must be a 'SignedHeader'",
        ),
        (
            authorized(
                f"AWS4-HMAC-SHA256 {GOOD}, SignedHeaders=host, Signature=0", **{"x-amz-date": b"x"}
            ),
            SignatureProblem.INCOMPLETE,
            "Date must be in ISO-8601 'basic format'",
        ),
        (
            authorized(f"AWS4-HMAC-SHA256 {GOOD}, SignedHeaders=host, Signature=0"),
            SignatureProblem.MISMATCH,
            "The request signature we calculated does not match",
        ),
        (
            authorized(
                "AWS4-HMAC-SHA256 Credential=A/20150829/us-east-1/lambda/aws4_request,"
                " SignedHeaders=host, Signature=0"
            ),
            SignatureProblem.MISMATCH,
            "Date in Credential scope does not match",
        ),
        (Message(query="X-Amz-Algorithm=no"), SignatureProblem.INCOMPLETE, "Unsupported AWS"),
        (
            Message(query="X-Amz-Algorithm=AWS4-HMAC-SHA256"),
            SignatureProblem.INCOMPLETE,
            "AWS query-string parameters must include 'Credential'",
        ),
        (
            Message(
                query="X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A&X-Amz-Signature=0"
                "&X-Amz-SignedHeaders=host&X-Amz-Date=20150830T123600Z&X-Amz-Expires=604801"
            ),
            SignatureProblem.INCOMPLETE,
            "X-Amz-Expires must be from 1 to 604800",
        ),
        (
            Message(query="&".join("a" * 1001) + "&X-Amz-Signature=1"),
            SignatureProblem.INCOMPLETE,
            "More than 1000",
        ),
    ],
)
def test_what_cannot_be_read_or_does_not_fit_is_refused(
    message: Message, problem: SignatureProblem, text: str
) -> None:
    refusal = refused(message)
    assert refusal[0] is problem
    assert text in refusal[1]


@given(st.binary(max_size=80), st.binary(max_size=80), st.text(max_size=80))
def test_nothing_but_a_signature_error_comes_of_any_header(header, body, query) -> None:
    message = Message(
        query=query,
        raw_headers={b"authorization": b"AWS4-HMAC-SHA256 " + header, b"host": b"h"},
        body=body,
    )
    assert isinstance(refused(message)[0], SignatureProblem)


def test_a_header_of_awss_own_that_was_not_signed_is_refused() -> None:
    """It would change what the request means: X-Amz-Invocation-Type, X-Amz-Tenant-Id …"""
    signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    message = Message(raw_headers=suite(signature, **{"x-amz-invocation-type": b"Event"}))
    problem, text = refused(message)
    assert problem is SignatureProblem.MISMATCH
    assert text.endswith("not signed: x-amz-invocation-type")
