"""Samples what replicas use: one task each, so that a replica that hangs delays no other."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paramedic.clock import Clock
from paramedic.services.utilization import UtilizationSource
from paramedic_controller.utilisation.sources import Source, UsageTarget, UsageUnreadableError

EAGER_SECONDS = 1.0
"""Between the readings until the first figure of a replica, which for CPU takes some."""

MAX_AGE_INTERVALS = 3
"""Samples that are older no longer speak for the present: they are missing."""


@dataclass(frozen=True)
class _Sample:
    target: UsageTarget
    value: float
    at: float


class Sampler:
    """Samples a changing set of replicas every `interval` seconds, in a thread that it starts when there is one.

    `warn` is called, in that thread, whenever the reason why a replica's figure is missing is another than before.
    """

    def __init__(
        self,
        sources: Mapping[UtilizationSource, Source],
        interval: float,
        clock: Clock,
        warn: Callable[[str], None],
    ) -> None:
        self._sources = sources
        self._interval = interval
        self._clock = clock
        self._warn = warn
        self._samples: dict[str, _Sample] = {}
        self._tasks: dict[str, tuple[UsageTarget, asyncio.Task[None]]] = {}
        self._watched: dict[str, UsageTarget] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sampler", daemon=True)

    def watch(self, targets: Mapping[str, UsageTarget]) -> None:
        """Sample exactly `targets` from now on; the figures of those that stay as they were are kept."""
        if targets == self._watched:
            return
        self._watched = dict(targets)
        if self._thread.ident is None:
            self._thread.start()
        self._loop.call_soon_threadsafe(self._retarget, self._watched)

    def usage(self, name: str) -> float | None:
        """What a target uses; None while that is not known, or once it is too long ago."""
        sample = self._samples.get(name)
        if sample is None or sample.target != self._watched.get(name):
            return None
        age = self._clock.monotonic() - sample.at
        return sample.value if age <= MAX_AGE_INTERVALS * self._interval else None

    def close(self) -> None:
        """End sampling."""
        if self._thread.ident is not None:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def _retarget(self, targets: Mapping[str, UsageTarget]) -> None:
        for name, (target, task) in list(self._tasks.items()):
            if targets.get(name) != target:
                task.cancel()
                del self._tasks[name]
                self._samples.pop(name, None)
        for name in targets.keys() - self._tasks.keys():
            sampling = self._loop.create_task(self._sample_for_ever(name, targets[name]))
            sampling.add_done_callback(self._tell_why)
            self._tasks[name] = (targets[name], sampling)

    def _tell_why(self, ended: asyncio.Task[None]) -> None:
        """Nothing ends sampling but being told to; a bug must not do it silently."""
        if not ended.cancelled() and (error := ended.exception()) is not None:
            self._warn(f"a replica is no longer sampled: {type(error).__name__}: {error}")

    async def _end(self) -> None:
        self._retarget({})
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)
        for source in self._sources.values():
            await source.close()
        await self._loop.shutdown_default_executor()

    async def _sample_for_ever(self, name: str, target: UsageTarget) -> None:
        gauge = self._sources[target.source].gauge(target)
        told: str | None = None
        while True:
            at = self._clock.monotonic()
            value, problem = None, None
            try:
                value = await gauge.read()
            except UsageUnreadableError as error:
                problem = str(error)
            if value is not None:
                self._samples[name] = _Sample(target, value, at)
            if problem not in (None, told):
                self._warn(f"{target.metric} of {target.called} is missing: {problem}")
            told = problem
            known = name in self._samples
            await asyncio.sleep(self._interval if known else min(self._interval, EAGER_SECONDS))
