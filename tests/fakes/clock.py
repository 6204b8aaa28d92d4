"""Clocks for tests."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from paramedic.clock import SystemClock


class FakeClock:
    """Moves only when somebody sleeps or a test pushes it; `on_sleep` lets the world go on while somebody waits."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
        self._monotonic = 1000.0
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        self.on_sleep()

    def jump(self, seconds: float) -> None:
        """Somebody sets the time of day; durations are as they were."""
        self._now += timedelta(seconds=seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


class UnhurriedClock(SystemClock):
    """Sleeps really and counts only what was slept: how long a busy machine takes exhausts no retry budget."""

    def __init__(self) -> None:
        self._slept = 0.0

    def monotonic(self) -> float:
        return self._slept

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._slept += seconds
