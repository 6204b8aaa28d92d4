"""Plays the part of a gateway replica: reports so many requests a second, and remembers what it reported."""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from paramedic.autoscaling.traffic import cursor_key
from paramedic.clock import SystemClock
from paramedic.state.tables import StateUnreachableError
from paramedic.state.traffic_report import TrafficReporter

REPLICA = "demo-gateway-1"


@dataclass(frozen=True)
class Traffic:
    """What the feeder knows that it sent: requests by second, in one life of its counters."""

    sent: Mapping[int, int]
    incarnation: str

    @property
    def cursor(self) -> str:
        """Where the autoscaler keeps how much of it was counted."""
        return cursor_key(REPLICA, self.incarnation)


class _SteppedClock(SystemClock):
    """Says which second a request belongs to, so that what was reported can be compared to the request."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment


class TrafficFeeder:
    """While it is entered, every second from its start on has exactly `rate` requests, but for bursts."""

    def __init__(self, gateway: str, service_uid: str) -> None:
        self.rate = 0
        self.unfinished: tuple[str, ...] = ("GET /generate (1.2 s so far)", "GET /generate (0.4 s so far)")
        self._uid = service_uid
        self._incarnation = uuid.uuid4().hex[:8]
        self._clock = _SteppedClock()
        self._reporter = TrafficReporter(gateway, REPLICA, self._incarnation, self._clock)
        self._next_second = int(self._clock.moment.timestamp()) + 1
        self._sent: dict[int, int] = {}
        self._burst: list[int] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic feeder")

    def burst(self, requests: int, seconds: int = 5) -> None:
        """Spread `requests` over the next seconds, in place of the rate."""
        with self._lock:
            self._burst = [requests // seconds] * seconds

    @property
    def traffic(self) -> Traffic:
        """All that was reported so far."""
        with self._lock:
            return Traffic(dict(self._sent), self._incarnation)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.5):
            self._catch_up(datetime.now(UTC))
            try:
                self._reporter.flush(self.unfinished)
            except StateUnreachableError:
                # The next flush reports these seconds too: that is what the counters are cumulative for.
                continue

    def _catch_up(self, now: datetime) -> None:
        """Count every second that is over, however late this thread was woken."""
        while self._next_second < int(now.timestamp()):
            self._clock.moment = datetime.fromtimestamp(self._next_second, UTC)
            with self._lock:
                requests = self._burst.pop() if self._burst else self.rate
                self._sent[self._next_second] = requests
            self._reporter.count(self._uid, requests)
            self._next_second += 1
        self._clock.moment = now
