"""How a target stands: what keeps it from being recovered, and what is under way. Reads only."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from paramedic.clock import to_iso
from paramedic.health.verdict import Verdict
from paramedic.recovery import records
from paramedic.recovery.by_hand import read_target
from paramedic.recovery.cases import read_incident, wanted_plan
from paramedic.recovery.holds import read_hold
from paramedic.recovery.incident_rules import Blocked, IncidentState, may_attempt
from paramedic.recovery.plan_rows import read_plan
from paramedic.recovery.subject import read_epoch
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.incidents import CURRENT_ITEM, Incident
from paramedic.state.targets import Target


class TargetStanding(BaseModel):
    """`held` is what holds it, empty while nothing does; `under_way` the open recovery's step and what it waits for.

    `plan` waits for approval until `plan_expires_at`. `refused` is why automation has not recovered it, of what is bad.
    """

    model_config = ConfigDict(frozen=True)

    target: str
    message: str
    mode: str
    found: str
    held: str
    paused: bool
    epoch: int | None = None
    attempts: int = 0
    blocked_until: str | None = None
    plan: str | None = None
    plan_expires_at: str | None = None
    under_way: str | None = None
    refused: str = ""


def read_standing(target_id: str, now: datetime) -> TargetStanding:
    """How the target stands at `now`.

    Raises:
        UnknownTargetError: no such target.
        InvalidRowError: a row cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    target = read_target(target_id)
    current = read_epoch(target)
    incident = read_incident(target_id)
    bad = target.bad is not None and target.bad.verdict != Verdict.HEALTHY
    standing = TargetStanding(
        target=target_id,
        message="",
        mode=target.mode,
        found=target.bad.diagnosis if bad and target.bad is not None else "healthy",
        held=read_hold(target_id),
        paused=bool(target.paused),
        epoch=None if current is None else int(current.epoch),
        attempts=0 if incident is None else incident.attempts,
        blocked_until=_blocked_until(incident, now),
        under_way=None if current is None else _under_way(target_id, current),
        refused=_refused(target),
    )
    asked = {} if current is None else _asked(target, current, now)
    standing = standing.model_copy(update=asked)
    return standing.model_copy(update={"message": _sentence(standing)})


def _asked(target: Target, current: ControllerEpoch, now: datetime) -> dict[str, str]:
    wanted = wanted_plan(target, current)
    plan = None if wanted is None else read_plan(str(target.target_id), wanted)
    if plan is None or plan.approved_by or now >= plan.expires_at:
        return {}
    return {"plan": plan.plan_id, "plan_expires_at": to_iso(plan.expires_at)}


def _blocked_until(incident: IncidentState | None, now: datetime) -> str | None:
    allowed = None if incident is None else may_attempt(incident, now)
    return to_iso(allowed.until) if isinstance(allowed, Blocked) and now < allowed.until else None


def _refused(target: Target) -> str:
    row = Incident.read(target.target_id, CURRENT_ITEM)
    # What was refused in an earlier bad period says nothing of this one.
    now = row is not None and target.bad is not None and row.last_refusal_period == target.bad.since
    return (row.last_refusal_text or "") if row is not None and now else ""


def _under_way(target_id: str, current: ControllerEpoch) -> str | None:
    recovery = records.read_open(target_id, int(current.epoch))
    if recovery is None:
        return None
    return f"{recovery.step}, waits: {recovery.waits_for}" if recovery.waits_for else str(recovery.step)


def _sentence(standing: TargetStanding) -> str:
    parts = [
        f"{standing.target} is {standing.found}, mode {standing.mode}",
        standing.held,
        "the target is paused" if standing.paused else "",
        f"epoch {standing.epoch} is being recovered ({standing.under_way})" if standing.under_way else "",
        f"blocked until {standing.blocked_until}" if standing.blocked_until else "",
        f"plan {standing.plan} waits for approval until {standing.plan_expires_at}" if standing.plan else "",
        f"not recovered by itself: {standing.refused}" if standing.refused and not standing.under_way else "",
    ]
    return "; ".join(part for part in parts if part)
