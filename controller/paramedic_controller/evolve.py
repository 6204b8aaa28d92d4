"""How a service's state changes: a pure function of the state and the changes, which derives all that follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from paramedic.autoscaling.tick import Kinds, ScalingPolicy, with_policy
from paramedic.clock import from_iso, to_iso
from paramedic.services.instance_types import weight_of
from paramedic.services.status import ServiceStatus, service_status
from paramedic.services.update_strategy import UpdateMode
from paramedic.state.operations import OperationKind
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.request_handling import Route
from paramedic_controller.actions import (
    Change,
    ChangeOver,
    Fact,
    Launched,
    LaunchFailed,
    LetGo,
    MarkNotReady,
    MarkReady,
    OpenLaunch,
    OpenStop,
    Settle,
    Stopped,
)
from paramedic_controller.backoff import FAILED_AFTER, after_failure
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
    policy = scaling_policy(state, interval, now_second)
    scaler = with_policy(policy, state.scaler, desired.version, now_second)
    service = state.spec.service
    first = Balancer(host, service.load_balancing_policy, (), state.route_floor + 1, requests=service.requests)
    balancer = state.balancer or first
    if balancer.revision < ahead:
        balancer = replace(balancer, revision=ahead + 1)
    return _derived(replace(state, observed=_observed(state), scaler=scaler, balancer=balancer))


def scaling_policy(state: ServiceState, interval: int, now_second: int) -> ScalingPolicy:
    """How the desired version is scaled at `now_second`, given what the replicas that requests go to run on."""
    running = [each.instance_type for each in state.replicas if _carries(state, each)]
    kinds = Kinds(state.spec.instance_type, running)
    return ScalingPolicy.of(state.spec.service.replica_policy, interval, now_second, kinds)


def _carries(state: ServiceState, replica: ReplicaRecord) -> bool:
    """Whether it is there for requests, if only when it answers again."""
    if replica.status not in (ReplicaStatus.READY, ReplicaStatus.NOT_READY):
        return False
    waits = state.is_updating and state.spec.service.update.mode is UpdateMode.BLUE_GREEN
    return not waits or state.observed is None or replica.generation == state.observed.generation


def _observed(state: ServiceState) -> Observed:
    """What was observed, beginning anew with everything that users want anew."""
    desired, before = state.desired, state.observed
    if before is None:
        first = Observed(desired.revision, desired.version, ServiceStatus.REPLICA_INIT, "", 1)
        return replace(first, generation=desired.generation)
    return before if before.revision == desired.revision else replace(before, failures=0, retry_at=None)


def evolve(state: ServiceState, changes: Sequence[Change], moment: Moment) -> ServiceState:
    """`state` after `changes`. A fact about an operation that is no longer open changes nothing."""
    before = state
    for change in changes:
        state = _after(state, change, moment)
    return _derived(_backed_off(before, state, changes, moment))


def _backed_off(before: ServiceState, after: ServiceState, changes: Sequence[Change], moment: Moment) -> ServiceState:
    """`after` with its launches held back, if some of `changes` are failures; those of one moment are one failure."""
    closed = [before.operation(each.operation_id) for each in changes if isinstance(each, LaunchFailed)]
    launches = [each for each in closed if each is not None and not _is_counted(each, before.observed)]
    ended = [each.replica_id for each in changes if isinstance(each, OpenStop) and each.failed]
    failed = [each for each in before.replicas if each.replica_id in ended]
    if after.observed is None or not (launches or failed):
        return after
    now = from_iso(moment.at)
    youngest = 0.0 if launches else min(each.age_seconds(now) for each in failed)
    failures, retry_at = after_failure(after.observed.failures, youngest, now)
    observed = replace(after.observed, failures=failures, retry_at=to_iso(retry_at))
    if retry_at > now:
        waits = f"failed {failures} times in a row, next launch after {to_iso(retry_at)}"
        observed = replace(observed, message=f"{observed.message}; {waits}")
    if failures >= FAILED_AFTER and observed.settled_revision != after.desired.revision:
        observed = replace(observed, failed_revision=after.desired.revision)
    return replace(after, observed=observed)


def _is_counted(launch: OpenOperation, observed: Observed | None) -> bool:
    """Whether it was tried together with a launch whose failure is known: none is tried before `retry_at`."""
    retry_at = observed.retry_at if observed is not None else None
    return retry_at is not None and from_iso(launch.opened_at) < from_iso(retry_at)


def _after(state: ServiceState, change: Change, moment: Moment) -> ServiceState:
    match change:
        case OpenLaunch():
            return _with_launch(state, change, moment)
        case OpenStop(replica_id, operation_id, reason, failed):
            replica = state.replica(replica_id)
            version = replica.version if replica is not None else state.desired.version
            stop = OpenOperation(operation_id, OperationKind.STOP, replica_id, version, reason, moment.epoch, moment.at)
            stopping = _with_status(state, replica_id, ReplicaStatus.STOPPING)
            told = _with_message(stopping, f"replica {replica_id}: {reason}") if failed else stopping
            return replace(told, operations=(*told.operations, stop))
        case MarkReady(replica_id):
            return _with_status(state, replica_id, ReplicaStatus.READY, ready_at=moment.at)
        case MarkNotReady(replica_id, reason):
            unready = _with_status(state, replica_id, ReplicaStatus.NOT_READY)
            return _with_message(unready, f"replica {replica_id}: {reason}")
        case Launched() | LaunchFailed() | Stopped() | LetGo():
            return _with_fact(state, change, moment)
        case ChangeOver():
            return _with_observed(state, generation=state.desired.generation)
        case Settle():
            return _with_observed(state, settled_revision=state.desired.revision)


def _with_launch(state: ServiceState, launch: OpenLaunch, moment: Moment) -> ServiceState:
    operation = OpenOperation(
        launch.operation_id,
        OperationKind.LAUNCH,
        launch.replica_id,
        launch.version,
        launch.reason,
        moment.epoch,
        moment.at,
    )
    replica = ReplicaRecord(
        launch.replica_id,
        launch.version,
        launch.url,
        ReplicaStatus.LAUNCHING,
        launch.operation_id,
        moment.at,
        receipt=None,
        generation=launch.generation,
        instance_type=state.spec_of(launch.version).instance_type,
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


def _with_fact(state: ServiceState, fact: Fact, moment: Moment) -> ServiceState:
    operation = state.operation(fact.operation_id)
    if operation is None:
        return state
    rest = tuple(each for each in state.operations if each != operation)
    closed = replace(state, operations=rest)
    if isinstance(fact, Launched):
        # Only now: what waits for its launch has not begun to start.
        launched = {"receipt": fact.receipt, "launched_at": moment.at}
        return _with_status(closed, operation.replica_id, ReplicaStatus.STARTING, **launched)
    others = tuple(each for each in closed.replicas if each.replica_id != operation.replica_id)
    gone = replace(closed, replicas=others)
    if isinstance(fact, LaunchFailed):
        return _with_message(gone, f"replica {operation.replica_id} was not launched: {fact.detail}")
    if isinstance(fact, LetGo):
        return _with_message(gone, f"replica {operation.replica_id} may still run: {fact.detail}")
    return gone


def _with_status(state: ServiceState, replica_id: int, status: ReplicaStatus, **values: Any) -> ServiceState:
    changed = tuple(
        replace(each, status=status, **values) if each.replica_id == replica_id else each for each in state.replicas
    )
    return replace(state, replicas=changed)


def _with_message(state: ServiceState, message: str) -> ServiceState:
    return _with_observed(state, message=message)


def _with_observed(state: ServiceState, **values: Any) -> ServiceState:
    return state if state.observed is None else replace(state, observed=replace(state.observed, **values))


def _derived(state: ServiceState) -> ServiceState:
    """Routes and the observed status follow from the replicas."""
    if state.observed is None or state.balancer is None:
        return state
    balancer = _balanced(state, state.balancer)
    desired = state.desired
    status = service_status(desired.state, [each.status for each in state.replicas])
    observed = replace(
        state.observed,
        revision=desired.revision,
        version=state.observed.version if state.is_updating else desired.version,
        status=status,
        message="" if _is_whole(state) else state.observed.message,
    )
    return replace(state, balancer=balancer, observed=observed)


def _is_whole(state: ServiceState) -> bool:
    """Whether all that is wanted is there and ready: nothing that went wrong on the way matters any more."""
    wanted = state.scaler.replicas if state.scaler is not None and not state.desired.paused else 0
    ready = [each for each in state.replicas if each.status is ReplicaStatus.READY]
    return len(ready) == len(state.replicas) == wanted and not state.is_updating


def _balanced(state: ServiceState, balancer: Balancer) -> Balancer:
    service = state.spec.service
    # Whoever was never routed to has no requests to finish; whoever was keeps them while it is not ready.
    routed = {each.replica_id for each in (*balancer.routes, *balancer.draining)}
    serving = {each.replica_id for each in state.replicas if _serves(state, each, routed)}
    wanted = replace(
        balancer,
        policy=service.load_balancing_policy,
        routes=_routes(state, serving),
        draining=_routes(state, routed - serving),
        requests=service.requests,
    )
    return balancer if wanted == balancer else replace(wanted, revision=balancer.revision + 1)


def _serves(state: ServiceState, replica: ReplicaRecord, routed: set[int]) -> bool:
    """Whether requests go to a replica: an update in blue and green keeps them where they are until it changes over."""
    if replica.status is not ReplicaStatus.READY or state.observed is None:
        return False
    if state.spec.service.update.mode is UpdateMode.BLUE_GREEN:
        return replica.generation == state.observed.generation
    known = (state.desired.generation, state.observed.generation)
    return replica.generation in known or replica.replica_id in routed


def _routes(state: ServiceState, replica_ids: set[int]) -> tuple[Route, ...]:
    rates = state.spec.service.replica_policy.target_qps_per_replica
    chosen = [each for each in state.replicas if each.replica_id in replica_ids]
    return tuple(
        Route(
            replica_id=each.replica_id,
            url=each.url,
            version=each.version,
            weight=weight_of(rates, each.instance_type),
        )
        for each in sorted(chosen, key=lambda each: each.replica_id)
    )
