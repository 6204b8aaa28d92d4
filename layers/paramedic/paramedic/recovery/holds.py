"""What people hold: everything by the global switch, or one target. Whatever cannot be read holds."""

from dataclasses import dataclass
from enum import StrEnum

from paramedic.state.incidents import GLOBAL_TARGET, SWITCH_ITEM, HoldSwitch, SwitchState
from paramedic.state.tables import InvalidRowError, StateUnreachableError


class Switch(StrEnum):
    """A switch as read; `UNREADABLE` holds like `HOLD`."""

    RUN = "run"
    HOLD = "hold"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class SwitchReading:
    """A switch as read, and who set it why."""

    state: Switch
    by: str = ""

    def said_of(self, subject: str) -> str:
        """One phrase about it; empty while it says run."""
        match self.state:
            case Switch.RUN:
                return ""
            case Switch.HOLD:
                return f"{subject} is {self.state.value} ({self.by})"
            case Switch.UNREADABLE:
                return f"{subject} is {self.state.value}"


def read_switch(target_id: str = GLOBAL_TARGET) -> SwitchReading:
    """The switch of one target, or the global one; whatever keeps it from being read holds."""
    try:
        row = HoldSwitch.read(target_id, SWITCH_ITEM)
    except (InvalidRowError, StateUnreachableError):
        return SwitchReading(Switch.UNREADABLE)
    if row is None or row.state == SwitchState.RUN:
        return SwitchReading(Switch.RUN)
    return SwitchReading(Switch.HOLD, f"{row.actor}: {row.reason}")


def why_held(everything: SwitchReading, itself: SwitchReading) -> str:
    """What holds a target, given the global switch and its own; empty only while both say run."""
    return everything.said_of("the global switch") or itself.said_of("the target's own switch")


def read_hold(target_id: str) -> str:
    """What holds `target_id` now, in one phrase; empty while nothing does."""
    return why_held(read_switch(), read_switch(target_id))
