"""Who acts on a controller: recoveries, sweepers, its processes, and a person who starts one by hand."""

from typing import Any

from paramedic.clock import to_iso
from paramedic.health.outcomes import ProbeOutcome, ProbeRequest
from paramedic.launchers.interface import Description, Launch, StopResult
from paramedic.recovery import recoverer
from paramedic.recovery.answering import act
from paramedic.recovery.messages import ManualRecover
from paramedic.recovery.self_start import take_over
from paramedic.recovery.surroundings import LaunchPlan, Surroundings
from paramedic.state.claims import claim, claim_first_epoch
from paramedic.state.fencing import FencedWriter
from paramedic.state.heartbeat import beat, report_restored, seal_heartbeat
from paramedic.state.operations import Operation, OperationKind, done_item, open_item
from paramedic.state.receipt import Receipt
from paramedic.state.transactions import Delete, Put, put_new
from tests.fakes.interleaving.scripts import Program, Run
from tests.fakes.recovery_world import CONTROLLER, TARGET, failure

SERVICE, SERVICE_UID = "echo", "uid-1"
REPLICA_KEY = "replica-1"
BY_HAND = "by-hand"


class HostLauncher:
    """The launcher of controllers, as the host answers it."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def launch(self, request: Launch) -> Receipt:
        return receipt(self._run.host("launch", key=request.key, epoch=request.epoch))

    def find(self, workload: str, key: str) -> Receipt | None:
        found = self._run.host("find", key=key)
        return None if found is None else receipt(found)

    def running(self, scope: str) -> list[Receipt]:
        raise NotImplementedError(scope)

    def occupant(self, workload: str) -> Receipt | None:
        raise NotImplementedError(workload)

    def describe(self, receipt: Receipt) -> Description:
        seen: Description = self._run.host("describe", key=receipt.key)
        return seen

    def stop(self, receipt: Receipt, *, epoch: int, grace_seconds: float, scope: str | None = None) -> StopResult:
        result: StopResult = self._run.host("stop", key=receipt.key, epoch=epoch)
        return result

    def fence(self, scope: str, epoch: int) -> None:
        self._run.host("fence", epoch=epoch)


def receipt(process: Any) -> Receipt:
    """By which the launcher knows a process."""
    return receipt_of(process.key, process.epoch)


def receipt_of(key: str, epoch: int) -> Receipt:
    """The same for a process that knows itself."""
    return Receipt(launcher="process", workload=TARGET, key=key, epoch=epoch, identity={"pid": key})


def surroundings(run: Run) -> Surroundings:
    """A recovery's, in one invocation that waits for nothing."""
    launcher = HostLauncher(run)

    def request(workload: str, scope: str, epoch: int, key: str) -> Launch:
        return Launch(workload=workload, scope=scope, epoch=epoch, key=key, command=("fake",))

    def probe(asked: ProbeRequest) -> ProbeOutcome:
        return ProbeOutcome(target_id=asked.target_id, kind=run.host("probe"))

    return Surroundings(
        clock=run.clock,
        new_id=run.new_id,
        invocation=run.name,
        probe=probe,
        profile=lambda _: LaunchPlan(launcher, request, verify_seconds=60.0, fences_on_host=True),
        page=lambda *_: True,
        stale_seconds=1.0,
        verify_seconds_per_invocation=0.0,
    )


def on_failure(run: Run) -> None:
    """A recovery that a check asked for."""
    recoverer.on_failure(failure(run.clock.now(), "dead"), surroundings(run))


def on_word(run: Run) -> None:
    """A recovery that a person asked for, who says that the predecessor is gone."""
    wish = ManualRecover(
        action="recover",
        target=TARGET,
        actor="ada",
        reason="test",
        request_id=f"request-{run.name}",
        predecessor_gone="I pulled the plug",
    )
    act(wish, surroundings(run))


def sweep(run: Run) -> None:
    """The sweeper, once."""
    recoverer.sweep(surroundings(run))


def controller(key: str, epoch: int, replicas: str) -> Program:
    """A process that was given its epoch. `replicas` is the host's call that starts one."""

    def run_it(run: Run) -> None:
        lead(run, key, epoch, replicas)

    return run_it


def started_by_hand(replicas: str) -> Program:
    """A process that was given no epoch."""

    def run_it(run: Run) -> None:
        def own_receipt(epoch: int) -> Receipt:
            run.host("become", key=BY_HAND, epoch=epoch)
            return receipt_of(BY_HAND, epoch)

        recovery = take_over(CONTROLLER, own_receipt, surroundings(run))
        lead(run, BY_HAND, int(recovery.epoch), replicas)

    return run_it


def lead(run: Run, key: str, epoch: int, replicas: str) -> None:
    """What every controller does, in its order; its one service is to have one replica."""
    take = claim_first_epoch if epoch == 1 else claim_later(epoch)
    take(CONTROLLER, key, receipt_of(key, epoch), run.clock)
    run.host("become", key=key, claimed=True)
    writer = FencedWriter(CONTROLLER, epoch, key, clock=run.clock, new_id=run.new_id)
    writer.seal([SERVICE])
    writer.catch_up_all()
    seal_heartbeat(CONTROLLER, epoch, key, run.clock)
    run.host("fence", epoch=epoch)
    known = Operation.read_all(SERVICE_UID)
    report_restored(CONTROLLER, epoch, "services 1")
    if not known:
        writer.commit(SERVICE, [put_new(operation(run, open_item(REPLICA_KEY), epoch))])
    if not known or open_item(REPLICA_KEY) in [each.item for each in known]:
        assert writer.lease_is_fresh(SERVICE)
        run.host(replicas, key=REPLICA_KEY, epoch=epoch)
        done = [Delete(Operation(SERVICE_UID, open_item(REPLICA_KEY)))]
        writer.commit(SERVICE, [*done, Put(operation(run, done_item(REPLICA_KEY), epoch))])
    run.host("become", key=key, serves=True)
    beat(CONTROLLER, epoch, run.clock)


def claim_later(epoch: int) -> Any:
    """`claim` with the arguments of `claim_first_epoch`."""
    return lambda controller_id, key, own, clock: claim(controller_id, epoch, key, own, clock)


def operation(run: Run, item: str, epoch: int) -> Operation:
    """The launch of the one replica."""
    return Operation(
        SERVICE_UID,
        item,
        kind=OperationKind.LAUNCH,
        replica_id=1,
        version=1,
        reason="test",
        opened_by_epoch=epoch,
        opened_at=to_iso(run.clock.now()),
    )
