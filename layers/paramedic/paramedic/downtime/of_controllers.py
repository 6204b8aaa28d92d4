"""Tells health checks and recovery when a controller is off on purpose."""

import logging

from paramedic.downtime.announcing import announcement, record
from paramedic.downtime.periods import is_over
from paramedic.downtime.stored import unchanged
from paramedic.downtime.surroundings import Surroundings
from paramedic.state.downtimes import PlannedDowntime
from paramedic.state.targets import Target, bucket_of, controller_target_id
from paramedic.state.transactions import Delete, transact

LOG = logging.getLogger(__name__)


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
    wanted = announcement(row.windows.windows, now)
    if wanted is None and announced is not None and announced.until > now:
        record(target, None, around)
    elif wanted is not None and wanted != announced:
        record(target, wanted, around)
    elif wanted is None and all(is_over(each, now) for each in row.windows.windows):
        _forget(row, around)


def _forget(row: PlannedDowntime, around: Surroundings) -> None:
    transact([Delete(PlannedDowntime(row.controller_id, row.item), unchanged(row))], around.clock)
    LOG.info("no downtime is planned any more for %s", row.of_what)
