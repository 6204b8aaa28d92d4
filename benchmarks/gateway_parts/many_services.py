"""A hundred services of 25 replicas each, and nothing to do: what the agent costs."""

import time

from benchmarks.gateway_parts.gateway_under_test import gateway_replica
from benchmarks.gateway_parts.lab import Lab
from benchmarks.gateway_parts.processes import await_ok, memory_mb
from benchmarks.report import Figures, at_most

SERVICES = 100
REPLICAS = 25
SETTLE_SECONDS = 10.0
"""Until Envoy's old clusters are gone and the first reports are written."""

IDLE_SECONDS = 30.0

GOALS = {"many_services_agent_mb": at_most(80), "many_services_agent_idle_cores": at_most(0.02)}


def measure(lab: Lab) -> Figures:
    """All services have the same replicas, which matters to nobody while there is nothing to do."""
    with lab.replicas(REPLICAS) as replicas, gateway_replica(lab) as gateway:
        started = time.monotonic()
        services = [gateway.service([each.address for each in replicas]) for _ in range(SERVICES)]
        print(f"  rows written after {time.monotonic() - started:.1f} s")
        gateway.start()
        started = time.monotonic()
        for service in services:
            await_ok(service.address)
        print(f"  all services serve after {time.monotonic() - started:.1f} s")
        time.sleep(SETTLE_SECONDS)
        agent, envoy = gateway.agent_cpu_seconds(), gateway.envoy_cpu_seconds()
        time.sleep(IDLE_SECONDS)
        agent_cores = (gateway.agent_cpu_seconds() - agent) / IDLE_SECONDS
        envoy_cores = (gateway.envoy_cpu_seconds() - envoy) / IDLE_SECONDS
        return {
            "many_services_agent_mb": round(memory_mb(gateway.agent_pid, peak=True), 1),
            "many_services_agent_idle_cores": round(agent_cores, 4),
            "many_services_envoy_idle_cores": round(envoy_cores, 4),
            "many_services_envoy_mb": round(memory_mb(gateway.envoy_pid, peak=False), 1),
        }
