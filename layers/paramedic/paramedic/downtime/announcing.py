"""Tells health checks and recovery, in a target's row, when it is off on purpose.

What they are told ends by itself: should this function fail, the target is watched again when its downtime is over.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from paramedic.downtime.periods import in_effect, reasons_of
from paramedic.downtime.surroundings import Surroundings
from paramedic.state.downtime_windows import Window
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.targets import Target
from paramedic.state.transactions import Update, transact

LOG = logging.getLogger(__name__)

AHEAD = timedelta(minutes=2)
"""A period is announced this long before it begins, so that it is known at the very tick that begins it."""


def announcement(windows: Sequence[Window], now: datetime) -> PlannedPeriod | None:
    """All that is planned for now and the next two minutes as one period; None where that is nothing."""
    near = (*in_effect(windows, now), *in_effect(windows, now + AHEAD))
    if not near:
        return None
    since, until = min(period.since for period in near), max(period.until for period in near)
    return PlannedPeriod(since=since, until=until, reason=reasons_of(near))


def record(target: Target, period: PlannedPeriod | None, around: Surroundings) -> None:
    """Have the row of `target` say that it is off for `period`, None for never.

    Raises:
        ConditionFailedError: it was removed meanwhile.
        StateUnreachableError: DynamoDB did not answer.
    """
    action = Target.downtime.remove() if period is None else Target.downtime.set(period)
    change = Update(Target(target.bucket, target.target_id), (action,), Target.target_id.exists())
    transact([change], around.clock)
    text = "its downtime was called off" if period is None else f"in downtime from {period.since} until {period.until}"
    LOG.info("%s: %s", target.target_id, text)
