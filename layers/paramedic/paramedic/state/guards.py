"""The epoch of a target that is no controller: an item under the target's own id, begun once and never deleted."""

from contextlib import suppress

from paramedic.clock import Clock
from paramedic.state.claims import FIRST_EPOCH
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.targets import epoch_key_of
from paramedic.state.transactions import ConditionFailedError, put_new, transact


def begin_epochs(target_id: str, clock: Clock) -> None:
    """Give a target its first epoch, unless it has one: one that is guarded again goes on from where it was.

    Raises:
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    with suppress(ConditionFailedError):
        transact([put_new(ControllerEpoch(epoch_key_of(target_id), EPOCH, epoch=FIRST_EPOCH))], clock)
