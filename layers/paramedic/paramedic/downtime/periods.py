"""Which planned windows are in effect. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime

from paramedic.errors import InvalidInputError
from paramedic.state.downtime_windows import OneOff, Recurring, Window
from paramedic.state.planned_period import PlannedPeriod
from paramedic.stretches import Stretches
from paramedic.wall_clock import wall_clock_cron

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
    match window.plan:
        case Recurring() as plan:
            return _period(window, _stretches(plan).around(moment))
        case OneOff(begin=begin, end=end):
            return _period(window, (begin, end) if begin <= moment < end else None)


def _since_added(window: Window, period: PlannedPeriod) -> PlannedPeriod:
    return period.model_copy(update={"since": max(period.since, window.added_at)})


def _next(window: Window, moment: datetime) -> PlannedPeriod | None:
    match window.plan:
        case Recurring() as plan:
            return _period(window, _stretches(plan).following(moment))
        case OneOff(begin=begin):
            return _around(window, begin) if begin > moment else None


def _period(window: Window, stretch: tuple[datetime, datetime] | None) -> PlannedPeriod | None:
    return None if stretch is None else PlannedPeriod(since=stretch[0], until=stretch[1], reason=window.reason)


def _stretches(plan: Recurring) -> Stretches:
    stop = wall_clock_cron("stop", plan.stop, plan.timezone)
    return Stretches(begin=stop, end=wall_clock_cron("start", plan.start, plan.timezone))
