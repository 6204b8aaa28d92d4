"""Keeps one service at its desired state: looks, asks the planner, writes, then acts."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import batched

from paramedic.autoscaling.tick import Decision, tick
from paramedic.autoscaling.utilisation import tick as tick_by_utilisation
from paramedic.autoscaling.window import Figures
from paramedic.clock import Clock, from_iso, to_iso
from paramedic.launchers.interface import Description, Launcher, LauncherError, RunState
from paramedic.state.fencing import FencedWriter
from paramedic.state.operations import OperationKind
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.tables import InvalidRowError, StateUnreachableError
from paramedic.state.transactions import Change as RowChange
from paramedic.state.transactions import ConditionFailedError, TransactionRefusedError
from paramedic_controller.actions import (
    Action,
    Change,
    Drive,
    Fact,
    FinishDown,
    Launched,
    LaunchFailed,
    LetGo,
    Stopped,
)
from paramedic_controller.backoff import may_launch
from paramedic_controller.effects import Effects, Unknown
from paramedic_controller.evolve import Moment, completed, evolve, scaling_policy
from paramedic_controller.handover import TooManySpecsError, handing_over, read_moving_rows, spare_specs
from paramedic_controller.model import Desired, OpenOperation, ReplicaRecord, ServiceState, workload_of
from paramedic_controller.persist import Recorder
from paramedic_controller.probes import Prober, ProbeTarget
from paramedic_controller.reaping import Reaper
from paramedic_controller.reconcile import Circumstances, Look, Mint, plan
from paramedic_controller.utilisation.sampler import Sampler
from paramedic_controller.utilisation.usages import usages

MAX_ROUNDS = 4
"""Rounds of planning in one pass: what one round wrote or did, the next may follow up at once."""

STAY_SECONDS = 10.0
"""How long a service that cannot be handed over is looked after before that is tried again."""

MAX_FACTS_PER_WRITE = 20
MAX_INTENTS_PER_WRITE = 50


@dataclass(frozen=True)
class Tools:
    """What every service's supervisor works with."""

    writer: FencedWriter
    recorder: Recorder
    effects: Effects
    reaper: Reaper
    prober: Prober
    sampler: Sampler
    launcher: Launcher
    mint: Mint
    clock: Clock
    warn: Callable[[str], None]
    read_hint: Callable[[], int]
    read_service: Callable[[Desired], ServiceState]
    read_specs: Callable[[str], list[str]]
    read_figures: Callable[[ServiceState, int], Figures]
    read_drained: Callable[[ServiceState], frozenset[int] | None]
    read_ahead: Callable[[ServiceState], int]
    balancer_host: str
    tick_seconds: int
    drain_seconds: float


