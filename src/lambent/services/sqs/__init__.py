"""Amazon Simple Queue Service: standard and FIFO queues."""

from lambent.services.sqs.operations import Sqs

__all__ = ["Sqs"]
