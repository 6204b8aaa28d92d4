"""The heartbeat: one item per controller, moved only by the epoch that sealed it."""

from pynamodb.exceptions import PynamoDBException, UpdateError
from pynamodb.expressions.update import Action

from paramedic.clock import Clock, to_iso
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.fencing import FencedError, epoch_is_mine
from paramedic.state.tables import StateUnreachableError
from paramedic.state.transactions import ConditionFailedError, Update, transact

HEARTBEAT_SECONDS = 3.0
"""How often a controller that completes its passes moves the sequence."""


def seal_heartbeat(controller_id: str, epoch: int, process_id: str, clock: Clock) -> None:
    """Make `epoch` the only one that may beat, move the sequence once and count beats from zero again.

    Raises:
        FencedError: the epoch is no longer claimed by this process, or a higher one has sealed.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = ControllerHeartbeat(controller_id, HEARTBEAT)
    sealable = ControllerHeartbeat.sealed_epoch.does_not_exist() | (ControllerHeartbeat.sealed_epoch <= epoch)
    actions = (
        ControllerHeartbeat.sealed_epoch.set(epoch),
        ControllerHeartbeat.sequence.add(1),
        ControllerHeartbeat.beats.set(0),
        ControllerHeartbeat.restored.remove(),
    )
    try:
        transact([epoch_is_mine(controller_id, epoch, process_id), Update(row, actions, sealable)], clock)
    except ConditionFailedError as error:
        raise FencedError(f"controller {controller_id} epoch {epoch} was passed before it sealed") from error


def beat(controller_id: str, epoch: int, clock: Clock) -> int:
    """Move the sequence by one and return it.

    Raises:
        FencedError: another epoch has sealed the heartbeat.
        StateUnreachableError: DynamoDB did not answer.
    """
    beat_at = ControllerHeartbeat.beat_at.set(to_iso(clock.now()))
    actions: list[Action] = [ControllerHeartbeat.sequence.add(1), ControllerHeartbeat.beats.add(1), beat_at]
    return int(_update(controller_id, epoch, actions).sequence)


def report_restored(controller_id: str, epoch: int, summary: str) -> None:
    """Leave `summary`, what this epoch's process took up, for the recovery that waits for it.

    Raises:
        FencedError: another epoch has sealed the heartbeat.
        StateUnreachableError: DynamoDB did not answer.
    """
    _update(controller_id, epoch, [ControllerHeartbeat.restored.set(summary)])


def _update(controller_id: str, epoch: int, actions: list[Action]) -> ControllerHeartbeat:
    row = ControllerHeartbeat(controller_id, HEARTBEAT)
    try:
        row.update(actions=actions, condition=ControllerHeartbeat.sealed_epoch == epoch)
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            raise FencedError(f"controller {controller_id}: the heartbeat is no longer epoch {epoch}'s") from error
        raise StateUnreachableError(f"heartbeat of controller {controller_id}: {error}") from error
    except PynamoDBException as error:
        raise StateUnreachableError(f"heartbeat of controller {controller_id}: {error}") from error
    return row
