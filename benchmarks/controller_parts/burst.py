"""A hundred users ask for a service of 25 replicas each, all at once, where launches take seconds."""

from benchmarks.controller_parts.lab import LATENCY, LAUNCHES_PER_SECOND, REPLICAS, SERVICES, Lab
from benchmarks.report import Figures, at_most

SUBMITTED_SECONDS = LATENCY.longest + SERVICES * REPLICAS / LAUNCHES_PER_SECOND + 10

GOALS = {
    "burst_accepted_p99_seconds": at_most(1.0),
    "burst_health_p99_ms": at_most(50),
    "burst_health_failures": at_most(0),
    "burst_submitted_seconds": at_most(SUBMITTED_SECONDS),
}


def measure(lab: Lab) -> Figures:
    """`/health` is asked for from before the first request until every replica is ready."""
    _, burst = lab.burst
    accepted = sorted(burst.accepted)
    return {
        "burst_accepted_p99_seconds": round(accepted[int(0.99 * len(accepted)) - 1], 3),
        "burst_accepted_slowest_seconds": round(accepted[-1], 3),
        "burst_health_p50_ms": round(burst.health.percentile(0.5), 1),
        "burst_health_p99_ms": round(burst.health.percentile(0.99), 1),
        "burst_health_slowest_ms": round(burst.health.percentile(1.0), 1),
        "burst_health_failures": burst.health.not_ok,
        "burst_submitted_seconds": round(burst.submitted, 1),
        "burst_ready_seconds": round(burst.ready, 1),
        "burst_cpu_seconds": round(burst.cpu, 1),
        "burst_memory_mb": round(burst.memory_mb, 1),
    }
