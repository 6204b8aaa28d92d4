"""The planner: what to do next about one service. Pure: the same state and looks always give the same plan."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

from paramedic.launchers.interface import RunState
from paramedic.state.operations import OperationKind
from paramedic.state.replicas import ReplicaStatus
from paramedic_controller.actions import (
    Action,
    ChangeOver,
    Drive,
    FinishDown,
    MarkNotReady,
    MarkReady,
    OpenLaunch,
    OpenStop,
    Settle,
)
from paramedic_controller.model import OpenOperation, ReplicaRecord, ServiceState
from paramedic_controller.rollout import Rollout

NOT_READY_AFTER = 3
"""Consecutive failed probes that take a replica out of the routes: one lost packet must not."""

REPLACE_AFTER = 30
"""Consecutive failed probes after which a replica is not expected to come back by itself.

While its process runs and no other replica answers either, that is one signal, and may as well be the prober's own
trouble or a thing all replicas share: none is ended for it. One more is launched instead; whether that one answers
tells whether it is them.
"""

MAX_OPENED_PER_PASS = 10
MAX_MARKED_PER_PASS = 20
"""Keep one pass, with its rows and journal entries, within one transaction."""


@dataclass(frozen=True)
class Look:
    """What is seen of one replica. `run` is None where its launcher could not look this time.

    `ready` is the last probe's answer (None before the first); `failures` counts those failed since the last success.
    """

    run: RunState | None = None
    ready: bool | None = None
    failures: int = 0
    detail: str = ""


@dataclass(frozen=True)
class Circumstances:
    """What the plan depends on besides the state. `busy` are operations whose launcher call is under way.

    `drained` are the leaving replicas without requests; None where there is no gateway to wait for.
    """

    now: datetime
    looks: Mapping[int, Look]
    busy: frozenset[str]
    may_launch: bool
    drain_seconds: float
    drained: frozenset[int] | None = None


class Mint(Protocol):
    """Source of what must be new."""

    def operation_id(self) -> str:
        """A new operation's id."""

    def replica_url(self) -> str:
        """Where a new replica can listen."""


def plan(state: ServiceState, around: Circumstances, mint: Mint) -> tuple[Action, ...]:
    """What to do now. Converged state plans nothing."""
    patience = state.spec.service.requests.drain_seconds
    drives = [Drive(each.operation_id) for each in state.operations if _is_due(each, around, patience)]
    if state.desired.going_down:
        return (*drives, *_ending(state, mint))
    failing = tuple(islice(_failing(state, around, mint), MAX_OPENED_PER_PASS))
    lost = {stop.replica_id for stop in failing}
    marks = islice(_marks(state, lost, around), MAX_MARKED_PER_PASS)
    actions = (*drives, *failing, *marks, *_scaling(state, lost, around, mint))
    return actions or tuple(_settling(state, around))


def _is_due(operation: OpenOperation, around: Circumstances, patience: float) -> bool:
    if operation.operation_id in around.busy:
        return False
    if operation.kind is OperationKind.LAUNCH:
        return True
    # Gateways need a moment to drop the route before requests would fail; a dead replica has none to lose.
    if around.looks.get(operation.replica_id, Look()).run is RunState.ABSENT:
        return True
    age = operation.age_seconds(around.now)
    drained = around.drained is None or operation.replica_id in around.drained or age >= patience
    return drained and age >= around.drain_seconds


def _settled(state: ServiceState) -> Iterator[ReplicaRecord]:
    """Replicas that nothing is being done about."""
    pending = {each.replica_id for each in state.operations}
    return (each for each in state.replicas if each.replica_id not in pending)


def _ending(state: ServiceState, mint: Mint) -> Iterator[Action]:
    if not state.replicas and not state.operations:
        yield FinishDown()
        return
    for replica in islice(_settled(state), MAX_OPENED_PER_PASS):
        yield OpenStop(replica.replica_id, mint.operation_id(), "the service is going down", failed=False)


def _failing(state: ServiceState, around: Circumstances, mint: Mint) -> Iterator[OpenStop]:
    doubtful = {each.replica_id for each in _doubtful(state, around)}
    for replica in _settled(state):
        patience = state.spec_of(replica.version).service.readiness_probe.initial_delay_seconds
        problem = _problem(replica, around.looks.get(replica.replica_id, Look()), patience, around.now)
        if problem is not None and replica.replica_id not in doubtful:
            yield OpenStop(replica.replica_id, mint.operation_id(), problem, failed=True)


def _problem(replica: ReplicaRecord, look: Look, patience: int, now: datetime) -> str | None:
    """Why a replica must be replaced, if it must."""
    if look.run is RunState.ABSENT:
        return f"its process has ended ({look.detail})" if look.detail else "its process has ended"
    if look.run is RunState.ELSEWHERE:
        return None
    starting = replica.status is ReplicaStatus.STARTING
    if starting and look.failures >= NOT_READY_AFTER and replica.age_seconds(now) > patience:
        return f"not ready {patience} s after its launch: {look.detail}"
    if _does_not_come_back(replica, look):
        return f"{look.failures} probes failed in a row: {look.detail}"
    return None


def _does_not_come_back(replica: ReplicaRecord, look: Look) -> bool:
    return replica.status is ReplicaStatus.NOT_READY and look.failures >= REPLACE_AFTER


