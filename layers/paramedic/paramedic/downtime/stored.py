"""The windows of one service, controller or target as stored, and the conditional write that replaces them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from paramedic.errors import ParamedicError
from paramedic.state.downtime_windows import Window, Windows
from paramedic.state.downtimes import (
    PARTITION,
    PlannedDowntime,
    PlannedWindows,
    controller_downtime_item,
    service_downtime_item,
)
from paramedic.state.target_downtimes import WINDOWS_BUCKET, TargetDowntime
from paramedic.state.transactions import Update

MOST_WINDOWS = 20
"""Of one service, controller or target: each is evaluated every minute."""


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

    def read(self) -> PlannedDowntime | None:
        """What is stored now.

        Raises:
            InvalidRowError: it cannot be understood.
            StateUnreachableError: DynamoDB did not answer.
        """
        return PlannedDowntime.read(PARTITION, self.item)

    def key(self) -> PlannedDowntime:
        """The row that an update is of."""
        return PlannedDowntime(PARTITION, self.item)

    def named(self, uid: str | None) -> Iterator[Action]:
        """What says in the row whose windows they are."""
        yield PlannedDowntime.of_controller.set(self.controller_id)
        if self.service is not None:
            yield PlannedDowntime.service.set(self.service)
            yield PlannedDowntime.uid.set(str(uid))

    def renamed(self) -> Iterator[Action]:
        """What else changes where they were another one's of this name."""
        yield PlannedDowntime.watched_since.remove()


@dataclass(frozen=True)
class TargetSubject:
    """A target that is no controller."""

    target_id: str

    def read(self) -> TargetDowntime | None:
        """As that of a `Subject`."""
        return TargetDowntime.read(WINDOWS_BUCKET, self.target_id)

    def key(self) -> TargetDowntime:
        """The row that an update is of."""
        return TargetDowntime(WINDOWS_BUCKET, self.target_id)

    def named(self, uid: str | None) -> Iterator[Action]:
        """What says in the row whose windows they are."""
        yield TargetDowntime.uid.remove() if uid is None else TargetDowntime.uid.set(uid)

    def renamed(self) -> Iterator[Action]:
        """Nothing else."""
        return iter(())


type AnySubject = Subject | TargetSubject
"""Whatever can have windows."""


@dataclass(frozen=True)
class StoredWindows:
    """The windows as read, and what they must still be when they are written."""

    subject: AnySubject
    uid: str | None
    row: PlannedWindows | None

    @classmethod
    def of(cls, subject: AnySubject, uid: str | None) -> "StoredWindows":
        """What is stored now; windows of another service or target `uid` of that name are none of its.

        Raises:
            InvalidRowError: they cannot be understood.
            StateUnreachableError: DynamoDB did not answer.
        """
        return cls(subject, uid, subject.read())

    @property
    def revision(self) -> int:
        """0 while nothing is stored; no window has a higher number."""
        return 0 if self.row is None else int(self.row.revision)

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those of an earlier one of this name are not this one's."""
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
            *self.subject.named(self.uid),
            *(self.subject.renamed() if self.row is not None and self.row.uid != self.uid else ()),
            PlannedWindows.revision.set(max(self.revision + 1, highest)),
            PlannedWindows.windows.set(Windows(windows=tuple(windows))),
            PlannedWindows.changed_by.set(actor),
            PlannedWindows.changed_at.set(now),
        )
        return Update(self.subject.key(), actions, self._unchanged())

    def _unchanged(self) -> Condition:
        if self.row is None:
            return PlannedWindows.revision.does_not_exist()
        return unchanged(self.row)


def unchanged(row: PlannedWindows) -> Condition:
    """That nobody changed the windows since `row` was read."""
    # Rows vanish once nothing is planned, and the next one counts from 1 again: the time tells them apart.
    as_read: Condition = (PlannedWindows.revision == row.revision) & (PlannedWindows.changed_at == row.changed_at)
    return as_read
