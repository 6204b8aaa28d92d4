"""A controller's standby: registered for people and recoveries to find, and acting by a recovery's grant alone."""

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.state.controllers import EPOCH, STANDBY, ControllerEpoch, ControllerStandby
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import CLAIMABLE_STEPS, Recovery
from paramedic.state.targets import controller_target_id
from paramedic.state.transactions import ConditionFailedError, Update, transact


class StandbyReplacedError(ParamedicError):
    """Another process has registered as the controller's standby."""


def read_standby(controller_id: str) -> ControllerStandby | None:
    """Who is registered, if anybody is.

    Raises:
        InvalidRowError: the row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = ControllerStandby.read(controller_id, STANDBY)
    return row if row is not None and row.process_id else None


def register_standby(
    controller_id: str, process_id: str, receipt: Receipt, replaced: ControllerStandby | None, clock: Clock
) -> None:
    """Become the controller's standby in place of `replaced`, who is registered as it was read.

    Raises:
        StandbyReplacedError: somebody else has registered since.
        StateUnreachableError: DynamoDB did not answer; registering again is harmless.
    """
    free = ControllerStandby.process_id.does_not_exist()
    condition = free if replaced is None else ControllerStandby.process_id == replaced.process_id
    now = to_iso(clock.now())
    actions = (
        ControllerStandby.process_id.set(process_id),
        ControllerStandby.receipt.set(receipt),
        ControllerStandby.since.set(now),
        ControllerStandby.seen_at.set(now),
    )
    own = ControllerStandby.process_id == process_id
    _change(controller_id, Update(_row(controller_id), actions, condition | own), clock)


def renew_standby(controller_id: str, process_id: str, clock: Clock) -> None:
    """Show people that this standby is still there.

    Raises:
        StandbyReplacedError: it is not the registered one any more.
        StateUnreachableError: DynamoDB did not answer.
    """
    seen = (ControllerStandby.seen_at.set(to_iso(clock.now())),)
    _change(controller_id, Update(_row(controller_id), seen, ControllerStandby.process_id == process_id), clock)


def retire_standby(controller_id: str, process_id: str, clock: Clock) -> None:
    """Be no standby any more.

    Raises:
        StandbyReplacedError: it is not the registered one any more.
        StateUnreachableError: DynamoDB did not answer.
    """
    nobody = (
        ControllerStandby.process_id.remove(),
        ControllerStandby.receipt.remove(),
        ControllerStandby.since.remove(),
        ControllerStandby.seen_at.remove(),
    )
    _change(controller_id, Update(_row(controller_id), nobody, ControllerStandby.process_id == process_id), clock)


def granted_epoch(controller_id: str, process_id: str) -> int | None:
    """The epoch this standby may claim now. One read while the controller's epoch is claimed, two while it is not.

    Raises:
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    current = ControllerEpoch.read(controller_id, EPOCH)
    if current is None or current.claimed_by:
        return None
    epoch = int(current.epoch)
    recovery = Recovery.read(controller_target_id(controller_id), epoch)
    if recovery is None or recovery.granted_to != process_id or recovery.step not in CLAIMABLE_STEPS:
        return None
    return epoch


def _row(controller_id: str) -> ControllerStandby:
    return ControllerStandby(controller_id, STANDBY)


def _change(controller_id: str, change: Update, clock: Clock) -> None:
    try:
        transact([change], clock)
    except ConditionFailedError as error:
        raise StandbyReplacedError(f"controller {controller_id} has another standby: {error}") from error
