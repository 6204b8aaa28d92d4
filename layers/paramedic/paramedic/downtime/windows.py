"""What people do to planned downtimes: writes conditional on what was read, whether or not anything else is alive."""

from collections.abc import Sequence

from paramedic.clock import Clock, to_iso
from paramedic.downtime.periods import is_over, require_stops, upcoming
from paramedic.downtime.stored import AnySubject, StoredWindows, Subject, TargetSubject
from paramedic.errors import InvalidInputError, ParamedicError
from paramedic.services.desired import read_desired
from paramedic.services.verbs import UnknownControllerError
from paramedic.state.downtime_windows import OneOff, Recurring, Window
from paramedic.state.downtimes import PARTITION, PlannedDowntime, PlannedWindows
from paramedic.state.target_downtimes import WINDOWS_BUCKET, TargetDowntime
from paramedic.state.target_registry import TargetMissingError
from paramedic.state.targets import Target, bucket_of, controller_target_id
from paramedic.state.transactions import ConditionFailedError, transact


class DowntimeChangedError(ParamedicError):
    """Someone else changed the windows since they were read; look again and repeat."""


class WindowMissingError(ParamedicError):
    """There is no window of that number."""


def read_windows(subject: AnySubject) -> tuple[Window, ...]:
    """The windows of `subject`.

    Raises:
        ServiceMissingError: there is no such service.
        UnknownControllerError: no such controller is registered.
        TargetMissingError: no such target is.
        InvalidRowError: they cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    return _stored(subject).windows


def read_all_windows() -> list[tuple[AnySubject, Window]]:
    """Every window there is.

    Raises:
        InvalidRowError: one cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    rows = PlannedDowntime.read_all(PARTITION)
    found: list[tuple[AnySubject, PlannedWindows]] = [
        *((Subject(row.of_controller, row.service or None), row) for row in rows),
        *((TargetSubject(row.target_id), row) for row in TargetDowntime.read_all(WINDOWS_BUCKET)),
    ]
    return [(subject, window) for subject, row in found for window in row.windows.windows]


def add_window(subject: AnySubject, plan: Recurring | OneOff, owner: str, reason: str, clock: Clock) -> Window:
    """Plan one more downtime, in effect from now on at the earliest; windows that are over are dropped.

    Raises:
        InvalidInputError: a cron expression or the time zone is malformed, or nothing would ever be stopped.
        TooManyWindowsError: there are 20.
        DowntimeChangedError: someone else changed the windows meanwhile.
        ServiceMissingError, UnknownControllerError, TargetMissingError, InvalidRowError, StateUnreachableError: as
            `read_windows`.
    """
    now = clock.now()
    stored = _stored(subject)
    window = Window(number=stored.revision + 1, plan=plan, owner=owner, reason=reason, added_at=now)
    if isinstance(plan, Recurring):
        require_stops(plan)
    elif upcoming(window, now) is None:
        raise InvalidInputError("until", to_iso(plan.end), "must be later than from, and in the future")
    kept = tuple(each for each in stored.windows if not is_over(each, now))
    _write(stored, (*kept, window), owner, clock)
    return window


def remove_window(subject: AnySubject, number: int, actor: str, clock: Clock) -> Window:
    """Plan one downtime less; if it is in effect, it ends.

    Raises:
        WindowMissingError: there is none of that number.
        DowntimeChangedError: someone else changed the windows meanwhile.
        ServiceMissingError, UnknownControllerError, TargetMissingError, InvalidRowError, StateUnreachableError: as
            `read_windows`.
    """
    stored = _stored(subject)
    removed = next((each for each in stored.windows if each.number == number), None)
    if removed is None:
        known = ", ".join(str(each.number) for each in stored.windows) or "there is none"
        raise WindowMissingError(f"no window {number} is planned; known: {known}")
    _write(stored, [each for each in stored.windows if each != removed], actor, clock)
    return removed


def _stored(subject: AnySubject) -> StoredWindows:
    return StoredWindows.of(subject, _uid(subject))


def _write(stored: StoredWindows, windows: Sequence[Window], actor: str, clock: Clock) -> None:
    now = to_iso(clock.now())
    try:
        transact([stored.replaced_by(windows, actor, now)], clock)
    except ConditionFailedError as error:
        # An earlier try of this very call may have been applied without its answer arriving.
        row = stored.subject.read()
        mine = (stored.revision + 1, actor, now)
        if row is None or (row.revision, row.changed_by, row.changed_at) != mine:
            who = "removed meanwhile" if row is None else f"changed by {row.changed_by} meanwhile"
            raise DowntimeChangedError(f"the planned downtimes were {who}; look at them and repeat") from error


def _uid(subject: AnySubject) -> str | None:
    """The uid of the service or target as it is now.

    Raises:
        ServiceMissingError, UnknownControllerError, TargetMissingError: there is nothing to plan for.
    """
    if isinstance(subject, TargetSubject):
        return _registration(subject.target_id)
    if subject.service is None:
        _require_controller(subject.controller_id)
        return None
    return str(read_desired(subject.controller_id, subject.service).uid)


def _registration(target_id: str) -> str | None:
    target = Target.read(bucket_of(target_id), target_id)
    if target is None:
        raise TargetMissingError(f"target {target_id} is not registered; `paramedic target list` shows those that are")
    return target.registration


def _require_controller(controller_id: str) -> None:
    target_id = controller_target_id(controller_id)
    if Target.read(bucket_of(target_id), target_id) is None:
        raise UnknownControllerError(
            f"no controller {controller_id!r} is registered; `paramedic status` lists those that are"
        )
