"""S3 as its own clients use it, unmodified: the AWS CLI's `s3`, and AWS's SDK for JavaScript.

Only the endpoint and credentials are set, in the environment, as their manuals say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RunningServer
from tests.thirdparty.test_third_parties import npm_install

SDK = ("@aws-sdk/client-s3@3.1169.0", "@aws-sdk/lib-storage@3.1169.0")
PRESIGNER = "@aws-sdk/s3-request-presigner@3.1162.0"
COMMAND_TIMEOUT_S = 120


@pytest.fixture
def environment(server: RunningServer, tmp_path: Path) -> dict[str, str]:
    """`server` is the one that the tests of the API share."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LANG": "C.UTF-8",
    }


def run_command(command: list[str], environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_aws_cli_copies_syncs_lists_and_removes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    program = str(Path(sys.executable).parent / "aws")

    def s3(*arguments: str) -> str:
        return run_command([program, "s3", *arguments], environment, tmp_path)

    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "a.txt").write_text("one")
    (tree / "sub" / "b c+ü.txt").write_text("two")
    large = os.urandom(9_000_000)  # above the CLI's threshold: in parts, both ways
    (tree / "large.bin").write_bytes(large)
    for path in tree.rglob("*.*"):  # S3 tells whole seconds: a younger file would count as changed
        os.utime(path, (0, 0))
    s3("mb", "s3://cli-bucket")
    assert s3("sync", "tree", "s3://cli-bucket/t").count("upload: ") == 3
    assert s3("sync", "tree", "s3://cli-bucket/t") == ""
    (tree / "a.txt").write_text("three")
    assert s3("sync", "tree", "s3://cli-bucket/t").count("upload: ") == 1
    listed = s3("ls", "s3://cli-bucket", "--recursive")
    assert [line.split(maxsplit=3)[3] for line in listed.splitlines()] == [
        "t/a.txt",
        "t/large.bin",
        "t/sub/b c+ü.txt",
    ]
    assert s3("cp", "s3://cli-bucket/t/a.txt", "-") == "three"
    s3("cp", "s3://cli-bucket/t/large.bin", "s3://cli-bucket/copy.bin")
    s3("cp", "s3://cli-bucket/copy.bin", "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == large
    s3("sync", "s3://cli-bucket/t", "back")
    assert (tmp_path / "back" / "sub" / "b c+ü.txt").read_text() == "two"
    (tree / "a.txt").unlink()
    assert "delete: " in s3("sync", "tree", "s3://cli-bucket/t", "--delete")
    assert "remove_bucket: cli-bucket" in s3("rb", "s3://cli-bucket", "--force")


PROGRAM = """
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import * as s3 from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const client = new s3.S3Client({});
const Bucket = 'js-bucket';
const send = (name, params = {}) => client.send(new s3[name + 'Command']({ Bucket, ...params }));
const text = async (Key, params = {}) => {
  const got = await send('GetObject', { Key, ...params });
  return got.Body.transformToString();
};
const failed = async (work) => {
  try { await work; } catch (error) { return [error.name, error.$metadata.httpStatusCode]; }
};
const out = {};
await send('CreateBucket');
const put = await send('PutObject', { Key: 'a/b c.txt', Body: 'hello', Metadata: { who: 'me' },
  ContentType: 'text/plain', Tagging: 'k=v' });
out.checksum = put.ChecksumCRC32;
out.text = await text('a/b c.txt');
out.range = await text('a/b c.txt', { Range: 'bytes=1-3' });
const head = await send('HeadObject', { Key: 'a/b c.txt' });
out.head = [head.ContentLength, head.ContentType, head.Metadata.who, head.ETag === put.ETag];
out.exists = await failed(send('PutObject', { Key: 'a/b c.txt', Body: 'x', IfNoneMatch: '*' }));
out.absent = await failed(send('GetObject', { Key: 'absent' }));
await send('CopyObject', { Key: 'copy', CopySource: Bucket + '/a/b%20c.txt' });
out.unchanged = (await failed(send('GetObject', { Key: 'copy', IfNoneMatch: put.ETag })))[1];
for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'SHA1', 'SHA256', 'CRC64NVME'])
  await send('PutObject', { Key: 'sum/' + ChecksumAlgorithm, Body: 'x', ChecksumAlgorithm });
const parts = async function* () { for (let n = 0; n < 40; n++) yield Buffer.alloc(50000, n); };
await send('PutObject', { Key: 'stream', Body: Readable.from(parts()), ContentLength: 2000000 });
const large = randomBytes(12 * 1024 * 1024);
const Body = Readable.from([large]);
const upload = new Upload({ client, params: { Bucket, Key: 'large', Body } });
out.parts = /-3"$/.test((await upload.done()).ETag);
const got = await (await send('GetObject', { Key: 'large' })).Body.transformToByteArray();
const digest = (data) => createHash('sha256').update(data).digest('hex');
out.large = digest(got) === digest(large);
out.copy = await text('copy');
const keys = [];
const pages = s3.paginateListObjectsV2({ client, pageSize: 3 }, { Bucket });
for await (const page of pages) keys.push(...page.Contents.map((one) => one.Key));
out.keys = keys;
const tags = await send('GetObjectTagging', { Key: 'a/b c.txt' });
out.tags = tags.TagSet;
const url = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: 'copy' }));
out.presigned = await (await fetch(url)).text();
const target = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key: 'signed' }));
out.put = (await fetch(target, { method: 'PUT', body: 'signed' })).status;
await s3.waitUntilObjectExists({ client, maxWaitTime: 10 }, { Bucket, Key: 'signed' });
const Delete = { Objects: [...keys, 'signed'].map((Key) => ({ Key })) };
out.deleted = (await send('DeleteObjects', { Delete })).Deleted.length;
await send('DeleteBucket');
console.log(JSON.stringify(out));
"""


def test_the_sdk_for_javascript_uses_all_of_s3(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}')
    npm_install(tmp_path, *SDK, PRESIGNER)
    (tmp_path / "run.js").write_text(PROGRAM)
    out = json.loads(run_command(["node", "run.js"], environment, tmp_path))
    assert out == {
        "checksum": "NhCmhg==",
        "text": "hello",
        "range": "ell",
        "head": [5, "text/plain", "me", True],
        "exists": ["PreconditionFailed", 412],
        "absent": ["NoSuchKey", 404],
        "unchanged": 304,
        "parts": True,
        "large": True,
        "copy": "hello",
        "keys": [
            "a/b c.txt",
            "copy",
            "large",
            "stream",
            *(f"sum/{name}" for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")),
        ],
        "tags": [{"Key": "k", "Value": "v"}],
        "presigned": "hello",
        "put": 200,
        "deleted": 10,
    }
