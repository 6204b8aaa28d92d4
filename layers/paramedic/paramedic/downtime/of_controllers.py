"""Tells health checks and recovery when a controller is off on purpose.

What they are told ends by itself: should this function fail, the controller is watched again when its downtime is over.
"""

import logging
from datetime import datetime, timedelta

from paramedic.downtime.periods import in_effect, is_over, reasons_of
from paramedic.downtime.stored import unchanged
from paramedic.downtime.surroundings import Surroundings
from paramedic.state.downtime_windows import PlannedPeriod
from paramedic.state.downtimes import PlannedDowntime
from paramedic.state.targets import Target, bucket_of, controller_target_id
from paramedic.state.transactions import Delete, Update, transact

LOG = logging.getLogger(__name__)

AHEAD = timedelta(minutes=2)
"""A period is announced this long before it begins, so that it is known at the very tick that begins it."""


def keep_controller(row: PlannedDowntime, around: Surroundings) -> None:
    """Record with the controller's target the downtime it is in or about to enter; take back one that was called off.

    Raises:
        ConditionFailedError: someone changed it meanwhile; the next pass looks again.
        InvalidInputError: a window or a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    target_id = controller_target_id(row.of_controller)
    target = Target.read(bucket_of(target_id), target_id)
    now = around.clock.now()
    if target is None:
        _forget(row, around)
        return
    announced = target.downtime
    wanted = announcement(row, now)
    if wanted is None and announced is not None and announced.until > now:
        _record(target, None, around)
    elif wanted is not None and wanted != announced:
        _record(target, wanted, around)
    elif wanted is None and all(is_over(each, now) for each in row.windows.windows):
        _forget(row, around)


def announcement(row: PlannedDowntime, now: datetime) -> PlannedPeriod | None:
    """All that is planned for now and the next two minutes as one period; None where that is nothing."""
    windows = row.windows.windows
    near = (*in_effect(windows, now), *in_effect(windows, now + AHEAD))
    if not near:
        return None
    since, until = min(period.since for period in near), max(period.until for period in near)
    return PlannedPeriod(since=since, until=until, reason=reasons_of(near))


def _record(target: Target, period: PlannedPeriod | None, around: Surroundings) -> None:
    action = Target.downtime.remove() if period is None else Target.downtime.set(period)
    change = Update(Target(target.bucket, target.target_id), (action,), Target.target_id.exists())
    transact([change], around.clock)
    text = "its downtime was called off" if period is None else f"in downtime from {period.since} until {period.until}"
    LOG.info("%s: %s", target.target_id, text)


def _forget(row: PlannedDowntime, around: Surroundings) -> None:
    transact([Delete(PlannedDowntime(row.controller_id, row.item), unchanged(row))], around.clock)
    LOG.info("no downtime is planned any more for %s", row.of_what)
