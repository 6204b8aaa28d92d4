"""A controller's standby: registered for people and recoveries to find, and acting by a recovery's grant alone."""

from dataclasses import dataclass

from pynamodb.expressions.update import Action

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.state.controllers import EPOCH, STANDBY, ControllerEpoch, ControllerStandby
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import CLAIMABLE_STEPS, Recovery
from paramedic.state.targets import controller_target_id
from paramedic.state.transactions import ConditionFailedError, Update, transact

_NOBODY = (
    ControllerStandby.process_id.remove(),
    ControllerStandby.receipt.remove(),
    ControllerStandby.since.remove(),
    ControllerStandby.seen_at.remove(),
)


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


def register_standby(controller_id: str, process_id: str, receipt: Receipt, clock: Clock) -> None:
    """Become the controller's standby, in place of whoever was.

    Raises:
        StateUnreachableError: DynamoDB did not answer; registering again is harmless.
    """
    now = to_iso(clock.now())
    actions = (
        ControllerStandby.process_id.set(process_id),
        ControllerStandby.receipt.set(receipt),
        ControllerStandby.since.set(now),
        ControllerStandby.seen_at.set(now),
    )
    transact([Update(_row(controller_id), actions)], clock)


def renew_standby(controller_id: str, process_id: str, clock: Clock) -> None:
    """Show people that this standby is still there.

    Raises:
        StandbyReplacedError: it is not the registered one any more.
        StateUnreachableError: DynamoDB did not answer.
    """
    seen = (ControllerStandby.seen_at.set(to_iso(clock.now())),)
    _change(controller_id, process_id, seen, clock)


def retire_standby(controller_id: str, process_id: str, clock: Clock) -> None:
    """Be no standby any more.

    Raises:
        StandbyReplacedError: it is not the registered one any more.
        StateUnreachableError: DynamoDB did not answer.
    """
    _change(controller_id, process_id, _NOBODY, clock)


def no_standby(controller_id: str) -> Update:
    """What a standby that becomes the controller writes together with its claim."""
    return Update(_row(controller_id), _NOBODY)


@dataclass(frozen=True)
class Standing:
    """The controller's epoch, and whether a recovery has granted it to the standby that asks."""

    epoch: int
    granted: bool


def read_standing(controller_id: str, process_id: str) -> Standing | None:
    """How things stand for a standby; None without an epoch. One read, or two while the epoch is not claimed.

    Raises:
        InvalidRowError: a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    current = ControllerEpoch.read(controller_id, EPOCH)
    if current is None:
        return None
    return Standing(int(current.epoch), not current.claimed_by and _is_granted(current, process_id))


def _is_granted(current: ControllerEpoch, process_id: str) -> bool:
    recovery = Recovery.read(controller_target_id(current.controller_id), int(current.epoch))
    return recovery is not None and recovery.granted_to == process_id and recovery.step in CLAIMABLE_STEPS


def _row(controller_id: str) -> ControllerStandby:
    return ControllerStandby(controller_id, STANDBY)


def _change(controller_id: str, process_id: str, actions: tuple[Action, ...], clock: Clock) -> None:
    try:
        transact([Update(_row(controller_id), actions, ControllerStandby.process_id == process_id)], clock)
    except ConditionFailedError as error:
        raise StandbyReplacedError(
            f"another process has taken the place of this standby of controller {controller_id}; one is enough"
        ) from error
