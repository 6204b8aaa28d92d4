"""What was done to a target and what would have been, as its records tell it. Reads only."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from paramedic.clock import to_iso
from paramedic.recovery.approvals import Plan
from paramedic.recovery.plan_rows import plan_of
from paramedic.state.incidents import ASKED_PREFIX, OBSERVED_PREFIX, RelaunchPlan
from paramedic.state.recoveries import Entry, Recovery
from paramedic.state.tables import InvalidRowError


class PastRecovery(BaseModel):
    """One recovery. `predecessors` and `launched` are processes as people call them; `steps` are in order.

    `plan` is the approved one that it carried out. Of a record that cannot be understood there is only `problem`.
    """

    model_config = ConfigDict(frozen=True)

    epoch: int
    step: str = ""
    opened_at: str = ""
    closed_at: str | None = None
    actor: str = ""
    reason: str = ""
    manual: bool = False
    plan: str = ""
    drill: bool = False
    evidence: str = ""
    predecessors: tuple[str, ...] = ()
    predecessor_gone: str = ""
    launched: str | None = None
    restored: str = ""
    steps: tuple[Entry, ...] = ()
    problem: str = ""


class PastPlan(BaseModel):
    """A plan nobody had allowed when it was made, and what became of it, in one sentence.

    `plan` is its name where people were asked, `text` what they were told.
    """

    model_config = ConfigDict(frozen=True)

    made_at: str
    plan: str = ""
    text: str
    outcome: str


class History(BaseModel):
    """The recoveries of a target, newest first; `left_out` is how many older ones there are."""

    model_config = ConfigDict(frozen=True)

    target: str
    message: str
    recoveries: tuple[PastRecovery, ...]
    left_out: int = 0


class Doings(BaseModel):
    """What there was about one target since some time: what would have been done, was asked, was done."""

    model_config = ConfigDict(frozen=True)

    target: str
    observed: tuple[PastPlan, ...]
    asked: tuple[PastPlan, ...]
    done: tuple[PastRecovery, ...]


def read_history(target_id: str, limit: int) -> History:
    """The newest `limit` recoveries; one whose record is spoilt hides no other.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    found = _recoveries(target_id)
    shown = tuple(found[:limit])
    message = f"{target_id}: {len(found)} recoveries" if found else f"{target_id} was never recovered"
    return History(target=target_id, message=message, recoveries=shown, left_out=len(found) - len(shown))


def read_doings(target_id: str, since: datetime, now: datetime) -> Doings:
    """What there was about a target since `since`, oldest first.

    Raises:
        InvalidRowError: a plan's row cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    begin = to_iso(since)
    observed = _plans(target_id, OBSERVED_PREFIX, begin)
    asked = _plans(target_id, ASKED_PREFIX, begin)
    done = [each for each in reversed(_recoveries(target_id)) if each.problem or each.opened_at >= begin]
    return Doings(
        target=target_id,
        observed=tuple(_observed(row) for row in observed),
        asked=tuple(_asked(row, plan_of(row), now) for row in asked),
        done=tuple(done),
    )


def _plans(target_id: str, prefix: str, begin: str) -> Sequence[RelaunchPlan]:
    rows = RelaunchPlan.read_all(target_id, RelaunchPlan.opened.startswith(prefix))
    return [row for row in rows if row.made_at >= begin]


def _observed(row: RelaunchPlan) -> PastPlan:
    return PastPlan(made_at=row.made_at, text=row.text, outcome="the mode was observe")


def _asked(row: RelaunchPlan, plan: Plan, now: datetime) -> PastPlan:
    return PastPlan(made_at=row.made_at, plan=plan.plan_id, text=row.text, outcome=_became(plan, now))


def _became(plan: Plan, now: datetime) -> str:
    if plan.used_epoch is not None:
        return f"{plan.approved_by} approved it, and it was done as epoch {plan.used_epoch}"
    waits = now < plan.expires_at
    until = f"{plan.expires_at:%Y-%m-%d %H:%M:%SZ}"
    if plan.approved_by:
        return f"{plan.approved_by} approved it; " + (f"good until {until}" if waits else "it was not needed in time")
    return f"waits for approval until {until}" if waits else f"nobody approved it until {until}"


def _recoveries(target_id: str) -> Sequence[PastRecovery]:
    rows = Recovery.read_each(target_id)
    return [_told(epoch, rows[epoch]) for epoch in sorted(rows, key=int, reverse=True)]


def _told(epoch: str, row: Recovery | InvalidRowError) -> PastRecovery:
    if isinstance(row, InvalidRowError):
        return PastRecovery(epoch=int(epoch), problem=str(row))
    story = row.story
    named = [p.receipt.called if p.receipt is not None else p.launch_key or "unrecorded" for p in story.predecessors]
    return PastRecovery(
        epoch=int(row.epoch),
        step=row.step,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        actor=story.actor,
        reason=story.reason,
        manual=story.manual,
        plan=story.plan,
        drill=story.drill,
        evidence=story.evidence,
        predecessors=tuple(named),
        predecessor_gone=story.predecessor_gone,
        launched=None if story.launched is None else story.launched.called,
        restored=story.restored,
        steps=story.entries,
    )
