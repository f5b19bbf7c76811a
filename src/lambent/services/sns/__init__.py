"""Amazon Simple Notification Service: topics, and what is subscribed to them."""

from lambent.services.sns.operations import Sns

__all__ = ["Sns"]
