"""A controller with a hundred services is killed: how soon its successor is well, and decides."""

import statistics
import time

from benchmarks.controller_parts.controller_under_test import Controller, await_healthy, grant_next_epoch, up
from benchmarks.controller_parts.lab import REPLICAS, SERVICES, Lab
from benchmarks.gateway_parts.processes import NeverAnsweredError, cpu_seconds, memory_mb
from benchmarks.report import Figures, at_most

ROUNDS = 3
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.01
SETTLE_SECONDS = 5.0

GOALS = {
    "recover_healthy_seconds": at_most(1.5),
    "recover_first_decision_seconds": at_most(3.0),
    "recover_memory_mb": at_most(250),
}


def measure(lab: Lab) -> Figures:
    """The median of a few successors, each killed in turn.

    While a controller is dead somebody asks for one more service, which is the last in line for its successor: its
    launch is the first thing to decide.
    """
    busy, _ = lab.burst
    healthy, decided, cpu = [], [], []
    for number in range(ROUNDS):
        busy.kill()
        up(f"zz-{number}", 1)
        epoch, launches = grant_next_epoch(), len(busy.launched_at())
        started = time.monotonic()
        busy.start(PARAMEDIC_EPOCH=str(epoch))
        replicas = await_healthy(busy, epoch)["recovered"]["replicas"]
        healthy.append(time.monotonic() - started)
        cpu.append(cpu_seconds(busy.pid))
        assert replicas >= SERVICES * REPLICAS, f"only {replicas} replicas were taken up"
        decided.append(await_launch(busy, launches) - started)
        time.sleep(SETTLE_SECONDS)
    print(f"  healthy after {rounded(healthy)} s, decided after {rounded(decided)} s, {rounded(cpu)} s CPU")
    return {
        "recover_healthy_seconds": round(statistics.median(healthy), 2),
        "recover_first_decision_seconds": round(statistics.median(decided), 2),
        "recover_cpu_seconds": round(statistics.median(cpu), 2),
        "recover_memory_mb": round(memory_mb(busy.pid, peak=True), 1),
    }


def await_launch(controller: Controller, before: int) -> float:
    """When the first launch after `before` others was made."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if len(launched := controller.launched_at()) > before:
            return launched[before]
        time.sleep(PAUSE_SECONDS)
    raise NeverAnsweredError(f"nothing was launched within {PATIENCE_SECONDS:g} s")


def rounded(seconds: list[float]) -> str:
    """For people."""
    return ", ".join(f"{each:.2f}" for each in seconds)