def _doubtful(state: ServiceState, around: Circumstances) -> list[ReplicaRecord]:
    """Replicas that would be replaced for their failed probes alone, while nobody at all answers."""
    looks = {each.replica_id: around.looks.get(each.replica_id, Look()) for each in _settled(state)}
    if any(look.ready for look in looks.values()):
        return []
    second_signal = (RunState.ABSENT, RunState.SUSPENDED, RunState.ELSEWHERE)
    return [
        each
        for each in _settled(state)
        if (look := looks[each.replica_id]).run not in second_signal and _does_not_come_back(each, look)
    ]


def _marks(state: ServiceState, lost: set[int], around: Circumstances) -> Iterator[Action]:
    for replica in _settled(state):
        look = around.looks.get(replica.replica_id, Look())
        if replica.replica_id in lost or look.run is RunState.ABSENT:
            continue
        if replica.status is ReplicaStatus.READY and look.failures >= NOT_READY_AFTER:
            yield MarkNotReady(replica.replica_id, f"{look.failures} probes failed, the last one: {look.detail}")
        elif replica.status in (ReplicaStatus.STARTING, ReplicaStatus.NOT_READY) and look.ready:
            yield MarkReady(replica.replica_id)


def _scaling(state: ServiceState, lost: set[int], around: Circumstances, mint: Mint) -> Iterator[Action]:
    if state.scaler is None or state.observed is None:
        return
    rollout = _rollout(state, lost, around, state.scaler.replicas)
    if around.may_launch:
        yield from _launches(state, rollout, mint)
    yield from _leaving_elsewhere(rollout, around, mint)
    for replica in islice(rollout.surplus(), MAX_OPENED_PER_PASS):
        yield OpenStop(replica.replica_id, mint.operation_id(), _why_surplus(state, replica, rollout), failed=False)
    if rollout.is_over():
        yield ChangeOver()


def _leaving_elsewhere(rollout: Rollout, around: Circumstances, mint: Mint) -> Iterator[OpenStop]:
    """Replicas of another host or boot serve on while they answer and until others are there in their place."""
    replaced = rollout.is_served_without_elsewhere()
    for replica in islice(rollout.elsewhere, MAX_OPENED_PER_PASS):
        look = around.looks.get(replica.replica_id, Look())
        if replica.replica_id in rollout.settled and (replaced or look.failures >= NOT_READY_AFTER):
            told = "enough others are ready" if replaced else f"{look.failures} probes failed: {look.detail}"
            why = f"it ran on another host, in another container or before a restart, and {told}"
            yield OpenStop(replica.replica_id, mint.operation_id(), why, failed=False)


def _settling(state: ServiceState, around: Circumstances) -> Iterator[Settle]:
    if state.scaler is None or state.observed is None or state.observed.settled_revision == state.desired.revision:
        return
    # Whoever it is handed over to settles that.
    if state.desired.is_leaving:
        return
    if _rollout(state, set(), around, state.scaler.replicas).is_settled():
        yield Settle()


def _rollout(state: ServiceState, lost: set[int], around: Circumstances, target: int) -> Rollout:
    staying = [
        each for each in state.replicas if each.status is not ReplicaStatus.STOPPING and each.replica_id not in lost
    ]
    elsewhere = [each for each in staying if around.looks.get(each.replica_id, Look()).run is RunState.ELSEWHERE]
    living = [each for each in staying if each not in elsewhere]
    wanted = 0 if state.desired.paused else target + (1 if _doubtful(state, around) else 0)
    patience = state.spec.service.update.min_ready_seconds
    available = frozenset(each.replica_id for each in living if _is_available(each, patience, around))
    return Rollout(state, living, frozenset(each.replica_id for each in _settled(state)), available, wanted, elsewhere)


def _is_available(replica: ReplicaRecord, patience: int, around: Circumstances) -> bool:
    """Whether a replica counts where others are to be ended for it.

    One that was ready for a moment does not yet, one that is about to leave the routes does no more. A time further
    ahead than anybody waits was written by a clock that was ahead, and says nothing.
    """
    look = around.looks.get(replica.replica_id, Look())
    if replica.status is not ReplicaStatus.READY or look.failures >= NOT_READY_AFTER:
        return False
    ready_for = replica.ready_seconds(around.now)
    return ready_for is None or not -patience <= ready_for < patience


def _launches(state: ServiceState, rollout: Rollout, mint: Mint) -> Iterator[Action]:
    # Beyond every replica there is, even where a restored or repaired row forgot how far ids went.
    counted = state.observed.next_replica_id if state.observed is not None else 1
    next_id = max([counted, *(each.replica_id + 1 for each in state.replicas)])
    left = MAX_OPENED_PER_PASS
    for missing in rollout.missing():
        reason = f"{len(rollout.living)} of {rollout.wanted} replicas"
        if state.is_updating:
            reason = f"{missing.count} more of version {missing.version}"
        for _ in range(min(missing.count, left)):
            operation_id, url = mint.operation_id(), mint.replica_url()
            yield OpenLaunch(next_id, operation_id, url, reason, missing.version, missing.generation)
            next_id, left = next_id + 1, left - 1


def _why_surplus(state: ServiceState, replica: ReplicaRecord, rollout: Rollout) -> str:
    if state.desired.paused:
        return "the service is paused"
    if replica.generation != state.desired.generation:
        return f"version {state.desired.version} replaces version {replica.version}"
    return f"{len(rollout.living)} replicas where {rollout.wanted} are wanted"
