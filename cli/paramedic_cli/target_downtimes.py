"""What is planned for targets, as a list of them shows it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from paramedic.downtime.periods import upcoming
from paramedic.downtime.stored import AnySubject, TargetSubject
from paramedic.downtime.windows import read_all_windows
from paramedic.state.downtime_windows import Window
from paramedic.state.targets import Target, controller_target_id


def windows_by_target() -> Mapping[str, Sequence[Window]]:
    """The windows of every controller and target that has any, by target id.

    Raises:
        InvalidRowError: some cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    found: dict[str, list[Window]] = {}
    for subject, window in read_all_windows():
        target_id = _target_id(subject)
        if target_id is not None:
            found.setdefault(target_id, []).append(window)
    return found


def in_downtime(row: Target, now: datetime) -> str | None:
    """That the target is off on purpose at `now`, until when and why; None if it is not."""
    if row.downtime is None or not row.downtime.covers(now):
        return None
    why = f": {row.downtime.reason}" if row.downtime.reason else ""
    return f"in planned downtime until {_shown(row.downtime.until)}{why}"


def next_downtime(windows: Sequence[Window], now: datetime) -> str | None:
    """The first downtime to come after `now`, or the one that begins in this minute; None if none is planned."""
    periods = [period for window in windows if (period := upcoming(window, now)) is not None]
    if not periods:
        return None
    first = min(periods, key=lambda period: period.since)
    return f"downtime from {_shown(first.since)} until {_shown(first.until)}"


def _target_id(subject: AnySubject) -> str | None:
    if isinstance(subject, TargetSubject):
        return subject.target_id
    return None if subject.service else controller_target_id(subject.controller_id)


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"
