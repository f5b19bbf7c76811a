"""Amazon EventBridge: event buses, rules and their targets, archives and replays."""

from lambent.services.events.operations import EventBridge

__all__ = ["EventBridge"]
