"""Sealing on behalf of a recovery: nobody below its epoch writes any more, although nobody has claimed that epoch yet.

Each seal is one transaction with a look at the recovery's own record: only the invocation that holds its step `stop`
seals. Sealing twice is harmless, and whoever claims the epoch seals again.
"""

from collections.abc import Sequence
from itertools import batched

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.services import ServiceFence, fence_item
from paramedic.state.targets import controller_id_of
from paramedic.state.transactions import MAX_CHANGES, Check, ConditionFailedError, Update, transact


class NotSealedError(ParamedicError):
    """The recovery has moved, or something carries a higher epoch or none that can be understood."""


def seal_for_recovery(recovery: Recovery, invocation: str, clock: Clock) -> int:
    """Raise every fence of the recovery's controller, then its heartbeat, to the recovery's epoch; how many fences.

    Raises:
        NotSealedError: not all of them are sealed.
        TransactionRefusedError: DynamoDB does not let this process seal.
        StateUnreachableError: DynamoDB did not answer; sealing again is harmless.
    """
    controller_id = controller_id_of(str(recovery.target_id))
    if controller_id is None:
        raise NotSealedError(f"{recovery.target_id} is no controller: it has no fences")
    # What is created later has a fence at 0, which only the holder of the current epoch can raise.
    fences = ServiceFence.read_range_keys(controller_id, ServiceFence.item.startswith(fence_item("")))
    for group in batched(fences, MAX_CHANGES - 1, strict=False):
        _seal(recovery, invocation, [_fence_sealed(controller_id, item, int(recovery.epoch)) for item in group], clock)
    _seal(recovery, invocation, [_heartbeat_sealed(controller_id, int(recovery.epoch))], clock)
    return len(fences)


def _seal(recovery: Recovery, invocation: str, seals: Sequence[Update], clock: Clock) -> None:
    held = (Recovery.step == Step.STOP) & (Recovery.owner == invocation)
    mine = Check(Recovery, recovery.target_id, recovery.epoch, held)
    try:
        transact([mine, *seals], clock)
    except ConditionFailedError as error:
        raise NotSealedError(f"{recovery.target_id} is not sealed to epoch {recovery.epoch}: {error}") from error


def _fence_sealed(controller_id: str, item: str, epoch: int) -> Update:
    fence = ServiceFence(controller_id, item)
    return Update(fence, (ServiceFence.owner_epoch.set(epoch),), ServiceFence.owner_epoch <= epoch)


def _heartbeat_sealed(controller_id: str, epoch: int) -> Update:
    sealable = ControllerHeartbeat.sealed_epoch.does_not_exist() | (ControllerHeartbeat.sealed_epoch <= epoch)
    actions = (
        ControllerHeartbeat.sealed_epoch.set(epoch),
        # Nothing beats here: the sequence stands where it stood, and there is one.
        ControllerHeartbeat.sequence.add(0),
        ControllerHeartbeat.beats.set(0),
        ControllerHeartbeat.restored.remove(),
    )
    return Update(ControllerHeartbeat(controller_id, HEARTBEAT), actions, sealable)
