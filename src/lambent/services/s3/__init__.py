"""Amazon S3: buckets and objects, durable, and the events that writes cause."""

from lambent.services.s3.operations import S3

__all__ = ["S3"]
