"""When a monitor's ticks are. Pure."""

from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


def tick_after(last: datetime, now: datetime) -> datetime:
    """The tick after `last`: a minute later, or at once where the clock is a minute or more from that.

    So what was missed while a machine slept is not made up for, and a clock that was set keeps nobody waiting.
    """
    due = last + MINUTE
    return due if abs(now - due) < MINUTE else now


def seconds_until(due: datetime, now: datetime, most: float) -> float:
    """How long to wait for `due`; `most` at the longest, whatever the clock was set to."""
    return min(max((due - now).total_seconds(), 0.0), most)
