"""When a cron expression fires in a time zone, by one rule for every change of the clock.

An expression is read as wall-clock time of its zone. A time that the clock skips counts at the first instant after the
gap; one that it shows twice counts once, at the first.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from paramedic.errors import InvalidInputError

FIELDS = 5

_ANY_YEAR = datetime(2026, 1, 1)  # noqa: DTZ001 - a wall-clock time
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class WallClockCron:
    """A cron expression that fires again and again in `zone`."""

    expression: str
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime:
        """The first time it fires later than `moment`, in UTC."""
        wall = _wall_clock(moment, self.zone)
        firings = (instant_of(each, self.zone) for each in CronSim(self.expression, wall))
        return next(each for each in firings if each > moment)

    def last_until(self, moment: datetime) -> datetime:
        """The last time it fired at `moment` or before, in UTC."""
        # While the clock shows an hour for the second time, later times of that hour have been already.
        repeated = moment - moment.astimezone(self.zone).replace(fold=0).astimezone(UTC)
        wall = _wall_clock(moment, self.zone) + repeated + _MINUTE
        firings = (instant_of(each, self.zone) for each in CronSim(self.expression, wall, reverse=True))
        return next(each for each in firings if each <= moment)


def wall_clock_cron(field: str, expression: str, timezone: str) -> WallClockCron:
    """The expression as it fires in `timezone`; `field` is what it is called in messages.

    Raises:
        InvalidInputError: it is no cron expression or never fires, or there is no such zone.
    """
    zone = _zone(timezone)
    if len(expression.split()) != FIELDS:
        raise InvalidInputError(field, expression, _not_cron("Wrong number of fields"))
    try:
        fires = next(CronSim(expression, _ANY_YEAR), None)
    except CronSimError as error:
        raise InvalidInputError(field, expression, _not_cron(str(error))) from error
    if fires is None:
        raise InvalidInputError(field, expression, "is a time that never comes")
    return WallClockCron(expression, zone)


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clock of `zone` shows `wall` (without an offset) for the first time, or first shows a later time."""
    instant = wall.replace(tzinfo=zone).astimezone(UTC)
    while _wall_clock(instant, zone) != wall:
        wall += _MINUTE
        instant = wall.replace(tzinfo=zone).astimezone(UTC)
    return instant


def _wall_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInputError("timezone", name, "is not an IANA time zone, such as Europe/Berlin or UTC") from error


def _not_cron(problem: str) -> str:
    return f"is not a cron expression of {FIELDS} fields, such as '0 20 * * MON-FRI': {problem.lower()}"
