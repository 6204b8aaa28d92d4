"""Moving a recovery's record: every change is a compare-and-set on its version, by the step's owner."""

from collections.abc import Sequence
from datetime import timedelta

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from paramedic.clock import to_iso
from paramedic.errors import ParamedicError
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.incidents import CURRENT_ITEM, Incident
from paramedic.state.recoveries import OPEN_STEPS, Entry, Page, Recovery, Step, Story, Wish, Wishes
from paramedic.state.transactions import Change, ConditionFailedError, Update, transact

STEP_SECONDS = 60
"""An owner that has not moved the record for this long is taken for dead.

One that waits for a slow launcher may live on: each step may be taken by two at once, and the record moves for one.
"""


class LostStepError(ParamedicError):
    """Another invocation moved this recovery; whoever holds it goes on."""


def read_recovery(target_id: str, epoch: int) -> Recovery:
    """The record of an epoch known to have one.

    Raises:
        LostStepError: it is not there.
        InvalidRowError: it cannot be understood.
    """
    row = Recovery.read(target_id, epoch)
    if row is None:
        raise LostStepError(f"{target_id}: there is no recovery of epoch {epoch}")
    return row


def read_open(target_id: str, epoch: int) -> Recovery | None:
    """The record of an epoch, as long as it is open.

    Raises:
        InvalidRowError: it cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = Recovery.read(target_id, epoch)
    return row if row is not None and is_open(row) else None


def step_of(recovery: Recovery) -> Step:
    """The step the record stands at.

    Raises:
        InvalidRowError: the row holds an unknown word.
    """
    return recovery.word("step", Step)


def is_open(recovery: Recovery) -> bool:
    """Whether the recovery has still something to do besides telling people."""
    return step_of(recovery) in OPEN_STEPS


def is_worked_on(recovery: Recovery, around: Surroundings) -> bool:
    """Whether another invocation owns the current step and may still be alive."""
    mine = recovery.owner == around.invocation
    return bool(recovery.owner) and not mine and around.clock.now().timestamp() < (recovery.deadline or 0)


def take(recovery: Recovery, around: Surroundings) -> Recovery:
    """Become the owner of the current step, and go by what people have asked for meanwhile.

    Raises:
        LostStepError: a living owner has it, or it moved meanwhile.
    """
    if is_worked_on(recovery, around):
        raise LostStepError(f"{recovery.target_id}: epoch {recovery.epoch} is being worked on at step {recovery.step}")
    actions = (*_owning(around), *_heeding(recovery, around))
    return _change(recovery, around, actions, _still_open() & _as_asked(recovery))


def leave(recovery: Recovery, around: Surroundings) -> Recovery:
    """Let go of the step so that the next sweep may take it at once.

    Raises:
        LostStepError: another invocation moved the record.
    """
    return _change(recovery, around, (Recovery.owner.remove(), Recovery.deadline.remove()), _still_open())


def advance(
    recovery: Recovery,
    step: Step,
    text: str,
    around: Surroundings,
    story: Story | None = None,
    *,
    also: Sequence[Action] = (),
) -> Recovery:
    """Record `text` and move to an open `step`, keeping ownership; `also` is changed by the same write.

    Raises:
        LostStepError: another invocation moved the record.
    """
    actions = (
        *_owning(around),
        Recovery.step.set(step),
        Recovery.step_at.set(to_iso(around.clock.now())),
        Recovery.waits_for.remove(),
        Recovery.story.set(_told(story or recovery.story, step, text, around)),
        *also,
    )
    return _change(recovery, around, actions, _still_open())


def ask(recovery: Recovery, wish: Wish, around: Surroundings) -> None:
    """Leave a person's wish with a record that is at step stop; whoever takes that step next goes by it.

    Raises:
        LostStepError: the record has moved on, or somebody else left a wish at the same moment.
    """
    known = () if recovery.asked is None else recovery.asked.wishes
    left = Recovery.asked.set(Wishes(wishes=(*known, wish)))
    row = Recovery(recovery.target_id, recovery.epoch)
    try:
        transact([Update(row, (left,), (Recovery.step == Step.STOP) & _as_asked(recovery))], around.clock)
    except ConditionFailedError as error:
        stored = read_recovery(str(recovery.target_id), int(recovery.epoch))
        # A write whose reply was lost looks refused when it is tried again.
        if stored.asked is None or wish not in stored.asked.wishes:
            raise LostStepError(f"{recovery.target_id}: epoch {recovery.epoch} moved meanwhile") from error


def _as_asked(recovery: Recovery) -> Condition:
    if recovery.asked is None:
        return Recovery.asked.does_not_exist()
    same: Condition = Recovery.asked == recovery.asked
    return same


def _heeding(recovery: Recovery, around: Surroundings) -> tuple[Action, ...]:
    """What the record becomes by all that people want of it: mode and pause bind it no more."""
    if recovery.asked is None:
        return ()
    story = recovery.story
    for wish in recovery.asked.wishes:
        if wish.word:
            story = story.model_copy(update={"predecessor_gone": wish.word})
            story = _told(story, step_of(recovery), f"its predecessor is gone by the word of {wish.word}", around)
        if not story.manual or story.drill:
            story = story.model_copy(update={"manual": True, "drill": False})
            story = _told(story, step_of(recovery), f"wanted by {wish.actor}: {wish.reason}", around)
    # What still keeps it waiting is told anew.
    return (Recovery.story.set(story), Recovery.asked.remove(), Recovery.waits_for.remove())


def wait_for(recovery: Recovery, reason: str, text: str, around: Surroundings) -> Recovery:
    """Record once per step and `reason` why the step cannot be done now, and owe people a page about it.

    Raises:
        LostStepError: another invocation moved the record.
    """
    if recovery.waits_for == reason:
        return recovery
    page = Page(subject=f"Recovery of {recovery.target_id} waits", text=f"epoch {recovery.epoch}: {text}")
    actions = (
        Recovery.waits_for.set(reason),
        Recovery.owed_page.set(page),
        Recovery.story.set(_told(recovery.story, step_of(recovery), f"waits: {text}", around)),
    )
    return _change(recovery, around, actions, _still_open())


def close(recovery: Recovery, step: Step, text: str, page: Page, around: Surroundings, story: Story) -> Recovery:
    """Record the outcome and owe people `page`; a success is noted in the incident by the same write.

    The sweeper keeps finding the record until the page is paid.

    Raises:
        LostStepError: another invocation moved the record.
    """
    now = to_iso(around.clock.now())
    actions = (
        Recovery.step.set(step),
        Recovery.step_at.set(now),
        Recovery.closed_at.set(now),
        Recovery.owed_page.set(page),
        Recovery.owner.remove(),
        Recovery.deadline.remove(),
        Recovery.waits_for.remove(),
        Recovery.story.set(_told(story, step, text, around)),
    )
    success = [_success(recovery, now)] if step is Step.DONE else []
    return _change(recovery, around, actions, _still_open(), success)


def pay_page(recovery: Recovery, around: Surroundings) -> Recovery:
    """Tell people what the record owes them, if anything; told first and noted second, so twice rather than never.

    Raises:
        LostStepError: another invocation moved the record.
    """
    page = recovery.owed_page
    if page is None or not around.page(page.subject, page.text):
        return recovery
    actions: tuple[Action, ...] = (Recovery.owed_page.remove(),)
    if not is_open(recovery):
        actions = (*actions, Recovery.open_marker.remove())
    return _change(recovery, around, actions, Recovery.target_id.exists())


def seconds_in_step(recovery: Recovery, around: Surroundings) -> float:
    """Wall-clock seconds since the current step began.

    Raises:
        InvalidRowError: the row holds no time.
    """
    return (around.clock.now() - recovery.moment("step_at")).total_seconds()


def _still_open() -> Condition:
    return Recovery.step.is_in(*OPEN_STEPS)


def _success(recovery: Recovery, now: str) -> Change:
    return Update(Incident(recovery.target_id, CURRENT_ITEM), (Incident.last_success_at.set(now),))


def _owning(around: Surroundings) -> tuple[Action, ...]:
    deadline = (around.clock.now() + timedelta(seconds=STEP_SECONDS)).timestamp()
    return (Recovery.owner.set(around.invocation), Recovery.deadline.set(int(deadline)))


def _told(story: Story, step: Step, text: str, around: Surroundings) -> Story:
    entry = Entry(at=to_iso(around.clock.now()), step=step, text=text)
    return story.model_copy(update={"entries": (*story.entries, entry)})


def _change(
    recovery: Recovery,
    around: Surroundings,
    actions: Sequence[Action],
    condition: Condition,
    extra: Sequence[Change] = (),
) -> Recovery:
    # Version and invocation together make a lost reply recognisable: only this call would have written both.
    version = int(recovery.version) + 1
    moved = (
        Recovery.version.set(version),
        Recovery.moved_by.set(around.invocation),
        Recovery.moved_at.set(to_iso(around.clock.now())),
    )
    row = Recovery(recovery.target_id, recovery.epoch)
    change = Update(row, (*actions, *moved), (Recovery.version == recovery.version) & condition)
    refused: ConditionFailedError | None = None
    try:
        transact([change, *extra], around.clock)
    except ConditionFailedError as error:
        refused = error
    stored = read_recovery(str(recovery.target_id), int(recovery.epoch))
    # Also after a change that was made: whoever is slow to look reads what another has made of it since.
    if stored.version != version or stored.moved_by != around.invocation:
        raise LostStepError(f"{recovery.target_id}: epoch {recovery.epoch} moved meanwhile") from refused
    return stored
