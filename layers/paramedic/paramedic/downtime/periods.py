"""Which planned windows are in effect. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from paramedic.downtime.wall_clock import WallClockCron, wall_clock_cron
from paramedic.errors import InvalidInputError
from paramedic.state.downtimes import OneOff, PlannedPeriod, Recurring, Window

STOPS_LOOKED_AT = 100
"""Where this many stops in a row coincide with a start, they all do."""

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def in_effect(windows: Iterable[Window], moment: datetime) -> tuple[PlannedPeriod, ...]:
    """The windows that `moment` lies in, as periods; none begins before its window was added.

    Where stop and start fire at the same time, start wins.

    Raises:
        InvalidInputError: a window's cron expression or time zone is malformed.
    """
    periods = ((window, _around(window, moment)) for window in windows)
    found = (_since_added(window, period) for window, period in periods if period is not None)
    return tuple(period for period in found if period.covers(moment))


def upcoming(window: Window, moment: datetime) -> PlannedPeriod | None:
    """The period of `window` that is in effect at `moment`, or else the next one, if any comes.

    Raises:
        InvalidInputError: its cron expression or time zone is malformed.
    """
    now = in_effect([window], moment)
    return now[0] if now else _next(window, moment)


def require_stops(plan: Recurring) -> None:
    """Return if `plan` ever stops anything.

    Raises:
        InvalidInputError: a cron expression or the time zone is malformed, or each stop comes together with a start.
    """
    always = Window(number=0, plan=plan, owner="", reason="", added_at=_LONG_AGO)
    if upcoming(always, _ANY_TIME) is None:
        raise InvalidInputError("stop", plan.stop, f"always comes together with start {plan.start!r}")


def is_over(window: Window, moment: datetime) -> bool:
    """Whether the window is not in effect at `moment` or ever after."""
    return isinstance(window.plan, OneOff) and window.plan.end <= moment


def reasons_of(periods: Iterable[PlannedPeriod]) -> str:
    """Every reason there is, once."""
    return ", ".join(dict.fromkeys(period.reason for period in periods if period.reason))


def _around(window: Window, moment: datetime) -> PlannedPeriod | None:
    """What the plan says of `moment`, whenever it was added."""
    since, until = _bounds(window.plan, moment)
    period = PlannedPeriod(since=since, until=until, reason=window.reason)
    return period if period.covers(moment) else None


def _bounds(plan: Recurring | OneOff, moment: datetime) -> tuple[datetime, datetime]:
    """The only stretch that can cover `moment`."""
    match plan:
        case Recurring():
            stop, start = _crons(plan)
            return stop.next_after(start.last_until(moment)), start.next_after(moment)
        case OneOff(begin=begin, end=end):
            return begin, end


def _since_added(window: Window, period: PlannedPeriod) -> PlannedPeriod:
    return period.model_copy(update={"since": max(period.since, window.added_at)})


def _next(window: Window, moment: datetime) -> PlannedPeriod | None:
    match window.plan:
        case Recurring() as plan:
            stop, _ = _crons(plan)
            tried = (_around(window, each) for each in islice(_firings(stop, moment), STOPS_LOOKED_AT))
            return next((period for period in tried if period is not None), None)
        case OneOff(begin=begin):
            return _around(window, begin) if begin > moment else None


def _firings(cron: WallClockCron, moment: datetime) -> Iterable[datetime]:
    while True:
        moment = cron.next_after(moment)
        yield moment


def _crons(plan: Recurring) -> tuple[WallClockCron, WallClockCron]:
    return wall_clock_cron("stop", plan.stop, plan.timezone), wall_clock_cron("start", plan.start, plan.timezone)
