"""What the gateway itself counted of a service's requests, as its rows have it."""

from collections.abc import Iterable
from dataclasses import dataclass

from demo.exchanges import Bounds, Exchange
from paramedic.autoscaling.reports import reading_of
from paramedic.autoscaling.tick import window_at
from paramedic.autoscaling.traffic import CounterReading, Coverage, cursor_key, merge
from paramedic.autoscaling.window import Figures
from paramedic.state.autoscalers import AutoscalerState, Window
from paramedic.state.tables import Row
from paramedic.state.traffic import TrafficCounter, TrafficReport, counter_item, report_item

REPORT_SECONDS = 5
"""Counters are written just before the report that vouches for them: a look in between sees seconds not covered yet."""


class NothingCountedError(Exception):
    """The gateway has reported nothing of the service."""


@dataclass(frozen=True)
class Counted:
    """One counter, and the first second that it covers. What clients sent is compared to it by the second."""

    reading: CounterReading
    covers_from: int

    @property
    def cursor(self) -> str:
        """Where an autoscaler keeps how much of it it has seen."""
        return cursor_key(self.reading.replica, self.reading.incarnation)

    def when_it_was(self, total: int) -> "Counted":
        """The counter at an earlier time."""
        ring, counted = list(self.reading.ring), self.reading.total
        while ring and counted > total:
            counted -= ring.pop()
        end = self.reading.ring_end - len(self.reading.ring) + len(ring)
        earlier = self.reading.model_copy(update={"total": total, "ring": tuple(ring), "ring_end": end})
        return Counted(earlier, self.covers_from)

    def figures_between(self, before: AutoscalerState, after: AutoscalerState) -> Figures:
        """What became known from one state of the autoscaler to the next."""
        then = self.when_it_was(after.cursors.get(self.cursor, 0))
        coverage = Coverage(
            replica=self.reading.replica,
            incarnation=self.reading.incarnation,
            covers_from=self.covers_from,
            covers_until=self._covered(after.window, then.reading.ring_end),
        )
        end = then.reading.ring_end if after.last_tick is None else after.last_tick
        return merge(before.cursors, [coverage], [then.reading], seconds=window_at(end), now=end)

    def is_possible(self, exchanges: Iterable[Exchange]) -> bool:
        """Whether clients that sent these can have caused these figures, second by second."""
        bounds, counted = Bounds.of(exchanges), self.reading.total
        for second, count in zip(range(self.reading.ring_end, 0, -1), reversed(self.reading.ring), strict=False):
            if not bounds.allow(counted, second):
                return False
            counted -= count
        return True

    def _covered(self, window: Window, counted_until: int) -> int:
        """The end of what the report vouched for: seconds without a request do not show in a total."""
        known = [window.start + at for at, count in enumerate(window.counts) if count is not None]
        told = window.incomplete[0] if window.incomplete else max(known, default=window.start - 1) + 1
        silent = counted_until
        start = self.reading.ring_end - len(self.reading.ring)
        while silent < self.reading.ring_end and self.reading.ring[silent - start] == 0:
            silent += 1
        return max(counted_until - REPORT_SECONDS, min(told, silent))


def read_counted(gateway: str, replica: str, service_uid: str) -> Counted:
    """What `replica` of `gateway` has reported last.

    Raises:
        NothingCountedError: there is no such report.
    """
    report = _required(TrafficReport.read(gateway, report_item(replica)))
    row = _required(TrafficCounter.read(gateway, counter_item(service_uid, replica, report.incarnation)))
    return Counted(reading_of(row), int(report.covers_from))


def _required[R: Row](row: R | None) -> R:
    if row is None:
        raise NothingCountedError("the gateway has not reported the service's requests")
    return row
