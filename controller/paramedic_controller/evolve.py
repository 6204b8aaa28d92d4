"""How a service's state changes: a pure function of the state and the changes, which derives all that follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from paramedic.autoscaling.tick import ScalingPolicy, initial_state
from paramedic.services.status import ServiceStatus, service_status
from paramedic.state.operations import OperationKind
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.request_handling import Route
from paramedic_controller.actions import (
    Change,
    Launched,
    LaunchFailed,
    MarkNotReady,
    MarkReady,
    OpenLaunch,
    OpenStop,
    Stopped,
)
from paramedic_controller.model import Balancer, Observed, OpenOperation, ReplicaRecord, ServiceState


@dataclass(frozen=True)
class Moment:
    """When and by which epoch a change is made."""

    at: str
    epoch: int


def completed(state: ServiceState, *, host: str, interval: int, now_second: int, ahead: int = 0) -> ServiceState:
    """`state` with the parts that a service's first write creates; `host` is where gateways listen.

    Its routes go on above the revision `ahead` that a gateway holds and the tables lost. A service that goes down
    before it was ever served creates nothing.
    """
    desired = state.desired
    if desired.going_down and state.balancer is None:
        return state
    observed = state.observed or Observed(desired.revision, desired.version, ServiceStatus.REPLICA_INIT, "", 1)
    policy = ScalingPolicy.of(state.spec.service.replica_policy, interval)
    scaler = state.scaler or initial_state(policy, desired.version, now_second)
    service = state.spec.service
    first = Balancer(host, service.load_balancing_policy, (), state.route_floor + 1, requests=service.requests)
    balancer = state.balancer or first
    if balancer.revision < ahead:
        balancer = replace(balancer, revision=ahead + 1)
    return _derived(replace(state, observed=observed, scaler=scaler, balancer=balancer))


def evolve(state: ServiceState, changes: Sequence[Change], moment: Moment) -> ServiceState:
    """`state` after `changes`. A fact about an operation that is no longer open changes nothing."""
    for change in changes:
        state = _after(state, change, moment)
    return _derived(state)


def _after(state: ServiceState, change: Change, moment: Moment) -> ServiceState:
    match change:
        case OpenLaunch():
            return _with_launch(state, change, moment)
        case OpenStop(replica_id, operation_id, reason, failed):
            stop = _operation(state, operation_id, OperationKind.STOP, replica_id, reason, moment)
            stopping = _with_status(state, replica_id, ReplicaStatus.STOPPING)
            told = _with_message(stopping, f"replica {replica_id}: {reason}") if failed else stopping
            return replace(told, operations=(*told.operations, stop))
        case MarkReady(replica_id):
            return _with_status(state, replica_id, ReplicaStatus.READY)
        case MarkNotReady(replica_id, reason):
            unready = _with_status(state, replica_id, ReplicaStatus.NOT_READY)
            return _with_message(unready, f"replica {replica_id}: {reason}")
        case Launched() | LaunchFailed() | Stopped():
            return _with_fact(state, change)


def _with_launch(state: ServiceState, launch: OpenLaunch, moment: Moment) -> ServiceState:
    operation = _operation(state, launch.operation_id, OperationKind.LAUNCH, launch.replica_id, launch.reason, moment)
    replica = ReplicaRecord(
        launch.replica_id,
        state.desired.version,
        launch.url,
        ReplicaStatus.LAUNCHING,
        launch.operation_id,
        moment.at,
        receipt=None,
    )
    observed = state.observed
    if observed is not None:
        observed = replace(observed, next_replica_id=max(observed.next_replica_id, launch.replica_id + 1))
    return replace(
        state,
        observed=observed,
        replicas=(*state.replicas, replica),
        operations=(*state.operations, operation),
    )


def _with_fact(state: ServiceState, fact: Launched | LaunchFailed | Stopped) -> ServiceState:
    operation = state.operation(fact.operation_id)
    if operation is None:
        return state
    rest = tuple(each for each in state.operations if each != operation)
    closed = replace(state, operations=rest)
    if isinstance(fact, Launched):
        return _with_replica(closed, operation.replica_id, ReplicaStatus.STARTING, fact)
    others = tuple(each for each in closed.replicas if each.replica_id != operation.replica_id)
    gone = replace(closed, replicas=others)
    if isinstance(fact, LaunchFailed):
        return _with_message(gone, f"replica {operation.replica_id} was not launched: {fact.detail}")
    return gone


def _with_replica(state: ServiceState, replica_id: int, status: ReplicaStatus, fact: Launched) -> ServiceState:
    changed = tuple(
        replace(each, status=status, receipt=fact.receipt) if each.replica_id == replica_id else each
        for each in state.replicas
    )
    return replace(state, replicas=changed)


def _with_status(state: ServiceState, replica_id: int, status: ReplicaStatus) -> ServiceState:
    changed = tuple(replace(each, status=status) if each.replica_id == replica_id else each for each in state.replicas)
    return replace(state, replicas=changed)


def _with_message(state: ServiceState, message: str) -> ServiceState:
    return state if state.observed is None else replace(state, observed=replace(state.observed, message=message))


def _operation(
    state: ServiceState, operation_id: str, kind: OperationKind, replica_id: int, reason: str, moment: Moment
) -> OpenOperation:
    version = state.desired.version
    return OpenOperation(operation_id, kind, replica_id, version, reason, moment.epoch, moment.at)


def _derived(state: ServiceState) -> ServiceState:
    """Routes and the observed status follow from the replicas."""
    if state.observed is None or state.balancer is None:
        return state
    ready = sorted(
        (each for each in state.replicas if each.status is ReplicaStatus.READY), key=lambda each: each.replica_id
    )
    balancer = _balanced(state, state.balancer)
    status = service_status(state.desired.going_down, [each.status for each in state.replicas])
    all_ready = bool(state.replicas) and len(ready) == len(state.replicas)
    observed = replace(
        state.observed,
        revision=state.desired.revision,
        version=state.desired.version,
        status=status,
        message="" if all_ready else state.observed.message,
    )
    return replace(state, balancer=balancer, observed=observed)


def _balanced(state: ServiceState, balancer: Balancer) -> Balancer:
    service = state.spec.service
    # Whoever was never routed to has no requests to finish; whoever was keeps them while it is not ready.
    routed = {each.replica_id for each in (*balancer.routes, *balancer.draining)}
    leaving = _routes(state, ReplicaStatus.NOT_READY, ReplicaStatus.STOPPING)
    wanted = replace(
        balancer,
        policy=service.load_balancing_policy,
        routes=_routes(state, ReplicaStatus.READY),
        draining=tuple(route for route in leaving if route.replica_id in routed),
        requests=service.requests,
    )
    return balancer if wanted == balancer else replace(wanted, revision=balancer.revision + 1)


def _routes(state: ServiceState, *statuses: ReplicaStatus) -> tuple[Route, ...]:
    chosen = sorted((each for each in state.replicas if each.status in statuses), key=lambda each: each.replica_id)
    return tuple(Route(replica_id=each.replica_id, url=each.url, version=each.version) for each in chosen)
