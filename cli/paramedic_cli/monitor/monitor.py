"""One minute's work of dispatch, checks, recoveries, sweep, gateways and planned downtimes."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Event

from paramedic.clock import Clock
from paramedic.downtime.passes import keep_downtimes
from paramedic.downtime.surroundings import Surroundings as DowntimeSurroundings
from paramedic.gateways.reconciling import keep_all
from paramedic.gateways.surroundings import Surroundings as GatewaySurroundings
from paramedic.health.bucket_counts import read_counts
from paramedic.health.check import HealthCheck
from paramedic.health.check_messages import CheckMessage
from paramedic.health.events import HealthEvent
from paramedic.health.looking import Looker
from paramedic.health.minute_plan import MINUTE_SECONDS, messages_of
from paramedic.recovery import recoverer
from paramedic.recovery.each_minute import each_minute
from paramedic.recovery.surroundings import Surroundings
from paramedic_cli.monitor.handing_on import HandedOn
from paramedic_cli.monitor.jobs import Jobs
from paramedic_cli.monitor.ticking import seconds_until, tick_after

AT_ONCE = 2
"""Checks, and recoveries: as many as a stack's parameters begin with."""

UPKEEP = 4
"""Dispatch, downtimes, sweep and gateways: none waits for another."""

NEWS = ("TargetsDown", "TargetsUnknown", "LateTicksDropped", "InvalidRows")
"""What a check that found all well counts none of."""


@dataclass(frozen=True)
class Parts:
    """What a monitor is made of; `tell` is given sentences.

    `surroundings` are made for each recovery, `of_gateways` for each pass over these.
    """

    looker: Looker
    clock: Clock
    page: Callable[[str, str], bool]
    surroundings: Callable[[], Surroundings]
    of_gateways: Callable[[], GatewaySurroundings]
    tell: Callable[[str], None]
    hung_after_seconds: float
    fast_checks_per_minute: int


class Monitor:
    """Begins the work of each tick. Two of them at once are harmless, and so is one that is killed at any moment."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._checks, self._recoveries, self._upkeep = Jobs(AT_ONCE), Jobs(AT_ONCE), Jobs(UPKEEP)
        self._check = HealthCheck(
            looker=parts.looker,
            publisher=HandedOn(parts.page, self._begin_recovery),
            clock=parts.clock,
            new_id=lambda: uuid.uuid4().hex,
            hung_after_seconds=parts.hung_after_seconds,
        )

    def run_once(self) -> int:
        """Do one tick's work to its end; how much of it failed."""
        tick = self._parts.clock.now()
        self._upkeep.begin("downtime", self._keep_downtimes)
        self._upkeep.wait()
        self._begin_checks(tick, 0)
        for jobs in (self._upkeep, self._checks, self._recoveries):
            jobs.wait()
        # Last, so that it goes on with what has just been opened and is not done.
        self._begin_sweep(tick)
        self._upkeep.begin("gateways", self._keep_gateways)
        self._upkeep.wait()
        return sum(jobs.failed for jobs in self._jobs)

    def run(self, ended: Event) -> None:
        """Do the work of every tick until `ended` is set, then finish what is begun."""
        step = MINUTE_SECONDS // self._parts.fast_checks_per_minute
        tick = self._parts.clock.now()
        while not ended.is_set():
            self._upkeep.begin("downtime", self._keep_downtimes)
            self._begin_sweep(tick)
            self._upkeep.begin("gateways", self._keep_gateways)
            for delay in range(0, MINUTE_SECONDS, step):
                self._begin_checks(tick, delay)
                if ended.wait(seconds_until(tick + timedelta(seconds=delay + step), self._parts.clock.now(), step)):
                    break
            tick = tick_after(tick, self._parts.clock.now())
        for jobs in self._jobs:
            jobs.end()

    @property
    def _jobs(self) -> tuple[Jobs, ...]:
        return (self._checks, self._recoveries, self._upkeep)

    def _begin_checks(self, tick: datetime, delay: int) -> None:
        self._upkeep.begin("dispatch", partial(self._dispatch, tick, delay))

    def _dispatch(self, tick: datetime, delay: int) -> None:
        planned = messages_of(tick, read_counts(), self._parts.fast_checks_per_minute)
        for message in [each.message for each in planned if each.delay_seconds == delay]:
            name = f"check of {message.targets or message.buckets}"
            self._checks.begin(name, partial(self._run_check, message))

    def _run_check(self, message: CheckMessage) -> None:
        counts = self._check.run(message).counts()
        if any(counts[each] for each in NEWS):
            self._parts.tell(", ".join(f"{name} {count}" for name, count in counts.items() if count))

    def _begin_recovery(self, event: HealthEvent) -> None:
        self._recoveries.begin(f"recovery of {event.target_id}", partial(self._recover, event))

    def _recover(self, event: HealthEvent) -> None:
        self._parts.tell(recoverer.on_failure(event, self._parts.surroundings()).message)

    def _begin_sweep(self, tick: datetime) -> None:
        self._upkeep.begin("sweep", partial(self._sweep, tick))

    def _sweep(self, tick: datetime) -> None:
        for reply in each_minute(tick, self._parts.surroundings()):
            self._parts.tell(reply.message)

    def _keep_gateways(self) -> None:
        for done in keep_all(self._parts.of_gateways()).values():
            for sentence in done:
                self._parts.tell(sentence)

    def _keep_downtimes(self) -> None:
        keep_downtimes(DowntimeSurroundings(clock=self._parts.clock, page=self._parts.page))
