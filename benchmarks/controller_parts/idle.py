"""What DynamoDB bills a controller that has nothing to do: with one service, and for each one more."""

import time
from collections import defaultdict
from dataclasses import dataclass

from benchmarks.controller_parts.controller_under_test import (
    SERVICE_PREFIX,
    Controller,
    await_healthy,
    await_routed,
    up,
)
from benchmarks.controller_parts.lab import Lab
from benchmarks.controller_parts.reporting_gateway import reporting
from benchmarks.report import Figures, at_most
from benchmarks.shared_parts.units import DAY_SECONDS, read_journal

MORE = 20
REPLICAS = 2
PERIOD_SECONDS = 60.0
SETTLE_SECONDS = 20.0
PATIENCE_SECONDS = 60.0

GOALS = {
    "idle_controller_reads_a_day": at_most(50_000),
    "idle_controller_writes_a_day": at_most(35_000),
    "idle_service_more_reads_a_day": at_most(3_000),
    "idle_service_more_writes_a_day": at_most(400),
}


def measure(lab: Lab) -> Figures:
    """A gateway reports all the while; in the end one of the services has requests in every second."""
    with lab.controller() as idle:
        idle.start()
        await_healthy(idle, 1)
        up(f"{SERVICE_PREFIX}0", REPLICAS)
        await_routed(1, REPLICAS, PATIENCE_SECONDS)
        with reporting() as gateway:
            one = spent(idle, "one idle service")
            for number in range(1, MORE + 1):
                up(f"{SERVICE_PREFIX}{number}", REPLICAS)
            await_routed(1 + MORE, REPLICAS, PATIENCE_SECONDS)
            many = spent(idle, f"{1 + MORE} idle services")
            gateway.serve(f"{SERVICE_PREFIX}0")
            used = spent(idle, "the same, one of them busy")
    return {
        "idle_controller_reads_a_day": one.reads,
        "idle_controller_writes_a_day": one.writes,
        "idle_service_more_reads_a_day": round((many.reads - one.reads) / MORE),
        "idle_service_more_writes_a_day": round((many.writes - one.writes) / MORE),
        "busy_service_more_reads_a_day": used.reads - many.reads,
        "busy_service_more_writes_a_day": used.writes - many.writes,
    }


@dataclass(frozen=True)
class Bill:
    """Capacity units of a day."""

    reads: int
    writes: int


def spent(controller: Controller, what: str) -> Bill:
    """The bill of a day that goes on like the next minute, once everything has settled."""
    time.sleep(SETTLE_SECONDS)
    since = time.monotonic()
    time.sleep(PERIOD_SECONDS)
    calls = read_journal(controller.units, since, since + PERIOD_SECONDS)
    a_day = DAY_SECONDS / PERIOD_SECONDS
    by_call: dict[str, float] = defaultdict(float)
    for call in calls:
        by_call[f"{call.operation} {call.table.partition('-')[2]}"] += call.units
    print(f"  {what}, units in {PERIOD_SECONDS:g} s: {dict(by_call)}", flush=True)
    reads = sum(call.units for call in calls if call.is_read)
    writes = sum(call.units for call in calls if not call.is_read)
    return Bill(round(reads * a_day), round(writes * a_day))
