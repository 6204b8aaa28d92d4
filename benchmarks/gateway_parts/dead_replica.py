"""One of two listed replicas is killed below load and stays listed."""

import time
from statistics import median
from subprocess import Popen

from benchmarks.gateway_parts.gateway_under_test import serving
from benchmarks.gateway_parts.lab import Lab, Seen
from benchmarks.gateway_parts.processes import Address, kill
from benchmarks.gateway_parts.skyserve import skyserve
from benchmarks.report import Figures, at_most

CONNECTIONS = 32
ROUNDS = 3
SECONDS = 5.0
KILL_AFTER_SECONDS = 1.5
"""Behind the load's warm-up."""

GOALS = {"dead_replica_failed_gateway": at_most(0), "dead_replica_p99_over_healthy_gateway": at_most(3)}


def measure(lab: Lab) -> Figures:
    """Healthy and dead in turns for the gateway; SkyServe needs one round to show what it does."""
    rounds = []
    for _ in range(ROUNDS):
        with lab.replicas(2) as replicas, serving(lab, [each.address for each in replicas]) as (_, service):
            healthy = lab.measure(service.address, CONNECTIONS, SECONDS)
            rounds.append((healthy, _with_a_death(lab, service.address, replicas[0].process)))
    with lab.replicas(2) as replicas, skyserve(lab, [each.address for each in replicas]) as peer:
        theirs = _with_a_death(lab, peer.address, replicas[0].process)
    return {
        "dead_replica_failed_gateway": sum(dead.failed for _, dead in rounds),
        "dead_replica_p99_over_healthy_gateway": round(median(_p99(dead) / _p99(well) for well, dead in rounds), 2),
        "dead_replica_p99_ms_gateway": round(median(_p99(dead) for _, dead in rounds), 2),
        "dead_replica_requests_per_second_gateway": round(median(dead.rate for _, dead in rounds)),
        "dead_replica_failed_skyserve": theirs.failed,
        "dead_replica_p99_ms_skyserve": round(_p99(theirs), 2),
        "dead_replica_requests_per_second_skyserve": round(theirs.rate),
    }


def _with_a_death(lab: Lab, target: Address, victim: Popen[bytes]) -> Seen:
    with lab.load(target, CONNECTIONS, SECONDS) as load:
        time.sleep(KILL_AFTER_SECONDS)
        kill(victim)
        seen = load.result()
    print(f"  {target.url}: {seen.rate:.0f}/s, p99 {_p99(seen):.1f} ms, failures {seen.failures}")
    return seen


def _p99(seen: Seen) -> float:
    return seen.p99_ms or float("inf")
