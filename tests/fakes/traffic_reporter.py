"""Stands in for a gateway replica that reports traffic."""

from collections.abc import Sequence

from paramedic.clock import Clock
from paramedic.state.ring import RING_SECONDS
from paramedic.state.traffic_report import CounterWrites, Standing, TrafficWriter


class TrafficReporter:
    """Counts requests per service and second, and reports whole seconds only, as a gateway replica does.

    `replica` names a gateway replica for good, `incarnation` one life of it.
    """

    def __init__(self, gateway: str, replica: str, incarnation: str, clock: Clock) -> None:
        self._writer = TrafficWriter(gateway, replica)
        self._incarnation = incarnation
        self._clock = clock
        self._started = self._second()
        self._sequence = 0
        self._writes = CounterWrites(self._sequence)
        self._seconds: dict[str, dict[int, int]] = {}
        self._written: dict[str, int] = {}

    def count(self, service_uid: str, requests: int = 1) -> None:
        """Take note of requests that arrived now."""
        seconds = self._seconds.setdefault(service_uid, {})
        second = self._second()
        seconds[second] = seconds.get(second, 0) + requests

    def flush(self, unfinished: Sequence[str] = ()) -> None:
        """Write the counters that changed, then the report that vouches for them.

        `unfinished` are the requests under way, in the words people should read.

        Raises:
            StateUnreachableError: DynamoDB did not answer; the next flush catches up.
        """
        until = self._second()
        self._sequence += 1
        for service_uid, total, ring in self._changed(until):
            self._writes.note(service_uid, self._sequence)
            self._writer.write_counter(service_uid, self._incarnation, total, ring, until)
            self._written[service_uid] = total
        moved = self._writes.moved(self._sequence)
        standing = Standing(self._sequence, self._started, until, len(unfinished), unfinished, None, moved=moved)
        self._writer.write_report(self._incarnation, standing)

    def _changed(self, until: int) -> list[tuple[str, int, tuple[int, ...]]]:
        figures = [(uid, *self._figures(uid, until)) for uid in self._seconds]
        return [figure for figure in figures if figure[1] != self._written.get(figure[0], 0)]

    def _figures(self, service_uid: str, until: int) -> tuple[int, tuple[int, ...]]:
        seconds = self._seconds[service_uid]
        ring = tuple(seconds.get(second, 0) for second in range(until - RING_SECONDS, until))
        return sum(requests for second, requests in seconds.items() if second < until), ring

    def _second(self) -> int:
        return int(self._clock.now().timestamp())
