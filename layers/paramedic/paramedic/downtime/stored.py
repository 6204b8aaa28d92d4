"""The windows of one service or controller as they are stored, and the conditional write that replaces them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from paramedic.errors import ParamedicError
from paramedic.state.downtime_windows import Window, Windows
from paramedic.state.downtimes import PARTITION, PlannedDowntime, controller_downtime_item, service_downtime_item
from paramedic.state.transactions import Update

MOST_WINDOWS = 20
"""Of one service or controller: each is evaluated every minute."""


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


@dataclass(frozen=True)
class StoredWindows:
    """The windows as read, and what they must still be when they are written."""

    subject: Subject
    uid: str | None
    row: PlannedDowntime | None

    @classmethod
    def of(cls, subject: Subject, uid: str | None) -> "StoredWindows":
        """What is stored now; windows of another service `uid` of that name are none of its.

        Raises:
            InvalidRowError: they cannot be understood.
            StateUnreachableError: DynamoDB did not answer.
        """
        return cls(subject, uid, PlannedDowntime.read(PARTITION, subject.item))

    @property
    def revision(self) -> int:
        """0 while nothing is stored; no window has a higher number."""
        return 0 if self.row is None else int(self.row.revision)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those of an earlier service of this name are not this one's."""
        return () if self.row is None or self.row.uid != self.uid else self.row.windows.windows

    def replaced_by(self, windows: Sequence[Window], actor: str, now: str) -> Update:
        """The write of other windows, if nobody else has written any.

        Raises:
            TooManyWindowsError: there are more than 20.
        """
        if len(windows) > MOST_WINDOWS:
            raise TooManyWindowsError(f"{len(windows)} windows would be planned, {MOST_WINDOWS} may be; remove some")
        highest = max((each.number for each in windows), default=0)
        actions: tuple[Action, ...] = (
            *self._named(),
            PlannedDowntime.revision.set(max(self.revision + 1, highest)),
            PlannedDowntime.windows.set(Windows(windows=tuple(windows))),
            PlannedDowntime.changed_by.set(actor),
            PlannedDowntime.changed_at.set(now),
        )
        return Update(PlannedDowntime(PARTITION, self.subject.item), actions, self._unchanged())

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


def unchanged(row: PlannedDowntime) -> Condition:
    """That nobody changed the windows since `row` was read."""
    # Rows vanish once nothing is planned, and the next one counts from 1 again: the time tells them apart.
    as_read: Condition = (PlannedDowntime.revision == row.revision) & (PlannedDowntime.changed_at == row.changed_at)
    return as_read
