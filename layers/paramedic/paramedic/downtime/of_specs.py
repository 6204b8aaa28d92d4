"""The planned downtimes that YAML asks for: written together with the service's version, or the target, it is of."""

from collections.abc import Sequence
from datetime import datetime

from paramedic.clock import to_iso
from paramedic.downtime.asked_windows import DowntimeWindow
from paramedic.downtime.periods import is_over
from paramedic.downtime.stored import AnySubject, StoredWindows
from paramedic.state.downtime_windows import Window
from paramedic.state.transactions import Change


def planning(
    subject: AnySubject, uid: str | None, wanted: Sequence[DowntimeWindow], actor: str, now: datetime
) -> Sequence[Change]:
    """What makes the windows of `subject` those that are `wanted`, besides the ones people planned themselves.

    Nothing where they are that already. The write is refused if somebody changes the windows meanwhile.

    Raises:
        TooManyWindowsError: there would be more than 20.
        InvalidRowError: the windows there are cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    stored = StoredWindows.of(subject, uid)
    windows = replanned(stored.windows, wanted, owner=actor, now=now, highest=stored.revision)
    return () if windows == stored.windows else (stored.replaced_by(windows, actor, to_iso(now)),)


def replanned(
    windows: Sequence[Window], wanted: Sequence[DowntimeWindow], *, owner: str, now: datetime, highest: int
) -> tuple[Window, ...]:
    """`windows` with exactly the `wanted` ones from the spec; new ones are numbered above `highest`.

    One that is wanted still is left as it is: a change of something else does not end a night and begin it anew.
    """
    people = [each for each in windows if not each.from_spec]
    asked = {(each.plan(), each.reason) for each in wanted}
    kept = [each for each in windows if each.from_spec and (each.plan, each.reason) in asked]
    new = [each for each in wanted if (each.plan(), each.reason) not in {(old.plan, old.reason) for old in kept}]
    if not new and len(kept) + len(people) == len(windows):
        return tuple(windows)
    added = [
        Window(number=number, plan=each.plan(), owner=owner, reason=each.reason, added_at=now, from_spec=True)
        for number, each in enumerate(new, start=highest + 1)
    ]
    return (*(each for each in people if not is_over(each, now)), *kept, *added)
