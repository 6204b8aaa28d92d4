"""One gateway replica as a controller's tables see it: its reports, and the counters of services that are asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.controller_parts.controller_under_test import CLOCK, CONTROLLER, GATEWAY
from paramedic.state.ring import RING_SECONDS
from paramedic.state.services import DesiredService, desired_item
from paramedic.state.traffic_report import CounterWrites, Standing, TrafficWriter

REPORT_SECONDS = 5
"""How often gateways report."""

REQUESTS_PER_SECOND = 20
LIFE = "life-1"


class ReportingGateway:
    """Reports in a thread of its own from `start` to `end`."""

    def __init__(self) -> None:
        self._writer = TrafficWriter(GATEWAY, "replica-1")
        self._writes = CounterWrites(0)
        self._sequence = 0
        self._started = self._second()
        self._served: tuple[str, int] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway")

    def serve(self, service: str) -> None:
        """Have requests for this service in every second from now on."""
        row = DesiredService.read(CONTROLLER, desired_item(service))
        assert row is not None
        self._served = row.uid, self._second()

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def end(self) -> None:
        """Report no more."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(REPORT_SECONDS):
            self._report(self._second())

    def _report(self, until: int) -> None:
        self._sequence += 1
        if self._served is not None:
            uid, since = self._served
            self._writes.note(uid, self._sequence)
            ring = [REQUESTS_PER_SECOND if second >= since else 0 for second in range(until - RING_SECONDS, until)]
            total = (until - since) * REQUESTS_PER_SECOND
            self._writer.write_counter(uid, LIFE, total, ring, until)
        moved = self._writes.moved(self._sequence)
        standing = Standing(self._sequence, self._started, until, 0, (), {}, moved=moved)
        self._writer.write_report(LIFE, standing)

    def _second(self) -> int:
        return int(CLOCK.now().timestamp())


@contextmanager
def reporting() -> Iterator[ReportingGateway]:
    """A gateway that reports."""
    gateway = ReportingGateway()
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.end()
