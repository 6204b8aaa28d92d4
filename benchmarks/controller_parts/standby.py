"""A standby takes over a hundred services that nobody changed meanwhile, and what it costs to have one."""

import statistics
import time

from benchmarks.controller_parts.controller_under_test import CONTROLLER, Controller, await_healthy, grant_next_epoch
from benchmarks.controller_parts.lab import REPLICAS, SERVICES, Lab
from benchmarks.controller_parts.units import DAY_SECONDS, read_journal
from benchmarks.gateway_parts.goals import Figures, at_most
from paramedic.state.standbys import read_standby

ROUNDS = 3
WARM_UP_SECONDS = 10.0
"""Until the standby has read all there is."""

IDLE_SECONDS = 20.0

GOALS = {"standby_healthy_after_grant_seconds": at_most(0.3)}


def measure(lab: Lab) -> Figures:
    """The median of a few, each taking over from the one before; in between, the last one waits."""
    busy, _ = lab.burst
    taken = [take_over(busy) for _ in range(ROUNDS)]
    print(f"  healthy after {', '.join(f'{each:.3f}' for each in taken)} s")
    return {
        "standby_healthy_after_grant_seconds": round(statistics.median(taken), 3),
        "standby_reads_a_day": idle_reads_a_day(busy),
    }


def take_over(busy: Controller) -> float:
    """How long a standby that has read everything takes from its look at the grant."""
    busy.start_standby()
    time.sleep(WARM_UP_SECONDS)
    registered = read_standby(CONTROLLER)
    assert registered is not None
    busy.give_way()
    health = await_healthy(busy, grant_next_epoch(registered.process_id))
    assert health["recovered"]["replicas"] >= SERVICES * REPLICAS, "some replicas were not taken up"
    return float(health["took_over"]["healthy_after_seconds"])


def idle_reads_a_day(busy: Controller) -> int:
    """What its looks cost while nothing happens."""
    busy.start_standby()
    time.sleep(WARM_UP_SECONDS)
    since = time.monotonic()
    time.sleep(IDLE_SECONDS)
    calls = read_journal(busy.standby_units, since, since + IDLE_SECONDS)
    return round(sum(call.units for call in calls if call.is_read) * DAY_SECONDS / IDLE_SECONDS)
