"""Epochs granted the way a recovery grants them, without one."""

from paramedic.clock import Clock, to_iso
from paramedic.state.claims import claim, claim_first_epoch, open_epoch, register
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import OPEN, OPEN_STEPS, Recovery, Step, Story
from paramedic.state.targets import controller_target_id
from paramedic.state.transactions import Update, transact

STORY = Story(actor="test", reason="test", manual=True, diagnosis="dead", evidence="a test says so")


def grant_next_epoch(controller_id: str, clock: Clock) -> int:
    """Open the next epoch with its recovery at `launch`, ready to be claimed."""
    current = ControllerEpoch.read(controller_id, EPOCH)
    assert current is not None
    target_id, epoch = controller_target_id(controller_id), int(current.epoch) + 1
    previous = Recovery.read(target_id, epoch - 1)
    now = to_iso(clock.now())
    successor = Recovery(
        target_id,
        epoch,
        incident="test",
        profile="test",
        step=Step.LAUNCH,
        opened_at=now,
        step_at=now,
        version=0,
        owner=f"test-{epoch}",
        story=STORY,
        open_marker=OPEN,
    )
    open_previous = previous if previous is not None and previous.step in OPEN_STEPS else None
    open_epoch(current, open_previous, successor, [], clock)
    return epoch


def claim_next_epoch(controller_id: str, process_id: str, clock: Clock) -> int:
    """Register at first, then grant and claim: the epoch that `process_id` holds from now on."""
    receipt = Receipt(launcher="fake", workload="", key=process_id, epoch=0, identity={})
    if ControllerEpoch.read(controller_id, EPOCH) is None:
        register(controller_id, "127.0.0.1", 1, "test", clock)
        claim_first_epoch(controller_id, process_id, receipt, clock)
        return 1
    epoch = grant_next_epoch(controller_id, clock)
    claim(controller_id, epoch, process_id, receipt, clock)
    return epoch


def grant_to_standby(controller_id: str, process_id: str, clock: Clock) -> int:
    """Open the next epoch and let the standby `process_id` claim it."""
    epoch = grant_next_epoch(controller_id, clock)
    granted = Update(
        Recovery(controller_target_id(controller_id), epoch),
        (Recovery.step.set(Step.VERIFY), Recovery.granted_to.set(process_id)),
    )
    transact([granted], clock)
    return epoch
