"""Who must be gone before a successor starts. Pure."""

from paramedic.launchers.interface import FENCING_ON_HOST, launch_key
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Predecessor, Recovery, Step


def receipt_of_claimant(current: ControllerEpoch, opened_by: Recovery | None) -> Receipt | None:
    """The receipt by which the stack's launcher knows the claimant, given the recovery that opened its epoch.

    A process names itself as its own host sees it, which is enough for launchers that ask that host. What it runs in (a
    task, an instance, a pod) is known to whoever launched that; the launch key, which was used once, tells that the one
    runs in the other.
    """
    claimant = current.claimant
    launched = None if opened_by is None else opened_by.story.launched
    if claimant is None or launched is None:
        return claimant
    runs_within = launched.launcher not in FENCING_ON_HOST and launched.key == claimant.key
    return launched if runs_within else claimant


def predecessors_of(current: ControllerEpoch, previous: Recovery | None) -> tuple[Predecessor, ...]:
    """Everything that may still act, given the epoch item and the recovery that opened it, as read.

    A claimant could only claim once its own predecessors were confirmed gone, so it stands alone; without a receipt it
    stays a predecessor that nothing confirms the end of. What it says of itself is a process, which only its host can
    tell of: where its launcher knows it by another receipt, that one stands for it.

    An unclaimed epoch leaves the standby it was granted to and whatever its recovery launched, or, when it never got
    past stopping, whatever that one had still to stop.
    """
    epoch = int(current.epoch)
    if current.claimed_by:
        return (_claimant(current, previous),)
    if previous is None:
        return ()
    if previous.step == Step.STOP:
        return previous.story.predecessors
    granted, launched = previous.story.granted, previous.story.launched
    key = launch_key(str(previous.target_id), epoch)
    receipt = None if launched == granted else launched
    by_launch = Predecessor(epoch=epoch, receipt=receipt, launch_key=key, profile=previous.profile)
    return (by_launch,) if granted is None else (Predecessor(epoch=epoch, receipt=granted), by_launch)


def _claimant(current: ControllerEpoch, previous: Recovery | None) -> Predecessor:
    receipt = receipt_of_claimant(current, previous)
    by_itself = Predecessor(epoch=int(current.epoch), receipt=receipt, ended=current.has_ended)
    if previous is None or receipt is None or receipt != previous.story.launched:
        return by_itself
    return by_itself.model_copy(update={"profile": previous.profile})
