"""Stretches of time that come again and again, by two cron expressions. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from paramedic.wall_clock import WallClockCron

BEGINNINGS_LOOKED_AT = 100
"""Where this many beginnings in a row coincide with an end, they all do."""


@dataclass(frozen=True)
class Stretches:
    """From each time of `begin`, which belongs to it, until the next of `end`, which does not.

    Where both fire at the same time, `end` wins.
    """

    begin: WallClockCron
    end: WallClockCron

    def around(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """The stretch that `moment` lies in."""
        since, until = self.begin.next_after(self.end.last_until(moment)), self.end.next_after(moment)
        return (since, until) if since <= moment else None

    def following(self, moment: datetime) -> tuple[datetime, datetime] | None:
        """The first stretch that begins after `moment`, if any ever does."""
        tried = (self.around(each) for each in islice(self._beginnings(moment), BEGINNINGS_LOOKED_AT))
        return next((stretch for stretch in tried if stretch is not None), None)

    def _beginnings(self, moment: datetime) -> Iterator[datetime]:
        while True:
            moment = self.begin.next_after(moment)
            yield moment
