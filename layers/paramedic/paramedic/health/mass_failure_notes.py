"""Says once that a mass failure is suspected and once that it is over, however many checks of groups see it."""

from collections.abc import Callable, Sequence
from datetime import datetime

from pynamodb.exceptions import PynamoDBException, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from paramedic.clock import to_iso
from paramedic.health.bad_periods import JudgedElsewhereError
from paramedic.health.events import BusEntry, MassFailureOver, MassFailureSuspected
from paramedic.health.fleet import Fleet
from paramedic.health.mass_failure import SAME, TOGETHER, MassFailure
from paramedic.health.transitions import DetailType
from paramedic.state.tables import StateUnreachableError
from paramedic.state.targets import MASS_FAILURE_NOTE, NOTES_BUCKET, MassFailureNote

EXAMPLES = 10


def mass_failure_entry(
    mass: MassFailure | None, tick: datetime, now: datetime, new_id: Callable[[], str]
) -> BusEntry | None:
    """What is to be said at `tick` of the `mass` failure under way; None if there is none, or people know of it.

    Raises:
        InvalidRowError: what was said last cannot be understood.
        JudgedElsewhereError: another check noticed it at the same time, and says so.
        StateUnreachableError: DynamoDB did not answer.
    """
    if mass is None:
        return None
    note = MassFailureNote.read(NOTES_BUCKET, MASS_FAILURE_NOTE)
    if note is None or _is_another(mass, note, tick):
        event_id = new_id()
        since = MassFailureNote.since.set(to_iso(mass.bad[0].since))
        _noticed(note, tick, [*_owed(event_id), since, MassFailureNote.over.set(False)])
        return _entry(mass, event_id, tick, now)
    # Of all checks of a tick one writes, and speaks if none of an earlier tick was heard.
    grows = tick - mass.bad[-1].since < TOGETHER
    if tick <= note.moment("last_tick") or not (grows or note.unpublished):
        return None
    _noticed(note, tick, [])
    return _entry(mass, note.event_id, tick, now) if note.unpublished else None


def mass_failure_over_entry(fleet: Fleet, tick: datetime, now: datetime, new_id: Callable[[], str]) -> BusEntry | None:
    """What is to be said at `tick` because the mass failure that people know of is over; None if nothing is.

    It is not over within three minutes of its last growth: other groups may just be finding what belongs to it.

    Raises:
        InvalidRowError: what was said last cannot be understood.
        JudgedElsewhereError: another check noticed it at the same time, and says so.
        StateUnreachableError: DynamoDB did not answer.
    """
    note = MassFailureNote.read(NOTES_BUCKET, MASS_FAILURE_NOTE)
    # An earlier release does not say when it began, nor whether it is over.
    if note is None or not note.since or (note.over and not note.unpublished):
        return None
    if note.over:
        return _over_entry(note, note.event_id, tick, now)
    if tick - note.moment("last_tick") < TOGETHER or fleet.mass_failure() is not None:
        return None
    event_id = new_id()
    # Of what nobody has heard the beginning of, nobody hears the end.
    heard = not note.unpublished
    said = _owed(event_id) if heard else [MassFailureNote.unpublished.set(False)]
    _noticed(note, tick, [MassFailureNote.over.set(True), *said])
    return _over_entry(note, event_id, tick, now) if heard else None


def mass_failure_told(entry: BusEntry) -> None:
    """Note that the bus has taken `entry`.

    Raises:
        JudgedElsewhereError: another mass failure was noticed meanwhile.
        StateUnreachableError: DynamoDB did not answer; it is said once more.
    """
    note = MassFailureNote(NOTES_BUCKET, MASS_FAILURE_NOTE)
    same = MassFailureNote.event_id == entry.event.event_id
    _update(note, [MassFailureNote.unpublished.set(False)], same)


def _is_another(mass: MassFailure, note: MassFailureNote, tick: datetime) -> bool:
    """Whether it is not the mass failure that was noticed last; one that lasts is the same however long it does."""
    noticed = note.moment("last_tick")
    return bool(note.over) or (tick - noticed > SAME and mass.bad[0].since > noticed)


def _owed(event_id: str) -> list[Action]:
    return [MassFailureNote.event_id.set(event_id), MassFailureNote.unpublished.set(True)]


def _noticed(note: MassFailureNote | None, tick: datetime, actions: Sequence[Action]) -> None:
    if note is None:
        as_read = MassFailureNote.event_id.does_not_exist()
    else:
        as_read = (MassFailureNote.event_id == note.event_id) & (MassFailureNote.last_tick == note.last_tick)
    row = MassFailureNote(NOTES_BUCKET, MASS_FAILURE_NOTE)
    _update(row, [MassFailureNote.last_tick.set(to_iso(tick)), *actions], as_read)


def _update(row: MassFailureNote, actions: Sequence[Action], condition: Condition) -> None:
    try:
        row.update(actions=list(actions), condition=condition)
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            raise JudgedElsewhereError("the mass failure was noticed by another check at the same time") from error
        raise StateUnreachableError(f"note of a mass failure: {error}") from error
    except PynamoDBException as error:
        raise StateUnreachableError(f"note of a mass failure: {error}") from error


def _entry(mass: MassFailure, event_id: str, tick: datetime, now: datetime) -> BusEntry:
    event = MassFailureSuspected(
        event_id=event_id,
        tick=to_iso(tick),
        since=to_iso(mass.bad[0].since),
        decided_at=to_iso(now),
        sentence=mass.sentence,
        bad=len(mass.bad),
        targets=mass.targets,
        examples=tuple(each.target_id for each in mass.bad[:EXAMPLES]),
    )
    return BusEntry(DetailType.MASS_FAILURE_SUSPECTED, event)


def _over_entry(note: MassFailureNote, event_id: str, tick: datetime, now: datetime) -> BusEntry:
    since = note.moment("since")
    event = MassFailureOver(
        event_id=event_id,
        tick=to_iso(tick),
        since=to_iso(since),
        decided_at=to_iso(now),
        sentence=f"The mass failure that began at {since:%H:%M:%SZ} is over. What is bad still is told of one by one.",
    )
    return BusEntry(DetailType.MASS_FAILURE_OVER, event)