class ServiceSupervisor:
    """One service of the claimed epoch, whose fence is sealed.

    `must_reread` once a write has no known outcome: `want` must be called before the next pass. `is_gone` once a
    `down` is finished, or the service is another controller's.
    """

    def __init__(self, desired: Desired, tools: Tools) -> None:
        self._tools = tools
        self._stored = self._read(desired)
        self.must_reread = False
        self.is_gone = False
        self._stays_until = 0.0
        self._why_it_stays = ""

    @property
    def state(self) -> ServiceState:
        """What is stored, as far as this process knows."""
        return self._stored

    def want(self, desired: Desired) -> None:
        """Take over what users want; reads everything again where it changed.

        Raises:
            InvalidRowError: what is stored cannot be understood.
            StateUnreachableError: DynamoDB did not answer.
        """
        if self.must_reread or desired != self._stored.desired:
            self._stored = self._read(desired)
            self.must_reread = False

    def _read(self, desired: Desired) -> ServiceState:
        self._tools.writer.catch_up(desired.name)
        return self._tools.read_service(desired)

    def run_pass(self) -> list[OpenOperation]:
        """Move the service toward its desired state; writes nothing when it is there.

        What its launcher is to be called for next is left to `drive`; those operations, the oldest first.

        Raises:
            FencedError: a newer epoch owns the service.
            InvalidRowError: what is stored cannot be understood.
            StateUnreachableError: DynamoDB did not answer; the next pass reads everything again.
        """
        self._commit(self._completed(), {})
        due: set[str] = set()
        for _ in range(MAX_ROUNDS):
            facts = self._facts()
            actions = self._plan(due)
            due.update(action.operation_id for action in actions if isinstance(action, Drive))
            if not facts and all(isinstance(action, Drive) for action in actions):
                break
            self._apply(actions)
            if self.is_gone or self.must_reread:
                return []
        if self._is_ready_to_leave():
            self._hand_over()
            return []
        waiting = [each for each in self._stored.operations if each.operation_id in due]
        return sorted(waiting, key=lambda each: each.opened_at)

    def tick(self, now_second: int) -> Decision | None:
        """One step of the autoscaler at `now_second`, or None when the service is not to run.

        Raises:
            FencedError: a newer epoch owns the service.
            StateUnreachableError: DynamoDB did not answer; the tick is lost.
        """
        state = self._stored
        if state.scaler is None or state.desired.going_down or state.desired.paused:
            return None
        policy = scaling_policy(state, self._tools.tick_seconds, now_second)
        utilization = state.spec.service.replica_policy.target_utilization
        if utilization is not None:
            found = usages(state, self._tools.sampler.usage)
            scaler, decision = tick_by_utilisation(policy, utilization, state.scaler, found, now_second)
        else:
            unread = Figures(cursors=state.scaler.cursors)
            figures = unread if policy.target_qps is None else self._tools.read_figures(state, now_second)
            scaler, decision = tick(policy, state.scaler, figures, now_second)
        self._commit(replace(state, scaler=scaler), {})
        return decision

    def _completed(self) -> ServiceState:
        tools, state = self._tools, self._stored
        now, ahead = int(tools.clock.now().timestamp()), tools.read_ahead(state)
        if state.balancer is not None and state.balancer.revision < ahead:
            tools.warn(
                f"the routes of service {state.desired.name} were put back to revision {state.balancer.revision} while "
                f"its gateway holds {ahead}: going on above that"
            )
        return completed(state, host=tools.balancer_host, interval=tools.tick_seconds, now_second=now, ahead=ahead)

    def _facts(self) -> list[Fact]:
        """Take down what finished launcher calls brought about."""
        facts: list[Fact] = []
        tools = self._tools
        for outcome in tools.effects.finished(self._stored):
            if isinstance(outcome, Unknown):
                tools.warn(f"operation {outcome.operation_id} has no outcome yet: {outcome.detail}")
                continue
            if isinstance(outcome, LetGo):
                tools.warn(f"a replica of service {self._stored.desired.name} may still run: {outcome.detail}")
            facts.append(outcome)
        for start in range(0, len(facts), MAX_FACTS_PER_WRITE):
            self._change(facts[start : start + MAX_FACTS_PER_WRITE])
        return facts

    def _plan(self, due: AbstractSet[str]) -> tuple[Action, ...]:
        tools, now, observed = self._tools, self._tools.clock.now(), self._stored.observed
        retry_at = observed.retry_at if observed is not None else None
        around = Circumstances(
            now=now,
            looks={each.replica_id: self._look(each.replica_id) for each in self._stored.replicas},
            busy=tools.effects.busy(self._stored) | due,
            may_launch=may_launch(from_iso(retry_at) if retry_at else None, now) and not self._is_leaving(),
            drain_seconds=tools.drain_seconds,
            drained=self._drained(),
        )
        return plan(self._stored, around, tools.mint)

    def _drained(self) -> frozenset[int] | None:
        leaving = any(each.kind is OperationKind.STOP for each in self._stored.operations)
        return self._tools.read_drained(self._stored) if leaving else None

    def _look(self, replica_id: int) -> Look:
        replica = self._stored.replica(replica_id)
        if replica is None or replica.receipt is None:
            return Look()
        try:
            seen = self._tools.launcher.describe(replica.receipt)
        except LauncherError as error:
            seen = Description(state=RunState.UNKNOWN, detail=str(error))
        tally = self._tools.prober.tally(self._workload(replica_id))
        if tally is None:
            return Look(run=seen.state, detail=seen.detail)
        detail = seen.detail if seen.state is RunState.ABSENT else tally.detail
        return Look(run=seen.state, ready=tally.ready, failures=tally.failures, detail=detail)

    def _apply(self, actions: Sequence[Action]) -> None:
        changes = [action for action in actions if not isinstance(action, Drive | FinishDown)]
        if changes:
            self._change(changes)
        if any(isinstance(action, FinishDown) for action in actions):
            self._finish_down()

    def _change(self, changes: Sequence[Change]) -> None:
        tools = self._tools
        moment = Moment(to_iso(tools.clock.now()), tools.writer.epoch)
        outcomes = {key: text for key, text in map(_outcome, changes) if key}
        self._commit(evolve(self._stored, changes, moment), outcomes)

    def _commit(self, after: ServiceState, outcomes: dict[str, str]) -> None:
        tools, before = self._tools, self._stored
        changes = tools.recorder.changes(before, after, outcomes, tools.clock.now())
        if changes:
            self._write(changes)
        self._stored = after

    def _write(self, changes: Sequence[RowChange]) -> None:
        try:
            self._tools.writer.commit(self._stored.desired.name, changes)
        except StateUnreachableError:
            self.must_reread = True
            raise

    def drive(self, operations: Sequence[OpenOperation]) -> None:
        """Call the launcher for `operations` of the last pass, whose turn it is.

        Raises:
            FencedError: a newer epoch owns the service.
            StateUnreachableError: DynamoDB did not answer; some are not called for.
        """
        tools, state = self._tools, self._stored
        name = state.desired.name
        for some in batched(operations, MAX_INTENTS_PER_WRITE, strict=False):
            if not tools.writer.lease_is_fresh(name):
                self._write(tools.recorder.intents(state, some))
            for operation in some:
                tools.effects.start(state, operation, lambda: tools.writer.lease_is_fresh(name))

    def _finish_down(self) -> None:
        tools, state = self._tools, self._stored
        old_specs = tools.recorder.spec_removal(state, tools.read_specs(state.desired.name))
        try:
            self._write(old_specs or tools.recorder.removal(state))
        except ConditionFailedError as error:
            # Users changed their mind in this very moment; the hint has moved and is followed up next.
            tools.warn(f"service {state.desired.name} is not removed, it is read again: {error}")
            self.must_reread = True
            return
        self.is_gone = not old_specs

    def _is_leaving(self) -> bool:
        return self._stored.desired.is_leaving and self._tools.clock.monotonic() >= self._stays_until

    def _is_ready_to_leave(self) -> bool:
        """Whether no call of this process can come any more, and only it could tell whether a launch was made."""
        state = self._stored
        launching = any(each.kind is OperationKind.LAUNCH for each in state.operations)
        return self._is_leaving() and not launching and not self._tools.effects.has_calls_under_way(state)

    def _hand_over(self) -> None:
        tools, state = self._tools, self._stored
        controller_id, to = tools.writer.controller_id, str(state.desired.move_to)
        try:
            rows = read_moving_rows(controller_id, state)
            spare = spare_specs(state, rows)
            self._write(spare or handing_over(state, rows, to))
        except (ConditionFailedError, InvalidRowError, TooManySpecsError, TransactionRefusedError) as error:
            self._stay(to, str(error))
            return
        self.is_gone = not spare

    def _stay(self, to: str, why: str) -> None:
        """Look after the service for now, and see what users want of it since."""
        self._stays_until = self._tools.clock.monotonic() + STAY_SECONDS
        self.must_reread = True
        if why != self._why_it_stays:
            name = self._stored.desired.name
            self._tools.warn(f"service {name} is not handed over to controller {to} yet, and kept meanwhile: {why}")
        self._why_it_stays = why

    def probe_targets(self) -> dict[str, ProbeTarget]:
        """What to probe: every replica that runs and is meant to."""
        watched = (ReplicaStatus.STARTING, ReplicaStatus.READY, ReplicaStatus.NOT_READY)
        return {
            self._workload(each.replica_id): self._probe_target(each)
            for each in self._stored.replicas
            if each.status in watched
        }

    def _probe_target(self, replica: ReplicaRecord) -> ProbeTarget:
        spec = self._stored.spec_of(replica.version)
        timeout = float(spec.service.readiness_probe.timeout_seconds)
        return ProbeTarget(replica.url, spec.probe_request(), timeout)

    def _workload(self, replica_id: int) -> str:
        return workload_of(self._stored.desired.uid, replica_id)


def _outcome(change: Change) -> tuple[str, str]:
    match change:
        case Launched(operation_id):
            return operation_id, "launched"
        case LaunchFailed(operation_id, detail):
            return operation_id, f"failed: {detail}"
        case Stopped(operation_id, detail):
            return operation_id, f"stopped: {detail}"
        case LetGo(operation_id, detail):
            return operation_id, f"not confirmed gone: {detail}"
        case _:
            return "", ""
