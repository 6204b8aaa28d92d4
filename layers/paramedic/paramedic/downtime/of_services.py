"""Brings one service's desired state in line with its planned downtimes.

Every write is conditional on what was read, and the time is read after that: a pass that was held up cannot undo what a
later one did.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from paramedic.clock import to_iso
from paramedic.downtime.decisions import DesiredNow, Step, Watch, after_downtime, is_serving, next_step, unanswered
from paramedic.downtime.periods import in_effect, is_over, reasons_of
from paramedic.downtime.stored import unchanged
from paramedic.downtime.surroundings import Surroundings
from paramedic.services.desired import NextRevision, bump_hint
from paramedic.services.pausing import pausing, resuming
from paramedic.state.autoscalers import Autoscaler
from paramedic.state.downtimes import PlannedDowntime
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.services import DesiredService, ObservedService, PausedBy, desired_item, observed_item
from paramedic.state.transactions import Delete, Update, transact

LOG = logging.getLogger(__name__)

ACTOR = "downtime"


def keep_service(row: PlannedDowntime, around: Surroundings) -> None:
    """Take the one step that is due now, if any.

    Raises:
        ConditionFailedError: someone changed the service or its windows meanwhile; the next pass looks again.
        InvalidInputError: a window or a row is malformed.
        StateUnreachableError: DynamoDB did not answer.
    """
    desired = DesiredService.read(row.of_controller, desired_item(str(row.service)))
    if desired is None or desired.uid != row.uid:
        _forget(row, around)
        return
    now = around.clock.now()
    seen = _seen(desired)
    periods = unanswered(seen, in_effect(row.windows.windows, now))
    match next_step(seen, periods):
        case Step.PAUSE:
            _pause(desired, periods, now, around)
        case Step.RESUME:
            _resume(row, desired, now, around)
        case Step.NOTHING if row.watched_since:
            _watch(row, desired, now, around)
        case Step.NOTHING if not periods and all(is_over(each, now) for each in row.windows.windows):
            _forget(row, around)


def _seen(desired: DesiredService) -> DesiredNow:
    resumed = desired.moment("resumed_at") if desired.resumed_at else None
    return DesiredNow(state=desired.state, paused_by=desired.paused_by, resumed_at=resumed)


def _pause(desired: DesiredService, periods: Sequence[PlannedPeriod], now: datetime, around: Surroundings) -> None:
    reason = ": ".join(filter(None, ("planned downtime", reasons_of(periods))))
    change = pausing(NextRevision(desired, ACTOR, to_iso(now)), PausedBy.DOWNTIME, reason)
    transact([change, bump_hint(desired.controller_id)], around.clock)
    LOG.info("service %s of controller %s is paused: %s", desired.service, desired.controller_id, reason)


def _resume(row: PlannedDowntime, desired: DesiredService, now: datetime, around: Surroundings) -> None:
    watched = Update(_same(row), (PlannedDowntime.watched_since.set(to_iso(now)),), PlannedDowntime.uid == desired.uid)
    change = resuming(NextRevision(desired, ACTOR, to_iso(now)))
    transact([change, watched, bump_hint(desired.controller_id)], around.clock)
    LOG.info("service %s of controller %s runs again: its downtime is over", desired.service, desired.controller_id)


def _watch(row: PlannedDowntime, desired: DesiredService, now: datetime, around: Surroundings) -> None:
    status = _observed_status(desired)
    match after_downtime(_seen(desired), _is_serving(desired, status), row.moment("watched_since"), now):
        case Watch.WAIT:
            return
        case Watch.TELL if not around.page(*_message(row, desired, status)):
            return
    # Told first and noted second: twice rather than never.
    ended = PlannedDowntime.watched_since == row.watched_since
    transact([Update(_same(row), (PlannedDowntime.watched_since.remove(),), ended)], around.clock)


def _observed_status(desired: DesiredService) -> str:
    """What the controller made of the service since it was resumed; before that, what it last saw says nothing."""
    observed = ObservedService.read(desired.controller_id, observed_item(desired.service))
    if observed is None or (observed.uid, observed.revision) != (desired.uid, desired.revision):
        return "not yet taken up by its controller"
    return str(observed.status)


def _is_serving(desired: DesiredService, status: str) -> bool:
    scaler = Autoscaler.read(desired.uid)
    return is_serving(status, None if scaler is None else scaler.state.target)


def _message(row: PlannedDowntime, desired: DesiredService, status: str) -> tuple[str, str]:
    text = (
        f"service {desired.service} of controller {desired.controller_id} was resumed at {row.watched_since}, when its "
        f"downtime ended, and is still not ready ({status}); `paramedic status` shows its replicas and its controller"
    )
    return f"Service {desired.service} is not ready after its downtime", text


def _forget(row: PlannedDowntime, around: Surroundings) -> None:
    transact([Delete(_same(row), unchanged(row))], around.clock)
    LOG.info("no downtime is planned any more for %s of controller %s", row.of_what, row.of_controller)


def _same(row: PlannedDowntime) -> PlannedDowntime:
    return PlannedDowntime(row.controller_id, row.item)
