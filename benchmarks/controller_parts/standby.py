"""A standby takes over a hundred services that nobody changed meanwhile, and what it costs to have one."""

import statistics
import time

from benchmarks.controller_parts.controller_under_test import CONTROLLER, Controller, await_healthy, grant_next_epoch
from benchmarks.controller_parts.lab import REPLICAS, SERVICES, Lab
from benchmarks.gateway_parts.processes import NeverAnsweredError
from benchmarks.report import Figures, at_most
from benchmarks.shared_parts.units import DAY_SECONDS, read_journal
from paramedic.state.standbys import read_standby

ROUNDS = 3
READ_PATIENCE_SECONDS = 60.0
SETTLE_SECONDS = 5.0
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
    start_standby(busy)
    registered = read_standby(CONTROLLER)
    assert registered is not None
    busy.give_way()
    health = await_healthy(busy, grant_next_epoch(registered.process_id))
    assert health["recovered"]["replicas"] >= SERVICES * REPLICAS, "some replicas were not taken up"
    kept = health["took_over"]["kept"]
    assert kept >= SERVICES, f"only {kept} services were read in advance"
    return float(health["took_over"]["healthy_after_seconds"])


def idle_reads_a_day(busy: Controller) -> int:
    """What its looks cost while nothing happens."""
    start_standby(busy)
    since = time.monotonic()
    time.sleep(IDLE_SECONDS)
    calls = read_journal(busy.standby_units, since, since + IDLE_SECONDS)
    return round(sum(call.units for call in calls if call.is_read) * DAY_SECONDS / IDLE_SECONDS)


def start_standby(busy: Controller) -> None:
    """Start one and return when it has read every service.

    Raises:
        NeverAnsweredError: it did not in time.
    """
    since = time.monotonic()
    busy.start_standby()
    deadline = since + READ_PATIENCE_SECONDS
    while _services_read(busy, since) < SERVICES:
        if time.monotonic() > deadline:
            raise NeverAnsweredError(f"a standby had not read {SERVICES} services in {READ_PATIENCE_SECONDS:g} s")
        time.sleep(1.0)
    time.sleep(SETTLE_SECONDS)


def _services_read(busy: Controller, since: float) -> int:
    calls = read_journal(busy.standby_units, since, time.monotonic())
    return sum(call.operation == "Query" and call.table.endswith("-replicas") for call in calls)
