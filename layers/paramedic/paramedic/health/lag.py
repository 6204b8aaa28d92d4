"""Notices when the event loop itself was late, and with it every time measured on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

BEAT_SECONDS = 0.05


class LagWatch:
    """Remembers when the loop last stood still for longer than `limit_seconds`."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self._beat_at = monotonic()
        self._late_at = float("-inf")

    def late_since(self, moment: float) -> bool:
        """True when the loop stood still at any time after `moment` (of `time.monotonic`), or just did."""
        self.beat()
        return self._late_at >= moment

    def beat(self) -> None:
        """Compare this moment with the last one."""
        now = monotonic()
        if now - self._beat_at > BEAT_SECONDS + self._limit:
            self._late_at = now
        self._beat_at = now


@asynccontextmanager
async def lag_watch(limit_seconds: float) -> AsyncIterator[LagWatch]:
    """Watch the running loop while inside."""
    watch = LagWatch(limit_seconds)
    task = asyncio.create_task(_beat(watch))
    try:
        yield watch
    finally:
        task.cancel()


async def _beat(watch: LagWatch) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        watch.beat()
