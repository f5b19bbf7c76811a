"""An image is put into a bucket, a function makes its thumbnail.

    .venv/bin/python examples/thumbnail/run.py

Pillow, which has compiled parts, comes from PyPI and goes into a layer, as on AWS.
"""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from running import RUNTIME, Running, running, wait_for  # noqa: E402 - it is beside this folder

BUCKET = "pictures"


def main() -> None:
    try:
        with running() as lambent:
            show(lambent)
    except KeyboardInterrupt:
        sys.exit(130)


def show(lambent: Running) -> None:
    client, s3 = lambent.client("lambda"), lambent.client("s3")
    layer = client.publish_layer_version(
        LayerName="pillow", Content={"ZipFile": pillow()}, CompatibleRuntimes=[RUNTIME]
    )
    print("layer", layer["LayerVersionArn"])
    function = lambent.deploy(
        "thumbnail", HERE, Layers=[layer["LayerVersionArn"]], Timeout=30, MemorySize=512
    )
    s3.create_bucket(Bucket=BUCKET)
    client.add_permission(
        FunctionName="thumbnail",
        StatementId="bucket",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{BUCKET}",
    )
    # The prefix keeps thumbnails from having thumbnails.
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": function,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "images/"}]}},
                }
            ]
        },
    )
    s3.put_object(Bucket=BUCKET, Key="images/red square.png", Body=png(600, 300))
    print("put", "images/red square.png", (600, 300))
    found = wait_for("a thumbnail", lambda: thumbnails(s3))
    print("found", *found)
    small = s3.get_object(Bucket=BUCKET, Key="thumbnails/red square.png")["Body"].read()
    size = struct.unpack(">II", small[16:24])
    assert size == (128, 64), size
    print("its size is", size)


def thumbnails(s3: Any) -> list[str]:
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="thumbnails/")
    return [item["Key"] for item in listed.get("Contents", ())]


def pillow() -> bytes:
    """A layer's package with Pillow for the Python that runs the function."""
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "python"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target)]
        subprocess.run([*command, "--only-binary", ":all:", "pillow"], check=True)
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for path in sorted(target.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder).as_posix())
    return buffer.getvalue()


def png(width: int, height: int) -> bytes:
    """A red picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    rows = (b"\0" + b"\xff\0\0" * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


if __name__ == "__main__":
    main()
