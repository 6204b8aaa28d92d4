"""One change of what is desired of a service: conditional on what was read, and looked into when its reply is lost."""

from collections.abc import Sequence
from dataclasses import dataclass

from pynamodb.expressions.update import Action

from paramedic.clock import Clock
from paramedic.errors import ParamedicError
from paramedic.state.controllers import HINT, ControllerHint
from paramedic.state.services import DOWN, DesiredService, desired_item
from paramedic.state.transactions import Change, ConditionFailedError, Update, transact


class ServiceMissingError(ParamedicError):
    """There is no service of that name."""


class ServiceGoingDownError(ParamedicError):
    """The service is being taken down, for good."""


class ServiceChangedError(ParamedicError):
    """Someone else changed the service since it was read; look again and repeat."""


@dataclass(frozen=True)
class NextRevision:
    """What `actor` asks for at `at` (ISO 8601), in place of the revision that was `read`."""

    read: DesiredService
    actor: str
    at: str

    @property
    def number(self) -> int:
        """The revision it becomes."""
        return int(self.read.revision) + 1

    def change(self, *actions: Action) -> Update:
        """These actions on the desired state, refused if anybody changed it since it was read."""
        row = DesiredService
        signed = (row.revision.set(self.number), row.changed_by.set(self.actor), row.changed_at.set(self.at))
        unchanged = (row.uid == self.read.uid) & (row.revision == self.read.revision)
        return Update(row(self.read.controller_id, self.read.item), (*actions, *signed), unchanged)

    def write(self, changes: Sequence[Change], clock: Clock) -> None:
        """Write `changes`, one of them made by `change`, and have the controller look.

        Raises:
            ServiceMissingError: the service was removed meanwhile.
            ServiceChangedError: someone else changed it, or its planned downtimes, meanwhile.
            StateUnreachableError: no answer; ask for the status before repeating.
        """
        try:
            transact([*changes, bump_hint(self.read.controller_id)], clock)
        except ConditionFailedError as error:
            self._require_written(error)

    def _require_written(self, error: ConditionFailedError) -> None:
        """Return if the refused write is the second of two tries, of which the first was made."""
        before, now = self.read, DesiredService.read(self.read.controller_id, self.read.item)
        if now is None or now.uid != before.uid:
            raise ServiceMissingError(f"service {before.service!r} was taken down meanwhile") from error
        if (int(now.revision), now.changed_by, now.changed_at) == (self.number, self.actor, self.at):
            return
        if now.revision == before.revision:
            raise ServiceChangedError(
                f"the planned downtimes of service {before.service!r} were changed meanwhile; look at them and repeat"
            ) from error
        raise ServiceChangedError(
            f"service {before.service!r} went from revision {before.revision} to {now.revision} meanwhile "
            f"(by {now.changed_by}); look at it and repeat"
        ) from error


def read_desired(controller_id: str, service: str) -> DesiredService:
    """What is desired of a service.

    Raises:
        ServiceMissingError: there is no such service.
        StateUnreachableError: DynamoDB did not answer.
    """
    desired = DesiredService.read(controller_id, desired_item(service))
    if desired is None:
        raise ServiceMissingError(f"controller {controller_id} has no service {service!r}; see `paramedic status`")
    return desired


def read_changeable(controller_id: str, service: str) -> DesiredService:
    """What is desired of a service that is there to stay.

    Raises:
        ServiceMissingError: there is no such service.
        ServiceGoingDownError: it is being taken down.
        StateUnreachableError: DynamoDB did not answer.
    """
    desired = read_desired(controller_id, service)
    if desired.state == DOWN:
        raise ServiceGoingDownError(
            f"service {service!r} is being taken down (by {desired.changed_by} at {desired.changed_at}) and cannot be "
            "changed any more; bring it up again once `paramedic status` no longer lists it"
        )
    return desired


def bump_hint(controller_id: str) -> Update:
    """Makes the controller look at desired state; refused where no such controller has ever started."""
    exists = ControllerHint.revision.exists()
    return Update(ControllerHint(controller_id, HINT), (ControllerHint.revision.add(1),), exists)
