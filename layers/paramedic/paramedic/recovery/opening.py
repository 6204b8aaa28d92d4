"""Opening a recovery: re-read, gate, and the epoch transaction that counts the attempt."""

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from pynamodb.expressions.condition import Condition

from paramedic.clock import to_iso
from paramedic.recovery.cases import Case
from paramedic.recovery.drills import why_not_now
from paramedic.recovery.gate import GateInput, Refusal, refusal
from paramedic.recovery.holds import read_hold
from paramedic.recovery.incident_rules import after_automatic_attempt, after_manual_attempt
from paramedic.recovery.plan_rows import using
from paramedic.recovery.records import STEP_SECONDS
from paramedic.recovery.start_times import measured_start
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.claims import open_epoch
from paramedic.state.incidents import CURRENT_ITEM, Incident
from paramedic.state.recoveries import OPEN, Entry, Page, Recovery, Step, Story
from paramedic.state.targets import TargetMode
from paramedic.state.transactions import Change, ConditionFailedError, Update, transact

if TYPE_CHECKING:
    from paramedic.recovery.beside import Beside


def refuse(case: Case, wall_time: datetime, beside: "Beside | None" = None) -> Refusal | None:
    """The gate's answer for this case, given what is `beside` it where automation would act by itself.

    A late event is about a time before a downtime that has begun since.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    off_on_purpose = any(map(case.target.is_off_on_purpose, (case.opener.now, wall_time)))
    given = GateInput(
        now=case.opener.now,
        manual=case.opener.manual,
        held=read_hold(str(case.target.target_id)),
        accepts=case.opener.accepts,
        trouble=case.trouble,
        approved=case.plan is not None,
        no_drill=why_not_now(case.target.drill_window, wall_time) if case.opener.drill else "",
        mode=case.target.word("mode", TargetMode),
        paused=bool(case.target.paused),
        downtime=case.target.downtime if off_on_purpose else None,
        profile=case.target.profile,
        evidence=case.evidence,
        incident=case.incident,
    )
    return refusal(given if beside is None else given.model_copy(update=beside.for_gate()))


def open_recovery(case: Case, around: Surroundings) -> int:
    """Write the epoch transaction and return the new epoch.

    Raises:
        EpochMovedError: the epoch, its claim, the previous recovery or the approval moved since they were read.
        StateUnreachableError: DynamoDB did not answer; the next look tells whether it was written.
    """
    successor = _record(case, around)
    extra = [_attempt(case), *case.opener.beside]
    if case.plan is not None:
        moment = max(case.opener.now, around.clock.now())
        extra.append(using(str(case.target.target_id), case.plan, int(successor.epoch), moment))
    open_epoch(case.current, case.previous, successor, extra, around.clock)
    return int(successor.epoch)


def refusal_is_news(case: Case, refused: Refusal) -> bool:
    """Whether this bad period has not been refused for this reason before; a person's own request never is news."""
    if case.opener.manual or case.target.bad is None:
        return False
    row = Incident.read(case.target.target_id, CURRENT_ITEM)
    seen = None if row is None else (row.last_refusal, row.last_refusal_period)
    return seen != (refused.reason.value, case.target.bad.since)


def remember_refusal(case: Case, refused: Refusal, around: Surroundings) -> None:
    """Keep the reason with the incident, unless a recovery was opened meanwhile: that one wins."""
    target_id = case.target.target_id
    actions = (
        Incident.incident_id.set(case.incident.incident_id),
        Incident.attempts.set(case.incident.attempts),
        Incident.last_refusal.set(refused.reason.value),
        Incident.last_refusal_text.set(refused.sentence()),
        Incident.last_refusal_period.set(case.target.bad.since if case.target.bad is not None else ""),
    )
    with suppress(ConditionFailedError):
        transact([Update(Incident(target_id, CURRENT_ITEM), actions, _incident_as_read(case))], around.clock)


def _incident_as_read(case: Case) -> Condition:
    stored = case.stored_incident
    if stored is None:
        return Incident.incident_id.does_not_exist()
    as_read: Condition = (Incident.incident_id == stored.incident_id) & (Incident.attempts == stored.attempts)
    return as_read


def _attempt(case: Case) -> Change:
    # A drill tries to cure nothing.
    count = after_manual_attempt if case.opener.manual or case.opener.drill else after_automatic_attempt
    counted = count(case.incident, case.opener.now)
    actions = (
        Incident.incident_id.set(counted.incident_id),
        Incident.attempts.set(counted.attempts),
        Incident.last_attempt_at.set(to_iso(case.opener.now)),
        Incident.last_refusal.remove(),
        Incident.last_refusal_text.remove(),
        Incident.last_refusal_period.remove(),
    )
    return Update(Incident(case.target.target_id, CURRENT_ITEM), actions)


def _record(case: Case, around: Surroundings) -> Recovery:
    now = around.clock.now()
    what = "drill, opened" if case.opener.drill else "opened"
    opened = f"{what} by {case.opener.actor}: {case.evidence.text}"
    story = Story(
        actor=case.opener.actor,
        reason=case.opener.reason,
        manual=case.opener.manual,
        diagnosis=case.evidence.finding,
        evidence=case.evidence.text,
        detected_at=case.opener.detected_at,
        predecessors=case.predecessors,
        predecessor_gone=case.opener.word,
        drill=case.opener.drill,
        plan="" if case.plan is None else case.plan.plan_id,
        start_seconds=measured_start(case.previous),
        entries=(Entry(at=to_iso(now), step="gate", text=opened),),
    )
    return Recovery(
        case.target.target_id,
        int(case.current.epoch) + 1,
        incident=case.incident.incident_id,
        profile=case.target.profile,
        step=Step.STOP,
        opened_at=to_iso(now),
        step_at=to_iso(now),
        version=0,
        owner=around.invocation,
        deadline=int(now.timestamp()) + STEP_SECONDS,
        moved_at=to_iso(now),
        story=story,
        owed_page=Page(subject=f"Recovering {case.target.target_id}", text=opened),
        open_marker=OPEN,
    )
