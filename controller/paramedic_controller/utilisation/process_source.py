"""Source `process`: what the host knows of a replica's processes."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import LauncherError
from paramedic.launchers.process import procfs
from paramedic.launchers.process.host import this_host
from paramedic.launchers.process.usage import Footprint, footprint
from paramedic.services.utilization import CPU
from paramedic_controller.utilisation.sources import Gauge, UsageTarget, UsageUnreadableError

CPU_WINDOW_SECONDS = 15.0
"""CPU use is the mean over this span, the resolution of Kubernetes' metrics server."""

CPU_LEAST_SECONDS = 3.0
"""What is seen of less says more about chance than about load."""

SHARED_SECONDS = 0.5
"""One look at all processes serves every replica that is due within this time."""


@dataclass(frozen=True)
class _Look:
    at: float
    processes: Sequence[procfs.ProcessStat]


class ProcessSource:
    """Replicas that run on this host. Looks happen in threads: /proc may take its time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._host = this_host()
        self._looking = asyncio.Lock()
        self._last: _Look | None = None

    def gauge(self, target: UsageTarget) -> Gauge:
        """CPU in cores, memory in bytes."""

        async def look() -> tuple[float, Footprint]:
            try:
                look = await self._look()
                return look.at, await asyncio.to_thread(footprint, target.receipt, look.processes, self._host)
            except (LauncherError, InvalidInputError, OSError) as error:
                raise UsageUnreadableError(str(error)) from error

        return CpuGauge(look) if target.metric == CPU else MemoryGauge(look)

    async def close(self) -> None:
        """Nothing is held."""

    async def _look(self) -> _Look:
        async with self._looking:
            if self._last is None or self._clock.monotonic() - self._last.at > SHARED_SECONDS:
                at = self._clock.monotonic()
                self._last = _Look(at, await asyncio.to_thread(lambda: list(procfs.all_processes())))
            return self._last


type Looking = Callable[[], Awaitable[tuple[float, Footprint]]]


class MemoryGauge:
    """Bytes in use."""

    def __init__(self, look: Looking) -> None:
        self._look = look

    async def read(self) -> float | None:
        """The memory of all its processes.

        Raises:
            UsageUnreadableError: it is not to be found on this host.
        """
        _, found = await self._look()
        return float(found.memory_bytes())


class CpuGauge:
    """Cores in use, from two looks at the CPU time used so far."""

    def __init__(self, look: Looking) -> None:
        self._look = look
        self._counted_by: object = None
        self._readings: deque[tuple[float, float]] = deque()

    async def read(self) -> float | None:
        """The mean of the last `CPU_WINDOW_SECONDS`, or of as much of them as was seen.

        Raises:
            UsageUnreadableError: it is not to be found on this host.
        """
        at, found = await self._look()
        used = found.cpu_seconds()
        if found.cgroup != self._counted_by or (self._readings and used < self._readings[-1][1]):
            # Counted in another way, or what ended took its time along: only what follows can be compared.
            self._readings.clear()
            self._counted_by = found.cgroup
        while len(self._readings) > 1 and self._readings[1][0] <= at - CPU_WINDOW_SECONDS:
            self._readings.popleft()
        self._readings.append((at, used))
        before, used_before = self._readings[0]
        return (used - used_before) / (at - before) if at - before >= CPU_LEAST_SECONDS else None
