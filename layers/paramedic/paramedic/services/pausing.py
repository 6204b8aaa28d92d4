"""Pausing a service and resuming it: what people ask for, whether or not the controller is alive.

A paused service has no replicas and keeps everything else. What a person paused only a person resumes.
"""

from pynamodb.expressions.update import Action

from paramedic.clock import Clock, to_iso
from paramedic.services.desired import NextRevision, read_changeable
from paramedic.state.services import PAUSED, RUNNING, DesiredService, PausedBy
from paramedic.state.transactions import Update


def pause(controller_id: str, service: str, actor: str, reason: str, *, clock: Clock) -> None:
    """Ask for a service to be paused until a person resumes it; one in downtime stays paused when that ends.

    Raises:
        ServiceMissingError: there is no such service.
        ServiceGoingDownError: it is being taken down.
        ServiceChangedError: someone else changed it meanwhile.
        StateUnreachableError: no answer; ask for the status before repeating.
    """
    desired = read_changeable(controller_id, service)
    if desired.state == PAUSED and desired.paused_by == PausedBy.PERSON:
        return
    revision = NextRevision(desired, actor, to_iso(clock.now()))
    revision.write([pausing(revision, PausedBy.PERSON, f"{reason} (by {actor})")], clock)


def resume(controller_id: str, service: str, actor: str, *, clock: Clock) -> bool:
    """Ask for a paused service to run, and to be left alone by the downtime it may be in; False: it was not paused.

    Raises:
        As `pause`.
    """
    desired = read_changeable(controller_id, service)
    if desired.state != PAUSED:
        return False
    now = clock.now()
    # Whoever paused it did so before now, whatever the clock of this person's machine says.
    remembered = DesiredService.resumed_at.set(to_iso(max(now, desired.moment("changed_at"))))
    revision = NextRevision(desired, actor, to_iso(now))
    revision.write([resuming(revision, remembered)], clock)
    return True


def pausing(revision: NextRevision, by: PausedBy, reason: str) -> Update:
    """The change that pauses the service."""
    return revision.change(
        DesiredService.state.set(PAUSED), DesiredService.paused_by.set(by), DesiredService.pause_reason.set(reason)
    )


def resuming(revision: NextRevision, *more: Action) -> Update:
    """The change that makes a paused service run again."""
    nobody, no_reason = DesiredService.paused_by.remove(), DesiredService.pause_reason.remove()
    return revision.change(DesiredService.state.set(RUNNING), nobody, no_reason, *more)
