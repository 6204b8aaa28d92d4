"""Which replicas of a service are measured, and what was found."""

from collections.abc import Callable

from paramedic.autoscaling.utilisation import Usages
from paramedic_controller.model import ServiceState, workload_of
from paramedic_controller.utilisation.sources import UsageTarget


def usage_targets(state: ServiceState) -> dict[str, UsageTarget]:
    """Every replica that requests go to, by its workload's name; none where the service is scaled by other figures."""
    wanted = state.spec.service.replica_policy.target_utilization
    if wanted is None:
        return {}
    routed = _routed(state)
    return {
        workload_of(state.desired.uid, each.replica_id): UsageTarget(
            called=f"replica {each.replica_id} of service {state.desired.name}",
            receipt=each.receipt,
            url=each.url,
            source=wanted.source,
            metric=wanted.metric,
            path=wanted.metrics_path,
        )
        for each in state.replicas
        if each.replica_id in routed and each.receipt is not None
    }


def usages(state: ServiceState, usage: Callable[[str], float | None]) -> Usages:
    """What `usage` says of the replicas that requests go to; any other that should serve is missing."""
    found = [usage(name) for name in usage_targets(state)]
    known = tuple(each for each in found if each is not None)
    wanted = state.scaler.replicas if state.scaler is not None else 0
    return Usages(known, missing=max(len(_routed(state)), wanted) - len(known))


def _routed(state: ServiceState) -> frozenset[int]:
    return frozenset(each.replica_id for each in state.balancer.routes) if state.balancer is not None else frozenset()
