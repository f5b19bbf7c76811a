"""Requests to S3 that no client would make: each is answered, and none by a fault of ours."""

from __future__ import annotations

import http.client
import os
import random
from typing import Any

from tests.conftest import RunningServer

SEED = int(os.environ.get("LAMBENT_TEST_SEED", "20264"))
REQUESTS = 1_000
SIGNED = (
    "Authorization",
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host,"
    " Signature=x",
)
PATHS = ["fuzz", "fuzz/k", "fuzz/k", "fuzz/k%0d%0a", "fuzz/%ff", "fuzz/%00", "%2e%2e/x", "absent/k"]
_QUERIES = """
acl tagging versioning notification policy uploads delete versions list-type=2 location cors
publicAccessBlock ownershipControls encryption attributes uploadId=x uploadId=x&partNumber=1
partNumber=0 partNumber=abc partNumber=99999999999999999999 versionId=x versionId=null restore
select&select-type=2 encoding-type=url max-keys=-1 max-keys=abc max-keys=99999999999999999999
prefix=%ff delimiter=%00 list-type=2&continuation-token=zzz marker=%F0%9F%98%80
versions&key-marker=a&version-id-marker=b response-content-type=a%0d%0ab:c response-expires=x
uploadId=x&max-parts=-1 uploads&max-uploads=0 renameObject annotation
"""
QUERIES = _QUERIES.split()
HEADERS = [
    ("x-amz-copy-source", "fuzz/k"),
    ("x-amz-copy-source", "%ff"),
    ("x-amz-copy-source", "/fuzz/k?versionId="),
    ("x-amz-copy-source-range", "x"),
    ("Range", "bytes=9-1"),
    ("Range", "bytes=99999999999999999999999-"),
    ("If-None-Match", "*"),
    ("If-Match", '"x"'),
    ("If-Modified-Since", "garbage"),
    ("x-amz-tagging", "%ff=%00"),
    ("x-amz-meta-x", "\xff\xfe"),
    ("x-amz-meta-x", "=?UTF-8?B?xx?="),
    ("x-amz-storage-class", "NOPE"),
    ("x-amz-checksum-crc32", "AAAA"),
    ("x-amz-sdk-checksum-algorithm", "MD5"),
    ("x-amz-trailer", "x-amz-checksum-crc32"),
    ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    ("x-amz-content-sha256", "STREAMING-X"),
    ("x-amz-content-sha256", "0" * 64),
    ("x-amz-decoded-content-length", "abc"),
    ("Content-MD5", "x"),
    ("Expires", "garbage"),
    ("x-amz-expected-bucket-owner", "1"),
    ("x-amz-mp-object-size", "abc"),
    ("x-amz-object-attributes", "ETag,Zzz"),
    ("Content-Type", "multipart/form-data; boundary=b"),
]
BODIES = [
    b"",
    b"<",
    b"<a/>",
    b"<Delete><Object/></Delete>",
    b"<Delete><Object><Key>k</Key></Object></Delete>",
    b"<Tagging><TagSet><Tag><Key></Key><Value>1</Value></Tag></TagSet></Tagging>",
    b"<VersioningConfiguration><Status>Zzz</Status></VersioningConfiguration>",
    b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber></Part></CompleteMultipartUpload>",
    b"<NotificationConfiguration><QueueConfiguration><Queue>a:b</Queue>"
    b"<Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>",
    b"<NotificationConfiguration><QueueConfiguration/></NotificationConfiguration>",
    b"<OwnershipControls><Rule/></OwnershipControls>",
    b'{"Statement": 5}',
    b'{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": 5}]}',
    b"\xff\xfe\x00",
    b"5;chunk-signature=x\r\nhello\r\n0\r\n\r\n",
    b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\n\xff\r\n--b\r\n'
    b'Content-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
    b"--b\r\n",
    b"x" * 20_000,
]


def _request(chance: random.Random) -> tuple[str, str, dict[str, str], bytes]:
    method = chance.choice(["GET", "PUT", "POST", "DELETE", "HEAD"])
    query = chance.choice(["", chance.choice(QUERIES)])
    headers = dict(chance.sample(HEADERS, chance.choice([0, 1, 2])))
    if chance.random() < 0.9:
        headers[SIGNED[0]] = SIGNED[1]
    body = chance.choice(BODIES) if method in ("PUT", "POST") else b""
    return method, f"/{chance.choice(PATHS)}{'?' * bool(query)}{query}", headers, body


def test_s3_answers_whatever_it_is_sent(server: RunningServer) -> None:
    chance = random.Random(SEED)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def send(method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    faults: list[tuple[int, Any]] = []
    try:
        for number in range(REQUESTS):
            if number % 10 == 0:
                send("PUT", "/fuzz", dict([SIGNED]), b"")
                send("PUT", "/fuzz/k", dict([SIGNED]), b"hello")
            request = _request(chance)
            status = send(*request)
            if status >= 500 and status != 501:
                faults.append((status, request))
    finally:
        connection.close()
    assert faults == [], f"seed {SEED}"
