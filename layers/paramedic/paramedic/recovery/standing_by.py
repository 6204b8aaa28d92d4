"""Handing an epoch to the standby that waits for it, and taking it back from one that does not claim it.

The grant is recorded before the standby can act, and the claim is conditional on it. So once it is withdrawn, the
epoch either has been claimed by the standby already or never will be.
"""

from dataclasses import dataclass

from paramedic.errors import InvalidInputError
from paramedic.launchers.interface import Launcher, LauncherError, RunState
from paramedic.recovery import records
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Recovery, Step
from paramedic.state.standbys import read_standby
from paramedic.state.targets import controller_id_of

CLAIM_SECONDS = 10.0
"""A standby looks for its grant every second and claims at once; one that needs longer is not waited for."""


@dataclass(frozen=True)
class Candidate:
    """A standby that can be granted an epoch."""

    process_id: str
    receipt: Receipt


def usable_standby(recovery: Recovery, launcher: Launcher) -> Candidate | None:
    """The standby of the recovery's controller, if its host shows it running; other targets have none.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    controller_id = controller_id_of(str(recovery.target_id))
    if controller_id is None:
        return None
    try:
        row = read_standby(controller_id)
        if row is None or row.receipt is None:
            return None
        running = launcher.describe(row.receipt).state is RunState.RUNNING
    except (InvalidInputError, LauncherError):
        # Whatever is wrong with a standby, there is another way to go on.
        return None
    return Candidate(row.process_id, row.receipt) if running else None


def grant(recovery: Recovery, standby: Candidate, around: Surroundings) -> Recovery:
    """Let `standby` claim the epoch, and go on to see whether it does.

    Raises:
        LostStepError: another invocation moved the record.
    """
    story = recovery.story.model_copy(update={"granted": standby.receipt, "launched": standby.receipt})
    granted = Recovery.granted_to.set(standby.process_id)
    text = f"granted to the standby, {standby.receipt.called}"
    return records.advance(recovery, Step.VERIFY, text, around, story, also=(granted,))


def why_not_awaited(recovery: Recovery, launcher: Launcher, waited: float) -> str | None:
    """Why the standby, which has not claimed the epoch in `waited` seconds, gets it no longer; None while it may.

    Raises:
        LauncherError: its host cannot be asked.
    """
    receipt = recovery.story.granted
    if receipt is None or launcher.describe(receipt).state is RunState.ABSENT:
        return "the standby ended without claiming the epoch"
    if waited > CLAIM_SECONDS:
        return f"the standby, {receipt.called}, did not claim the epoch within {CLAIM_SECONDS:g} s"
    return None


def withdraw(recovery: Recovery, why: str, around: Surroundings) -> Recovery:
    """Take the grant back for good and go back to launching.

    Raises:
        LostStepError: another invocation moved the record.
    """
    story = recovery.story.model_copy(update={"launched": None})
    withdrawn = Recovery.granted_to.remove()
    return records.advance(recovery, Step.LAUNCH, f"withdrawn: {why}", around, story, also=(withdrawn,))


def end_withdrawn(recovery: Recovery, launcher: Launcher) -> None:
    """End a standby whose grant was withdrawn: it may hold the controller's port. It cannot claim, so nothing waits.

    Raises:
        LauncherError: the host refuses this recovery's epoch, or cannot be asked.
    """
    receipt = recovery.story.granted
    if receipt is not None:
        launcher.stop(receipt, epoch=int(recovery.epoch), grace_seconds=0)


def read_claim(recovery: Recovery) -> ControllerEpoch | None:
    """The epoch item, if the recovery's epoch has been claimed.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    current = ControllerEpoch.read(controller_id_of(str(recovery.target_id)), EPOCH)
    return current if current is not None and current.epoch == recovery.epoch and current.claimed_by else None
