"""Drills that are made by themselves, rows of table `incidents`: how often each, and whose turn was last."""

from datetime import datetime, timedelta

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.state.tables import Row, TableMeta
from paramedic.state.targets import Target
from paramedic.state.transactions import Change, Check, ConditionFailedError, Update, transact

TABLE = "incidents"

DRILLS = "#drills"
"""The partition of all schedules, so that one query finds every one there is; no target is called that."""

TURN, TURN_ITEM = "#drill-turn", "current"


class NoDrillsScheduledError(ParamedicError):
    """There is no such schedule, or it cannot be made."""


class DrillSchedule(Row):
    """How often one target is drilled; `opened` is the target's id. Absent `every_days`: no more.

    It is due from `due_at` on, a tick time, and `last_at` is when it was made last. `waits_for` is what kept a due one
    from being made, if it was not only the time of day. `registration` tells a target from one that is called the same.
    """

    class Meta(TableMeta):
        pass

    target_id = UnicodeAttribute(hash_key=True, default=DRILLS)
    opened = UnicodeAttribute(range_key=True)
    every_days = NumberAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    last_at = UnicodeAttribute(null=True)
    waits_for = UnicodeAttribute(null=True)
    registration = UnicodeAttribute(null=True)
    actor = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)

    @property
    def every(self) -> timedelta:
        """How long it is from one drill to the next; only of a schedule that there still is."""
        return timedelta(days=int(self.every_days or 0))

    def is_due(self, tick: datetime) -> bool:
        """Whether there is such a schedule still, and its time has come.

        Raises:
            InvalidRowError: its time is none.
        """
        return bool(self.every_days) and self.moment("due_at") <= tick


class DrillTurn(Row):
    """The target that was drilled by itself last, `at` a tick: no other is while that goes on."""

    class Meta(TableMeta):
        pass

    target_id = UnicodeAttribute(hash_key=True, default=TURN)
    opened = UnicodeAttribute(range_key=True, default=TURN_ITEM)
    drilled = UnicodeAttribute()
    at = UnicodeAttribute()


MODELS = (DrillSchedule, DrillTurn)


def schedule_drills(target: Target, every_days: int, actor: str, reason: str, clock: Clock) -> datetime:
    """Have `target` drilled every so many days within its window, and return from when on the first is due.

    Raises:
        NoDrillsScheduledError: it has no window, or was removed meanwhile.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    due = clock.now() + timedelta(days=every_days)
    actions = (
        DrillSchedule.every_days.set(every_days),
        DrillSchedule.due_at.set(to_iso(due)),
        DrillSchedule.waits_for.remove(),
        DrillSchedule.actor.set(actor),
        DrillSchedule.reason.set(reason),
        DrillSchedule.registration.set(target.registration)
        if target.registration
        else DrillSchedule.registration.remove(),
    )
    has_window = Check(Target, target.bucket, target.target_id, Target.drill_window.exists())
    try:
        transact([Update(DrillSchedule(DRILLS, target.target_id), actions), has_window], clock)
    except ConditionFailedError as error:
        remedy = f"set one first: paramedic target drill-window {target.target_id} HH:MM-HH:MM"
        raise NoDrillsScheduledError(f"target {target.target_id} has no drill window; {remedy}") from error
    return due


def end_drills(target_id: str, clock: Clock) -> None:
    """Have a target drilled by itself no more.

    Raises:
        NoDrillsScheduledError: it is not.
        StateUnreachableError: DynamoDB did not answer; repeating it is harmless.
    """
    row = DrillSchedule(DRILLS, target_id)
    try:
        transact([Update(row, (DrillSchedule.every_days.remove(),), DrillSchedule.every_days.exists())], clock)
    except ConditionFailedError as error:
        raise NoDrillsScheduledError(f"target {target_id} is not drilled by itself") from error


def taking_turn(schedule: DrillSchedule, last: DrillTurn | None, tick: datetime) -> tuple[Change, ...]:
    """The changes that count a drill, made with the opening of its recovery: they fail where another was quicker."""
    counted = (
        DrillSchedule.due_at.set(to_iso(tick + schedule.every)),
        DrillSchedule.last_at.set(to_iso(tick)),
        DrillSchedule.waits_for.remove(),
    )
    as_read = (DrillSchedule.due_at == schedule.due_at) & (DrillSchedule.every_days == schedule.every_days)
    turn = (DrillTurn.drilled.set(schedule.opened), DrillTurn.at.set(to_iso(tick)))
    same = DrillTurn.at.does_not_exist() if last is None else (DrillTurn.at == last.at)
    return (
        Update(DrillSchedule(DRILLS, schedule.opened), counted, as_read),
        Update(DrillTurn(TURN, TURN_ITEM), turn, same),
    )


def note_waiting(schedule: DrillSchedule, why: str, clock: Clock) -> None:
    """Keep what keeps a due drill from being made.

    Raises:
        StateUnreachableError: DynamoDB did not answer; the next tick finds it again.
    """
    as_read = DrillSchedule.due_at == schedule.due_at
    row = DrillSchedule(DRILLS, schedule.opened)
    transact([Update(row, (DrillSchedule.waits_for.set(why),), as_read)], clock)
