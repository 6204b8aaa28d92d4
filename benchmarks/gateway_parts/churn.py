"""The set of replicas changes five times a second for a minute below load."""

import random
import time
from collections.abc import Sequence

from benchmarks.gateway_parts.gateway_under_test import serving
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import Address
from benchmarks.report import Figures, at_least, at_most

CONNECTIONS = 32
SECONDS = 60.0
CHANGE_SECONDS = 0.2
POLL_SECONDS = 0.1
"""Faster than the changes, so that each of them reaches Envoy."""

GOALS = {"churn_failed": at_most(0), "churn_changes_in_envoy": at_least(0.5 * SECONDS / CHANGE_SECONDS)}
"""The second only tells that changes were there to survive: a busy agent takes over two at once."""


def measure(lab: Lab) -> Figures:
    """Every replica stays alive: what is at stake is the change itself."""
    choose = random.Random(0)
    with lab.replicas(4) as running:
        replicas = [each.address for each in running]
        with serving(lab, replicas, POLL_SECONDS=str(POLL_SECONDS)) as (gateway, service):
            before, changes, listed = gateway.endpoint_updates(), 0, list(replicas)
            with lab.load(service.address, CONNECTIONS, SECONDS) as load:
                due = time.monotonic()
                while not load.is_over:
                    listed = _another(listed, replicas, choose)
                    service.route(listed)
                    changes += 1
                    due += CHANGE_SECONDS
                    time.sleep(max(0.0, due - time.monotonic()))
                seen = load.result()
            updates = gateway.endpoint_updates() - before
    print(f"  {changes} changes, {updates} in Envoy, {seen.requests} requests, failures {seen.failures}")
    return {
        "churn_failed": seen.failed,
        "churn_requests": seen.requests,
        "churn_changes": changes,
        "churn_changes_in_envoy": updates,
        "churn_p99_ms": seen.p99_ms and round(seen.p99_ms, 2),
    }


def _another(listed: Sequence[Address], replicas: Sequence[Address], choose: random.Random) -> list[Address]:
    while True:
        chosen = choose.sample(replicas, choose.randint(1, len(replicas)))
        if set(chosen) != set(listed):
            return chosen
