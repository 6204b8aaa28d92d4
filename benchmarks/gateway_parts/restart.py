"""A gateway replica whose agent and Envoy were killed comes back from its disk; DynamoDB is gone."""

import time
from statistics import median

from benchmarks.gateway_parts.gateway_under_test import serving
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import await_ok
from benchmarks.report import Figures, at_most

ROUNDS = 5
LOOK_SECONDS = 0.005

GOALS = {"restart_to_first_200_seconds": at_most(1)}


def measure(lab: Lab) -> Figures:
    """From the start of the agent's process to the first answer that a replica gave."""
    with lab.replicas(1) as replicas, serving(lab, [each.address for each in replicas]) as (gateway, service):
        gateway.emulator.stop()
        rounds = []
        for _ in range(ROUNDS):
            gateway.kill()
            started = time.monotonic()
            gateway.start()
            await_ok(service.address, pause=LOOK_SECONDS)
            rounds.append(time.monotonic() - started)
    print(f"  {', '.join(f'{each:.2f} s' for each in rounds)}")
    return {
        "restart_to_first_200_seconds": round(median(rounds), 3),
        "restart_to_first_200_seconds_worst": round(max(rounds), 3),
    }
