"""How a controller that nobody gave an epoch comes by one: all of a recovery but the launch, whose place it takes.

Whoever dies on the way leaves an ordinary record: the next start, or the sweeper, goes on from it.
"""

from collections.abc import Callable

from paramedic.errors import ParamedicError
from paramedic.recovery import records
from paramedic.recovery.cases import Case, Opener, read_incident
from paramedic.recovery.driving import held_now, stop_predecessors
from paramedic.recovery.evidence import gather_beside_a_standing_heartbeat
from paramedic.recovery.gate import Evidence, Finding
from paramedic.recovery.incident_rules import current_incident
from paramedic.recovery.opening import open_recovery, refuse
from paramedic.recovery.predecessors import predecessors_of
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import EPOCH, HEARTBEAT, ControllerEpoch, ControllerHeartbeat
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.targets import Target, bucket_of, controller_target_id

ACTOR = "self-start"

LOOK_SECONDS = 1.0
"""Between two looks at the heartbeat."""


class StillBeatingError(ParamedicError):
    """Another controller is alive."""


class RecoveryUnderWayError(ParamedicError):
    """Another recovery of this controller is under way, or was quicker."""


class SelfStartRefusedError(ParamedicError):
    """The gate lets no recovery through now."""


class PredecessorStaysError(ParamedicError):
    """A recovery is open and waits: a predecessor is not confirmed gone, or somebody holds it."""


def take_over(controller_id: str, own_receipt: Callable[[int], Receipt], around: Surroundings) -> Recovery:
    """Make sure that no predecessor acts any more, and record this process as the one its epoch was given to.

    The epoch may be claimed once this returns, and not before. `own_receipt` names this process under an epoch.

    Raises:
        StillBeatingError: another controller is alive; nothing was changed.
        RecoveryUnderWayError: somebody else has the recovery in hand.
        SelfStartRefusedError: the gate refused; nothing was changed.
        PredecessorStaysError: what would let it go on is recorded, and people are told.
        EpochMovedError: somebody else was first; nothing was changed.
        StateUnreachableError: DynamoDB did not answer; the next start goes on.
    """
    target_id = controller_target_id(controller_id)
    current = _read_epoch(controller_id)
    previous = Recovery.read(target_id, int(current.epoch))
    under_way = previous if previous is not None and records.is_open(previous) else None
    if under_way is not None:
        _require_left_alone(under_way, around)
    if not current.has_ended:
        _require_standing_still(current, around)
    try:
        opened = under_way or _open(_case(current, previous, around), around)
        # Whoever was slow to come back to what it opened itself finds it taken further by others.
        _require_left_alone(opened, around)
        return _take_the_place(records.take(opened, around), own_receipt, around)
    except records.LostStepError as error:
        raise RecoveryUnderWayError(str(error)) from error


def _read_epoch(controller_id: str) -> ControllerEpoch:
    row = ControllerEpoch.read(controller_id, EPOCH)
    if row is None:
        raise SelfStartRefusedError(f"controller {controller_id} has no epoch any more: restore it from a backup")
    return row


def _require_left_alone(recovery: Recovery, around: Surroundings) -> None:
    """Only before anything is launched does nobody else come to claim its epoch."""
    if records.step_of(recovery) is not Step.STOP or records.is_worked_on(recovery, around):
        raise RecoveryUnderWayError(
            f"a recovery of {recovery.target_id} is open (epoch {recovery.epoch}, step {recovery.step}, opened by "
            f"{recovery.story.actor})"
        )


def _require_standing_still(current: ControllerEpoch, around: Surroundings) -> None:
    first = _sequence(current.controller_id)
    deadline = around.clock.monotonic() + around.stale_seconds
    while around.clock.monotonic() < deadline:
        around.clock.sleep(LOOK_SECONDS)
        if _sequence(current.controller_id) != first:
            raise StillBeatingError(f"controller {current.controller_id} is running (epoch {current.epoch})")


def _sequence(controller_id: str) -> int | None:
    row = ControllerHeartbeat.read(controller_id, HEARTBEAT)
    return None if row is None else int(row.sequence)


def _case(current: ControllerEpoch, previous: Recovery | None, around: Surroundings) -> Case:
    controller_id = str(current.controller_id)
    target_id = controller_target_id(controller_id)
    target = Target.read(bucket_of(target_id), target_id)
    if target is None:
        raise SelfStartRefusedError(f"{target_id} is not registered any more; register it again")
    now, stored = around.clock.now(), read_incident(target_id)
    evidence = _evidence(current, target, around)
    # Who ended because it was asked to has not failed: what comes after is no further attempt to cure anything.
    lasting = None if current.has_ended else stored
    return Case(
        target=target,
        current=current,
        previous=previous,
        evidence=evidence,
        predecessors=predecessors_of(current, previous),
        stored_incident=stored,
        incident=current_incident(lasting, now, around.new_id()),
        opener=Opener(actor=ACTOR, reason="started without an epoch", now=now, manual=False),
    )


def _evidence(current: ControllerEpoch, target: Target, around: Surroundings) -> Evidence:
    if current.has_ended:
        return Evidence(finding=Finding.DEAD, text=f"the process of epoch {current.epoch} ended when it was asked to")
    return gather_beside_a_standing_heartbeat(target, str(current.controller_id), around)


def _open(case: Case, around: Surroundings) -> Recovery:
    # It runs already, whatever else fails: nothing beside it holds it up.
    refused = refuse(case, around.clock.now())
    if refused is not None:
        raise SelfStartRefusedError(f"{case.target.target_id}: {refused.sentence()}")
    epoch = open_recovery(case, around)
    return records.read_recovery(str(case.target.target_id), epoch)


def _take_the_place(recovery: Recovery, own_receipt: Callable[[int], Receipt], around: Surroundings) -> Recovery:
    recovery, seen = stop_predecessors(recovery, around)
    held = held_now(recovery)
    if records.step_of(recovery) is Step.LAUNCH and held is not None:
        seen = f"its predecessor is stopped, and {held}"
        recovery = records.wait_for(recovery, "held", seen, around)
    if recovery.waits_for:
        records.leave(recovery, around)
        raise PredecessorStaysError(f"{recovery.target_id} waits at epoch {recovery.epoch}: {seen}")
    receipt = own_receipt(int(recovery.epoch))
    story = recovery.story.model_copy(update={"launched": receipt})
    text = f"{receipt.called}, started without an epoch, takes the place of a launch"
    return records.advance(recovery, Step.VERIFY, text, around, story)
