"""Moving a recovery's record: every change is a compare-and-set on its version, by the step's owner."""

from datetime import timedelta

from pynamodb.expressions.update import Action

from paramedic.clock import from_iso, to_iso
from paramedic.errors import ParamedicError
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.incidents import CURRENT_ITEM, Incident
from paramedic.state.recoveries import OPEN_STEPS, Entry, Recovery, Step, Story
from paramedic.state.transactions import Change, ConditionFailedError, Update, transact

STEP_SECONDS = 60
"""An owner that has not moved the record for this long has died: every step is bounded well below it."""


class LostStepError(ParamedicError):
    """Another invocation moved this recovery; whoever holds it goes on."""


def read_recovery(target_id: str, epoch: int) -> Recovery:
    """The record of an epoch known to have one.

    Raises:
        LostStepError: it is not there.
    """
    row = Recovery.read(target_id, epoch)
    if row is None:
        raise LostStepError(f"{target_id}: there is no recovery of epoch {epoch}")
    return row


def take(recovery: Recovery, around: Surroundings) -> Recovery:
    """Become the owner of the current step.

    Raises:
        LostStepError: a living owner has it, or it moved meanwhile.
    """
    now = around.clock.now()
    mine = recovery.owner == around.invocation
    if recovery.owner and not mine and now.timestamp() < (recovery.deadline or 0):
        raise LostStepError(f"{recovery.target_id}: epoch {recovery.epoch} is being worked on at step {recovery.step}")
    return _change(recovery, around, recovery.story, _owning(around))


def advance(recovery: Recovery, step: Step, text: str, around: Surroundings, story: Story | None = None) -> Recovery:
    """Record `text` and move to an open `step`, keeping ownership.

    Raises:
        LostStepError: another invocation moved the record.
    """
    actions = (*_owning(around), Recovery.step.set(step), Recovery.step_at.set(to_iso(around.clock.now())))
    return _change(recovery, around, _told(story or recovery.story, step, text, around), actions)


def leave(recovery: Recovery, around: Surroundings) -> Recovery:
    """Let go of the step so that the next sweep may take it at once.

    Raises:
        LostStepError: another invocation moved the record.
    """
    return _change(recovery, around, recovery.story, (Recovery.owner.remove(), Recovery.deadline.remove()))


def remember_page(recovery: Recovery, about: str, around: Surroundings) -> Recovery:
    """Record that people were told about `about`.

    Raises:
        LostStepError: another invocation moved the record.
    """
    story = _told(recovery.story, Step(recovery.step), about, around)
    return _change(recovery, around, story, (Recovery.paged.set(about),))


def close(recovery: Recovery, step: Step, text: str, around: Surroundings, story: Story | None = None) -> Recovery:
    """Record the outcome; a success is noted in the incident by the same write.

    Raises:
        LostStepError: another invocation moved the record.
    """
    now = to_iso(around.clock.now())
    actions: tuple[Action, ...] = (
        Recovery.step.set(step),
        Recovery.step_at.set(now),
        Recovery.closed_at.set(now),
        Recovery.open_marker.remove(),
        Recovery.owner.remove(),
        Recovery.deadline.remove(),
    )
    success = [_success(recovery, now)] if step is Step.DONE else []
    return _change(recovery, around, _told(story or recovery.story, step, text, around), actions, success)


def is_open(recovery: Recovery) -> bool:
    """Whether the recovery has still something to do."""
    return recovery.step in OPEN_STEPS


def seconds_in_step(recovery: Recovery, around: Surroundings) -> float:
    """Wall-clock seconds since the current step began."""
    return (around.clock.now() - from_iso(recovery.step_at)).total_seconds()


def _success(recovery: Recovery, now: str) -> Change:
    row = Incident(recovery.target_id, CURRENT_ITEM)
    return Update(row, (Incident.last_success_at.set(now),), Incident.incident_id == recovery.incident)


def _owning(around: Surroundings) -> tuple[Action, ...]:
    deadline = (around.clock.now() + timedelta(seconds=STEP_SECONDS)).timestamp()
    return (Recovery.owner.set(around.invocation), Recovery.deadline.set(int(deadline)))


def _told(story: Story, step: Step, text: str, around: Surroundings) -> Story:
    entry = Entry(at=to_iso(around.clock.now()), step=step, text=text)
    return story.model_copy(update={"entries": (*story.entries, entry)})


def _change(
    recovery: Recovery,
    around: Surroundings,
    story: Story,
    actions: tuple[Action, ...],
    extra: list[Change] | None = None,
) -> Recovery:
    # Version and invocation together make a lost reply recognisable: only this call would have written both.
    version = int(recovery.version) + 1
    moved = Update(
        Recovery(recovery.target_id, recovery.epoch),
        (*actions, Recovery.story.set(story), Recovery.version.set(version), Recovery.moved_by.set(around.invocation)),
        (Recovery.version == recovery.version) & Recovery.step.is_in(*OPEN_STEPS),
    )
    try:
        transact([moved, *(extra or [])], around.clock)
    except ConditionFailedError as error:
        stored = read_recovery(str(recovery.target_id), int(recovery.epoch))
        if stored.version != version or stored.moved_by != around.invocation:
            raise LostStepError(f"{recovery.target_id}: epoch {recovery.epoch} moved meanwhile") from error
    return read_recovery(str(recovery.target_id), int(recovery.epoch))
