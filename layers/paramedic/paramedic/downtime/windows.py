"""What people do to planned downtimes: writes conditional on what was read, whether or not anything else is alive."""

from collections.abc import Iterator
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from paramedic.clock import Clock, to_iso
from paramedic.downtime.periods import is_over, upcoming
from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.services.verbs import ServiceMissingError, UnknownControllerError
from paramedic.state.downtimes import (
    PARTITION,
    OneOff,
    PlannedDowntime,
    Recurring,
    Window,
    Windows,
    controller_downtime_item,
    service_downtime_item,
)
from paramedic.state.services import DesiredService, desired_item
from paramedic.state.targets import Target, bucket_of, controller_target_id
from paramedic.state.transactions import ConditionFailedError, Update, transact

MOST_WINDOWS = 20
"""Of one service or controller: each is evaluated every minute."""


class DowntimeChangedError(ParamedicError):
    """Someone else changed the windows since they were read; look again and repeat."""


class WindowMissingError(ParamedicError):
    """There is no window of that number."""


class TooManyWindowsError(ParamedicError):
    """No further window fits."""


@dataclass(frozen=True)
class Subject:
    """A service, or where none is named the controller itself."""

    controller_id: str
    service: str | None = None

    @property
    def item(self) -> str:
        """The range key of its windows."""
        if self.service is None:
            return controller_downtime_item(self.controller_id)
        return service_downtime_item(self.controller_id, self.service)


def read_windows(subject: Subject) -> tuple[Window, ...]:
    """The windows of `subject`.

    Raises:
        ServiceMissingError: there is no such service.
        UnknownControllerError: no such controller is registered.
        InvalidRowError: they cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    return _Stored.of(subject).windows


def read_all_windows() -> list[tuple[Subject, Window]]:
    """Every window there is.

    Raises:
        InvalidRowError: one cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    rows = PlannedDowntime.read_all(PARTITION)
    return [(Subject(row.of_controller, row.service or None), window) for row in rows for window in row.windows.windows]


def add_window(subject: Subject, plan: Recurring | OneOff, owner: str, reason: str, clock: Clock) -> Window:
    """Plan one more downtime, in effect from now on at the earliest; windows that are over are dropped.

    Raises:
        InvalidInputError: a cron expression or the time zone is malformed, or nothing would ever be stopped.
        TooManyWindowsError: there are 20.
        DowntimeChangedError: someone else changed the windows meanwhile.
        ServiceMissingError, UnknownControllerError, InvalidRowError, StateUnreachableError: as `read_windows`.
    """
    now = clock.now()
    stored = _Stored.of(subject)
    window = Window(number=stored.revision + 1, plan=plan, owner=owner, reason=reason, added_at=now)
    if upcoming(window, now) is None:
        raise _never(plan)
    kept = tuple(each for each in stored.windows if not is_over(each, now))
    if len(kept) >= MOST_WINDOWS:
        raise TooManyWindowsError(f"{MOST_WINDOWS} windows are planned already; remove one first")
    stored.write((*kept, window), owner, clock)
    return window


def remove_window(subject: Subject, number: int, actor: str, clock: Clock) -> Window:
    """Plan one downtime less; if it is in effect, it ends.

    Raises:
        WindowMissingError: there is none of that number.
        DowntimeChangedError: someone else changed the windows meanwhile.
        ServiceMissingError, UnknownControllerError, InvalidRowError, StateUnreachableError: as `read_windows`.
    """
    stored = _Stored.of(subject)
    removed = next((each for each in stored.windows if each.number == number), None)
    if removed is None:
        known = ", ".join(str(each.number) for each in stored.windows) or "there is none"
        raise WindowMissingError(f"no window {number} is planned; known: {known}")
    stored.write(tuple(each for each in stored.windows if each != removed), actor, clock)
    return removed


def unchanged(row: PlannedDowntime) -> Condition:
    """That nobody changed the windows since `row` was read."""
    # Rows vanish once nothing is planned, and the next one counts from 1 again: the time tells them apart.
    as_read: Condition = (PlannedDowntime.revision == row.revision) & (PlannedDowntime.changed_at == row.changed_at)
    return as_read


def _never(plan: Recurring | OneOff) -> InvalidInputError:
    match plan:
        case Recurring():
            return InvalidInputError("stop", plan.stop, f"always comes together with start {plan.start!r}")
        case OneOff():
            return InvalidInputError("until", to_iso(plan.end), "must be later than from, and in the future")


@dataclass(frozen=True)
class _Stored:
    """The windows as read, and what they must still be when they are written."""

    subject: Subject
    uid: str | None
    row: PlannedDowntime | None

    @classmethod
    def of(cls, subject: Subject) -> "_Stored":
        """What is stored now."""
        uid = _uid(subject)
        return cls(subject, uid, PlannedDowntime.read(PARTITION, subject.item))

    @property
    def revision(self) -> int:
        """0 while nothing is stored."""
        return 0 if self.row is None else int(self.row.revision)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those of an earlier service of this name are not this one's."""
        return () if self.row is None or self.row.uid != self.uid else self.row.windows.windows

    def write(self, windows: tuple[Window, ...], actor: str, clock: Clock) -> None:
        """Replace the windows, if nobody else has."""
        now = to_iso(clock.now())
        row = PlannedDowntime(PARTITION, self.subject.item)
        actions: tuple[Action, ...] = (
            *self._named(),
            PlannedDowntime.revision.set(self.revision + 1),
            PlannedDowntime.windows.set(Windows(windows=windows)),
            PlannedDowntime.changed_by.set(actor),
            PlannedDowntime.changed_at.set(now),
        )
        try:
            transact([Update(row, actions, self._unchanged())], clock)
        except ConditionFailedError as error:
            self._require_mine(actor, now, error)

    def _named(self) -> Iterator[Action]:
        yield PlannedDowntime.of_controller.set(self.subject.controller_id)
        if self.subject.service is not None:
            yield PlannedDowntime.service.set(self.subject.service)
            yield PlannedDowntime.uid.set(str(self.uid))
        if self.row is not None and self.row.uid != self.uid:
            yield PlannedDowntime.watched_since.remove()

    def _unchanged(self) -> Condition:
        if self.row is None:
            return PlannedDowntime.revision.does_not_exist()
        return unchanged(self.row)

    def _require_mine(self, actor: str, now: str, error: ConditionFailedError) -> None:
        """An earlier try of this very call may have been applied without its answer arriving."""
        stored = PlannedDowntime.read(PARTITION, self.subject.item)
        mine = (self.revision + 1, actor, now)
        if stored is None or (stored.revision, stored.changed_by, stored.changed_at) != mine:
            who = "removed meanwhile" if stored is None else f"changed by {stored.changed_by} meanwhile"
            raise DowntimeChangedError(f"the planned downtimes were {who}; look at them and repeat") from error


def _uid(subject: Subject) -> str | None:
    """The uid of the service as it is now.

    Raises:
        ServiceMissingError, UnknownControllerError: there is nothing to plan for.
    """
    if subject.service is None:
        target_id = controller_target_id(subject.controller_id)
        if Target.read(bucket_of(target_id), target_id) is None:
            raise UnknownControllerError(
                f"no controller {subject.controller_id!r} is registered; `paramedic status` lists those that are"
            )
        return None
    desired = DesiredService.read(subject.controller_id, desired_item(subject.service))
    if desired is None:
        raise ServiceMissingError(
            f"controller {subject.controller_id} has no service {subject.service!r}; see `paramedic status`"
        )
    return str(desired.uid)
