"""Makes a thumbnail of each image that is put under `images/`. Pillow is in a layer."""

import io
from urllib.parse import unquote_plus

import boto3
from PIL import Image

s3 = boto3.client("s3")
SIZE = (128, 128)


def handler(event, context):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = unquote_plus(record["s3"]["object"]["key"])  # keys come quoted
        image = Image.open(s3.get_object(Bucket=bucket, Key=key)["Body"])
        image.thumbnail(SIZE)
        small = io.BytesIO()
        image.save(small, "PNG")
        made = key.replace("images/", "thumbnails/", 1)
        s3.put_object(Bucket=bucket, Key=made, Body=small.getvalue(), ContentType="image/png")
        print("made", made, image.size)
