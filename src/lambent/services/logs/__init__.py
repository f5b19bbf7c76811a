"""Amazon CloudWatch Logs: groups, streams and events, over the log store."""

from lambent.services.logs.operations import Logs

__all__ = ["Logs"]
