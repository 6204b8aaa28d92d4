"""Everything one decision to open a recovery is based on, read afresh."""

from dataclasses import dataclass, replace
from datetime import datetime

from paramedic.errors import ParamedicError
from paramedic.health.verdict import Verdict
from paramedic.launchers.interface import RunState
from paramedic.recovery.approvals import Plan, is_approved, plan_id
from paramedic.recovery.evidence import taking_the_word
from paramedic.recovery.gate import SURELY_BAD, Evidence, Finding
from paramedic.recovery.incident_rules import IncidentState, current_incident
from paramedic.recovery.plan_rows import read_plan
from paramedic.recovery.subject import subject_of
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.incidents import CURRENT_ITEM, Incident
from paramedic.state.receipt import Receipt
from paramedic.state.recoveries import Predecessor, Recovery
from paramedic.state.targets import Target, TargetMode
from paramedic.state.transactions import Change


@dataclass(frozen=True)
class Opener:
    """Who asks, why, and at what time by the clock that back-off counts in (ticks; a person's own time).

    `accepts` are the findings on which they go on. `drill`: to see how it goes. `beside` is changed with the opening.
    """

    actor: str
    reason: str
    now: datetime
    manual: bool
    detected_at: str | None = None
    predecessor_gone: str | None = None
    accepts: frozenset[Finding] = SURELY_BAD
    drill: bool = False
    beside: tuple[Change, ...] = ()

    @property
    def word(self) -> str:
        """Their word that the predecessor is gone, with their name to it; empty without one."""
        return f"{self.actor}: {self.predecessor_gone}" if self.predecessor_gone else ""


@dataclass(frozen=True)
class Case:
    """Everything one decision to open is based on, as read.

    `predecessors` are who must be gone first, `plan` is the approved one it would carry out.
    """

    target: Target
    current: ControllerEpoch
    previous: Recovery | None
    evidence: Evidence
    predecessors: tuple[Predecessor, ...]
    stored_incident: IncidentState | None
    incident: IncidentState
    opener: Opener
    trouble: str = ""
    plan: Plan | None = None


def read_case(
    target: Target, current: ControllerEpoch, previous: Recovery | None, opener: Opener, around: Surroundings
) -> Case:
    """Look at the target and at all that is stored of it; nothing is written.

    Raises:
        InvalidRowError: a row cannot be understood.
        StateUnreachableError: DynamoDB did not answer; nothing can be concluded.
    """
    stored = read_incident(str(target.target_id))
    seen = subject_of(str(target.target_id)).look(target, current, previous, opener.manual, around)
    evidence = taking_the_word(seen.evidence, opener.word)
    plan = None if opener.manual else _approved_plan(target, current, opener.now, around)
    return Case(
        target=target,
        current=current,
        previous=previous,
        evidence=evidence,
        predecessors=seen.predecessors,
        stored_incident=stored,
        incident=current_incident(stored, opener.now, around.new_id()),
        opener=opener if plan is None else _in_the_name_of(opener, plan),
        trouble=_trouble(target, seen.living, around) if _is_to_be_replaced(evidence, opener) else "",
        plan=plan,
    )


def read_incident(target_id: str) -> IncidentState | None:
    """The target's current incident as stored.

    Raises:
        InvalidRowError: it cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = Incident.read(target_id, CURRENT_ITEM)
    if row is None:
        return None
    return IncidentState(
        incident_id=row.incident_id,
        attempts=int(row.attempts),
        last_attempt_at=row.moment("last_attempt_at") if row.last_attempt_at else None,
        last_success_at=row.moment("last_success_at") if row.last_success_at else None,
    )


def wanted_plan(target: Target, current: ControllerEpoch) -> str | None:
    """The name of the plan that would be carried out now; None while the target is not bad."""
    if target.bad is None or target.bad.verdict == Verdict.HEALTHY:
        return None
    return plan_id(target.bad.since, int(current.epoch) + 1)


def _approved_plan(target: Target, current: ControllerEpoch, now: datetime, around: Surroundings) -> Plan | None:
    wanted = wanted_plan(target, current)
    if wanted is None or target.word("mode", TargetMode) is not TargetMode.ASK:
        return None
    plan = read_plan(str(target.target_id), wanted)
    # A late event's own time is no excuse for what has expired since.
    return plan if is_approved(plan, wanted, max(now, around.clock.now())) else None


def _in_the_name_of(opener: Opener, plan: Plan) -> Opener:
    return replace(opener, actor=plan.approved_by or "", reason=plan.approved_reason or "")


def _is_to_be_replaced(evidence: Evidence, opener: Opener) -> bool:
    return evidence.finding is Finding.ALIVE and Finding.ALIVE in opener.accepts


def _trouble(target: Target, living: Receipt | None, around: Surroundings) -> str:
    """What would keep the successor of a living process from taking its place."""
    try:
        launcher = around.profile(target.profile or "").launcher
        if living is None:
            return "nothing is known of the process that would have to be stopped"
        look = launcher.describe(living)
    except ParamedicError as error:
        return f"its process cannot be stopped from here: {error}"
    if look.state in (RunState.UNKNOWN, RunState.ELSEWHERE):
        return f"its process cannot be seen from here: {look.detail}"
    return ""
