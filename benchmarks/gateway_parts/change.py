"""How soon a change in DynamoDB decides where requests go."""

import time
from statistics import median

from benchmarks.gateway_parts.gateway_under_test import serving
from benchmarks.gateway_parts.goals import Figures, at_most
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import Address, NeverAnsweredError, get

ROUNDS = 8
LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 15.0

GOALS = {"change_to_envoy_seconds_worst": at_most(3)}


def measure(lab: Lab) -> Figures:
    """The one replica is exchanged for another, again and again; replicas answer with their names."""
    with lab.replicas(2) as replicas:
        first, second = (each.address for each in replicas)
        with serving(lab, [first]) as (_, service):
            rounds = []
            for number in range(ROUNDS):
                wanted = first if number % 2 else second
                # Not in step with the agent's looks.
                time.sleep(0.13 * number)
                written = time.monotonic()
                service.route([wanted])
                _await_answer_of(wanted, service.address)
                rounds.append(time.monotonic() - written)
    print(f"  {', '.join(f'{each:.2f} s' for each in rounds)}")
    return {
        "change_to_envoy_seconds": round(median(rounds), 2),
        "change_to_envoy_seconds_worst": round(max(rounds), 2),
    }


def _await_answer_of(replica: Address, gateway: Address) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while get(gateway) != (200, replica.host):
        if time.monotonic() > deadline:
            raise NeverAnsweredError(f"{gateway.url} did not turn to {replica.url} within {PATIENCE_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)
