"""Moving a service from one controller to another: what people ask for, whether or not either controller is alive.

The one that has it hands it over once it lives and none of its launcher calls is under way; until then it looks after
the service as ever.
"""

from paramedic.clock import Clock, to_iso
from paramedic.errors import ParamedicError
from paramedic.services.desired import NextRevision, read_changeable
from paramedic.services.verbs import ServiceExistsError, UnknownControllerError
from paramedic.state.services import DesiredService, desired_item
from paramedic.state.targets import Target, bucket_of, controller_target_id


class NotMovingError(ParamedicError):
    """The service is where it is asked to be."""


def move(controller_id: str, service: str, to: str, actor: str, *, clock: Clock) -> None:
    """Ask for a service to be handed over to controller `to`; naming the present one calls a move off.

    Raises:
        NotMovingError: it is there already, and not about to leave.
        UnknownControllerError: no controller `to` has ever started.
        ServiceExistsError: controller `to` has a service of that name.
        ServiceMissingError: there is no such service, or it has been handed over.
        ServiceGoingDownError: it is being taken down.
        ServiceChangedError: someone else changed it meanwhile.
        StateUnreachableError: no answer; ask for the status before repeating.
    """
    desired = read_changeable(controller_id, service)
    if desired.move_to == to:
        return
    if to == controller_id and desired.move_to is None:
        raise NotMovingError(f"service {service!r} is controller {to!r}'s already")
    if to != controller_id:
        _require_room(to, service)
    revision = NextRevision(desired, actor, to_iso(clock.now()))
    row = DesiredService.move_to
    revision.write([revision.change(row.remove() if to == controller_id else row.set(to))], clock)


def _require_room(to: str, service: str) -> None:
    target_id = controller_target_id(to)
    if Target.read(bucket_of(target_id), target_id) is None:
        raise UnknownControllerError(
            f"no controller {to!r} has ever started; start it, or name one that `paramedic status` lists"
        )
    there = DesiredService.read(to, desired_item(service))
    if there is not None:
        raise ServiceExistsError(
            f"controller {to!r} has a service {service!r} of its own, on gateway {there.gateway!r}: take that one down "
            "first"
        )
