"""Epochs and claims: who may act for a controller, decided by single transactions."""

from collections.abc import Sequence

from pynamodb.expressions.condition import Condition

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.state.controllers import (
    ENDPOINT,
    EPOCH,
    HINT,
    ControllerEndpoint,
    ControllerEpoch,
    ControllerHint,
)
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import CLAIMABLE_STEPS, OPEN_STEPS, Recovery, Step
from paramedic.state.standbys import no_standby
from paramedic.state.target_registry import adding, was_added
from paramedic.state.targets import Target, TargetKind, TargetMode, bucket_of, controller_target_id
from paramedic.state.transactions import Change, Check, ConditionFailedError, Update, put_new, transact

FIRST_EPOCH = 1


class AlreadyRegisteredError(ParamedicError):
    """The controller's items exist: it has started before, so this is no first start."""


class ClaimRefusedError(ParamedicError):
    """The epoch is claimed, was passed, or its recovery is not ready to hand over."""


class EpochMovedError(ParamedicError):
    """Someone else opened an epoch, claimed, or advanced the previous recovery since it was read."""


def register(controller_id: str, host: str, port: int, profile: str, clock: Clock) -> None:
    """The first start ever: create the controller's items at epoch 1 and its target, all or nothing.

    Raises:
        AlreadyRegisteredError: any of them exists.
    """
    target_id = controller_target_id(controller_id)
    target = Target(
        bucket_of(target_id),
        target_id,
        kind=TargetKind.CONTROLLER,
        url=f"http://{host}:{port}/health",
        mode=TargetMode.AUTO,
        profile=profile,
        fast=True,
        added_at=to_iso(clock.now()),
    )
    changes = [
        put_new(ControllerEpoch(controller_id, EPOCH, epoch=FIRST_EPOCH)),
        put_new(ControllerEndpoint(controller_id, ENDPOINT, host=host, port=port, profile=profile)),
        put_new(ControllerHint(controller_id, HINT, revision=0)),
        *adding(target),
    ]
    try:
        transact(changes, clock)
    except ConditionFailedError as error:
        if not was_added(target):
            raise AlreadyRegisteredError(f"controller {controller_id} is registered already") from error


def claim_first_epoch(controller_id: str, process_id: str, receipt: Receipt, clock: Clock) -> None:
    """Claim epoch 1, which no recovery opened.

    Raises:
        ClaimRefusedError: it is claimed or was passed.
    """
    _claim(controller_id, FIRST_EPOCH, process_id, receipt, clock, also=())


def claim(controller_id: str, epoch: int, process_id: str, receipt: Receipt, clock: Clock) -> None:
    """Claim an epoch that a recovery opened, once that recovery has reached its launch step.

    Raises:
        ClaimRefusedError: it is claimed, was passed, or its recovery is not at launch or verify.
    """
    ready = Recovery.step.is_in(*CLAIMABLE_STEPS)
    _claim(controller_id, epoch, process_id, receipt, clock, also=(_recovery_is(controller_id, epoch, ready),))


def claim_granted(controller_id: str, epoch: int, process_id: str, receipt: Receipt, clock: Clock) -> None:
    """Claim an epoch that a recovery opened and granted to exactly this process, which is a standby no longer.

    A grant that was withdrawn is never good again.

    Raises:
        ClaimRefusedError: it is claimed, was passed, or the grant was withdrawn.
    """
    ready = Recovery.step.is_in(*CLAIMABLE_STEPS) & (Recovery.granted_to == process_id)
    also = (_recovery_is(controller_id, epoch, ready), no_standby(controller_id))
    _claim(controller_id, epoch, process_id, receipt, clock, also=also)


def _recovery_is(controller_id: str, epoch: int, condition: Condition) -> Check:
    return Check(Recovery, controller_target_id(controller_id), epoch, condition)


def _claim(
    controller_id: str,
    epoch: int,
    process_id: str,
    receipt: Receipt,
    clock: Clock,
    *,
    also: Sequence[Change],
) -> None:
    claimed = Update(
        ControllerEpoch(controller_id, EPOCH),
        (
            ControllerEpoch.claimed_by.set(process_id),
            ControllerEpoch.claimed_at.set(to_iso(clock.now())),
            ControllerEpoch.claimant.set(receipt),
        ),
        (ControllerEpoch.epoch == epoch) & ControllerEpoch.claimed_by.does_not_exist(),
    )
    try:
        transact([claimed, *also], clock)
    except ConditionFailedError as error:
        row = ControllerEpoch.read(controller_id, EPOCH)
        if row is not None and row.epoch == epoch and row.claimed_by == process_id:
            return
        seen = "no epoch item" if row is None else f"epoch {row.epoch}, claimed by {row.claimed_by}"
        raise ClaimRefusedError(f"controller {controller_id}: epoch {epoch} cannot be claimed ({seen})") from error


def end_claim(controller_id: str, epoch: int, process_id: str, clock: Clock) -> None:
    """Say that the claimant acts no more: its last word, so that nobody need look for its process.

    Raises:
        ClaimRefusedError: the epoch is no longer claimed by this process.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = ControllerEpoch(controller_id, EPOCH)
    mine = (ControllerEpoch.epoch == epoch) & (ControllerEpoch.claimed_by == process_id)
    try:
        transact([Update(row, (ControllerEpoch.ended_by.set(process_id),), mine)], clock)
    except ConditionFailedError as error:
        raise ClaimRefusedError(f"controller {controller_id}: epoch {epoch} is another's by now") from error


def open_epoch(
    current: ControllerEpoch,
    previous: Recovery | None,
    successor: Recovery,
    extra: Sequence[Change],
    clock: Clock,
) -> None:
    """The epoch transaction: open `successor`'s epoch, provided nothing moved since the others were read.

    An open `previous` is closed as superseded by the same write, together with `extra`.

    Raises:
        EpochMovedError: something moved; re-read and decide again.
    """
    bump = advanced(current, int(successor.epoch))
    changes: list[Change] = [bump, put_new(successor), *superseded(previous, clock), *extra]
    try:
        transact(changes, clock)
    except ConditionFailedError as error:
        stored = Recovery.read(successor.target_id, successor.epoch)
        if stored is not None and stored.owner == successor.owner:
            return
        raise EpochMovedError(f"{successor.target_id}: epoch {successor.epoch} was not opened: {error}") from error


def advanced(current: ControllerEpoch, epoch: int) -> Change:
    """The change that opens `epoch`, unclaimed, provided that epoch and claim are as `current` was read."""
    actions = (
        ControllerEpoch.epoch.set(epoch),
        ControllerEpoch.claimed_by.remove(),
        ControllerEpoch.claimed_at.remove(),
        ControllerEpoch.claimant.remove(),
    )
    as_read = (ControllerEpoch.epoch == current.epoch) & _same_claim(current)
    return Update(ControllerEpoch(current.controller_id, EPOCH), actions, as_read)


def _same_claim(current: ControllerEpoch) -> Condition:
    if not current.claimed_by:
        return ControllerEpoch.claimed_by.does_not_exist()
    return ControllerEpoch.claimed_by == current.claimed_by


def superseded(previous: Recovery | None, clock: Clock) -> list[Change]:
    """The change that closes an open recovery whose epoch is passed; none where there is none."""
    if previous is None or previous.step not in OPEN_STEPS:
        return []
    actions = (
        Recovery.step.set(Step.SUPERSEDED),
        Recovery.closed_at.set(to_iso(clock.now())),
        Recovery.open_marker.remove(),
        Recovery.version.add(1),
    )
    return [Update(Recovery(previous.target_id, previous.epoch), actions, Recovery.version == previous.version)]
