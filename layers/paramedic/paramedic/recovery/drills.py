"""Drills: a target that is well is ended to see it recovered, within its window if it has one. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from paramedic.clock import from_iso
from paramedic.errors import InvalidInputError
from paramedic.health.verdict import Verdict
from paramedic.recovery.incident_rules import SAME_INCIDENT, IncidentState
from paramedic.state.recoveries import Entry, Step
from paramedic.state.targets import Target

_MINUTE_OF_DAY = "([01][0-9]|2[0-3]):([0-5][0-9])"
_WINDOW = re.compile(f"{_MINUTE_OF_DAY}-{_MINUTE_OF_DAY}")


@dataclass(frozen=True)
class DrillWindow:
    """Minutes of each day in UTC; one that ends before it begins goes over midnight."""

    begins: int
    ends: int

    def covers(self, moment: datetime) -> bool:
        """Whether `moment`, in UTC, lies in it; its end does not."""
        minute = moment.hour * 60 + moment.minute
        if self.begins < self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


def read_window(text: str, field: str) -> DrillWindow:
    """The window that `text` means.

    Raises:
        InvalidInputError: it is none; names `field`.
    """
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise InvalidInputError(field, text, "must be two times of day in UTC, such as 02:00-04:00")
    hours = [int(each) for each in match.groups()]
    window = DrillWindow(hours[0] * 60 + hours[1], hours[2] * 60 + hours[3])
    if window.begins == window.ends:
        raise InvalidInputError(field, text, "is empty: it ends when it begins")
    return window


def why_not_now(window: str | None, moment: datetime) -> str:
    """Why no drill may be made at `moment`; empty when one may, as ever where there is no window.

    Raises:
        InvalidInputError: the window is none.
    """
    if not window or read_window(window, "drill_window").covers(moment):
        return ""
    return f"its drills are made at {window} UTC, and it is {moment:%H:%M}"


def why_not_so_soon(incident: IncidentState | None, moment: datetime) -> str:
    """Why what has just been recovered, or tried to be, is left in peace at `moment`; empty when it has not."""
    if incident is None:
        return ""
    lately = [at for at in (incident.last_attempt_at, incident.last_success_at) if at and moment - at < SAME_INCIDENT]
    return f"it was recovered at {max(lately):%H:%M:%SZ}, less than half an hour ago" if lately else ""


def why_not_beside(target: Target, moment: datetime) -> str:
    """Why no drill is made by itself while some target is as it is at `moment`; empty when it is well."""
    if target.paused:
        return f"{target.target_id} is paused"
    if target.is_off_on_purpose(moment):
        return f"{target.target_id} is in planned downtime"
    if target.bad is None or target.bad.verdict == Verdict.HEALTHY or target.left_at:
        return ""
    return f"{target.target_id} is {target.bad.diagnosis}"


def timed(entries: Sequence[Entry]) -> str:
    """How long each step of a drill took since it was opened, in one phrase."""
    words = {Step.LAUNCH: "ended", Step.VERIFY: "its successor launched", Step.DONE: "healthy again"}
    begun = from_iso(entries[0].at)
    # A step that was taken twice counts when it was last.
    reached = {Step(each.step): from_iso(each.at) - begun for each in entries if each.step in words}
    told = [f"{words[step]} after {took.total_seconds():.1f} s" for step, took in reached.items()]
    return ", ".join(told)
