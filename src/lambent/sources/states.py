"""The states of an event source mapping and what moves them. Pure.

Source: [B] EventSourceMappingConfiguration.State: "Creating, Enabling, Enabled, Disabling,
Disabled, Updating, or Deleting"; which follows which is as recorded from AWS [LS].
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from lambent.domain.event_source import MappingState


class Signal(Enum):
    """What happens to a mapping."""

    ENABLE = "enable"
    DISABLE = "disable"
    CHANGE = "change"
    """Another configuration; enabled or not as before."""
    DELETE = "delete"
    POLLING = "polling"
    """Its pollers work by the configuration that was stored last."""
    DRAINED = "drained"
    """Nothing of it is polled, and no batch of it runs."""


_ENABLING = {
    Signal.ENABLE: MappingState.ENABLING,
    Signal.DISABLE: MappingState.DISABLING,
    Signal.DELETE: MappingState.DELETING,
    Signal.POLLING: MappingState.ENABLED,
}
TRANSITIONS: Mapping[MappingState, Mapping[Signal, MappingState | None]] = {
    MappingState.CREATING: {
        **_ENABLING,
        Signal.CHANGE: MappingState.CREATING,
        Signal.DRAINED: MappingState.DISABLED,
    },
    MappingState.ENABLING: {**_ENABLING, Signal.CHANGE: MappingState.ENABLING},
    MappingState.ENABLED: {
        Signal.DISABLE: MappingState.DISABLING,
        Signal.CHANGE: MappingState.UPDATING,
        Signal.DELETE: MappingState.DELETING,
    },
    MappingState.DISABLING: {
        Signal.ENABLE: MappingState.ENABLING,
        Signal.CHANGE: MappingState.DISABLING,
        Signal.DELETE: MappingState.DELETING,
        Signal.DRAINED: MappingState.DISABLED,
    },
    MappingState.DISABLED: {
        Signal.ENABLE: MappingState.ENABLING,
        Signal.CHANGE: MappingState.UPDATING,
        Signal.DELETE: MappingState.DELETING,
    },
    MappingState.UPDATING: {
        **_ENABLING,
        Signal.CHANGE: MappingState.UPDATING,
        Signal.DRAINED: MappingState.DISABLED,
    },
    MappingState.DELETING: {Signal.DRAINED: None},
}
"""State → signal → the next state; None: the mapping is gone."""


class IllegalTransition(Exception):
    """A signal that cannot come in this state."""


def decide(state: MappingState, signal: Signal) -> MappingState | None:
    """The next state; None once it is gone. Raises IllegalTransition."""
    row = TRANSITIONS[state]
    if signal not in row:
        raise IllegalTransition(f"{signal.value} while {state.value}")
    return row[signal]
