"""Tells health checks when a target that is no controller is off on purpose, and how long it may take to be back."""

from datetime import datetime, timedelta

from paramedic.downtime.announcing import announcement, record
from paramedic.downtime.surroundings import Surroundings
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.target_downtimes import TargetDowntime
from paramedic.state.targets import Target, bucket_of

START_GRACE = timedelta(minutes=10)
"""How long a target may take to be healthy after its downtime before that counts; a service has as long."""


def keep_target(row: TargetDowntime, around: Surroundings) -> None:
    """Record with the target the downtime it is in or about to enter; end one that was called off.

    Raises:
        ConditionFailedError: it was removed meanwhile, and its windows with it.
        InvalidInputError: a window or a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    target = Target.read(bucket_of(row.target_id), row.target_id)
    # Windows of an earlier target of that name go with whatever is planned for this one.
    if target is None or target.registration != row.uid:
        return
    now = around.clock.now()
    wanted = announced(announcement(row.windows.windows, now), target.downtime, now)
    if wanted != target.downtime:
        record(target, wanted, around)


def announced(planned: PlannedPeriod | None, stored: PlannedPeriod | None, now: datetime) -> PlannedPeriod | None:
    """What a target's row is to say at `now`, where it says `stored`. Pure.

    One that is called off meanwhile ends now; one that is over stays, for how long the target may take to start.
    """
    if planned is not None:
        return planned.model_copy(update={"starts_until": planned.until + START_GRACE})
    if stored is None or stored.until <= now:
        return stored
    if stored.since >= now:
        return None
    return stored.model_copy(update={"until": now, "starts_until": now + START_GRACE})
