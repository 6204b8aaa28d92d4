"""Pausing a service and resuming it: what people ask for, whether or not the controller is alive.

A paused service has no replicas and keeps everything else. What a person paused only a person resumes.
"""

from collections.abc import Sequence

from pynamodb.expressions.update import Action

from paramedic.clock import Clock, to_iso
from paramedic.services.changes import ServiceGoingDownError
from paramedic.services.verbs import ServiceChangedError, ServiceMissingError, bump_hint
from paramedic.state.services import DOWN, PAUSED, RUNNING, DesiredService, PausedBy, desired_item
from paramedic.state.transactions import ConditionFailedError, Update, transact


def pause(controller_id: str, service: str, actor: str, reason: str, *, clock: Clock) -> None:
    """Ask for a service to be paused until a person resumes it; one in downtime stays paused when that ends.

    Raises:
        ServiceMissingError: there is no such service.
        ServiceGoingDownError: it is being taken down.
        ServiceChangedError: someone else changed it meanwhile.
        StateUnreachableError: no answer; ask for the status before repeating.
    """
    desired = _read(controller_id, service)
    if desired.state == PAUSED and desired.paused_by == PausedBy.PERSON:
        return
    now = to_iso(clock.now())
    _write(desired, pausing(desired, PausedBy.PERSON, actor, f"{reason} (by {actor})", now), actor, now, clock)


def resume(controller_id: str, service: str, actor: str, *, clock: Clock) -> bool:
    """Ask for a paused service to run, and to be left alone by the downtime it may be in; False: it was not paused.

    Raises:
        ServiceMissingError: there is no such service.
        ServiceGoingDownError: it is being taken down.
        ServiceChangedError: someone else changed it meanwhile.
        StateUnreachableError: no answer; ask for the status before repeating.
    """
    desired = _read(controller_id, service)
    if desired.state != PAUSED:
        return False
    now = to_iso(clock.now())
    # Whoever paused it did so before now, whatever the clock of this person's machine says.
    resumed_at = max(clock.now(), desired.moment("changed_at"))
    remembered = DesiredService.resumed_at.set(to_iso(resumed_at))
    _write(desired, resuming(desired, actor, now, [remembered]), actor, now, clock)
    return True


def pausing(desired: DesiredService, by: PausedBy, actor: str, reason: str, now: str) -> Update:
    """The change that pauses the service, if it is still as it was read."""
    actions = (DesiredService.paused_by.set(by), DesiredService.pause_reason.set(reason))
    return _changed(desired, PAUSED, actor, now, actions)


def resuming(desired: DesiredService, actor: str, now: str, more: Sequence[Action] = ()) -> Update:
    """The change that makes a paused service run again, if it is still as it was read."""
    actions = (DesiredService.paused_by.remove(), DesiredService.pause_reason.remove())
    return _changed(desired, RUNNING, actor, now, [*actions, *more])


def _changed(desired: DesiredService, state: str, actor: str, now: str, more: Sequence[Action]) -> Update:
    actions = (
        DesiredService.state.set(state),
        DesiredService.revision.set(int(desired.revision) + 1),
        DesiredService.changed_by.set(actor),
        DesiredService.changed_at.set(now),
        *more,
    )
    unchanged = (DesiredService.uid == desired.uid) & (DesiredService.revision == desired.revision)
    return Update(DesiredService(desired.controller_id, desired.item), actions, unchanged)


def _read(controller_id: str, service: str) -> DesiredService:
    desired = DesiredService.read(controller_id, desired_item(service))
    if desired is None:
        raise ServiceMissingError(f"controller {controller_id} has no service {service!r}; see `paramedic status`")
    if desired.state == DOWN:
        raise ServiceGoingDownError(
            f"service {service!r} is being taken down (by {desired.changed_by} at {desired.changed_at})"
        )
    return desired


def _write(desired: DesiredService, change: Update, actor: str, now: str, clock: Clock) -> None:
    try:
        transact([change, bump_hint(desired.controller_id)], clock)
    except ConditionFailedError as error:
        stored = DesiredService.read(desired.controller_id, desired.item)
        if stored is None or stored.uid != desired.uid:
            raise ServiceMissingError(f"service {desired.service!r} was removed meanwhile") from error
        # An earlier try of this very call may have been applied without its answer arriving.
        mine = (int(desired.revision) + 1, actor, now)
        if (stored.revision, stored.changed_by, stored.changed_at) != mine:
            raise ServiceChangedError(
                f"service {desired.service!r} went from revision {desired.revision} to {stored.revision} meanwhile "
                f"(by {stored.changed_by}); look at it and repeat"
            ) from error
