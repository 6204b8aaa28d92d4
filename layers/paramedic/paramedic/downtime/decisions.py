"""What a pass does about one service, given what is planned and what is stored. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from paramedic.services.status import ServiceStatus
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.services import PAUSED, RUNNING, PausedBy

GRACE = timedelta(minutes=10)
"""How long a service may take to be ready after its downtime before people are told."""


class DesiredNow(BaseModel):
    """Of the desired state, what the decision rests on."""

    model_config = ConfigDict(frozen=True)

    state: str
    paused_by: str | None = None
    resumed_at: datetime | None = None


class Step(StrEnum):
    """What is to be written."""

    PAUSE = "pause"
    RESUME = "resume"
    NOTHING = "nothing"


class Watch(StrEnum):
    """What became of a service whose downtime has ended."""

    WAIT = "wait"
    END = "end"
    TELL = "tell"


def next_step(desired: DesiredNow, periods: Sequence[PlannedPeriod]) -> Step:
    """What the `periods` in effect ask for. A person's word wins: `down`, `pause`, and a `resume` until they end."""
    wanted = bool(unanswered(desired, periods))
    if desired.state == RUNNING and wanted:
        return Step.PAUSE
    by_downtime = desired.state == PAUSED and desired.paused_by == PausedBy.DOWNTIME
    return Step.RESUME if by_downtime and not wanted else Step.NOTHING


def unanswered(desired: DesiredNow, periods: Sequence[PlannedPeriod]) -> tuple[PlannedPeriod, ...]:
    """Those `periods` that nobody has resumed the service out of."""
    resumed = desired.resumed_at
    return tuple(period for period in periods if resumed is None or period.since > resumed)


def after_downtime(desired: DesiredNow, serving: bool, since: datetime, now: datetime) -> Watch:
    """Whether a service is back that was resumed at `since`; what is not meant to run is not waited for."""
    if serving or desired.state != RUNNING:
        return Watch.END
    return Watch.TELL if now >= since + GRACE else Watch.WAIT


def is_serving(status: str, target: int | None) -> bool:
    """Whether a service of that status is as it should be: none of no replicas wanted is."""
    return status == ServiceStatus.READY or (status == ServiceStatus.NO_REPLICA and target == 0)
