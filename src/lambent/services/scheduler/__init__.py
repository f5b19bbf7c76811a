"""Amazon EventBridge Scheduler: schedules in groups, each with one target."""

from lambent.services.scheduler.operations import Scheduler

__all__ = ["Scheduler"]
