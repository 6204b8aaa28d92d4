"""Plans as stored: what would have been done, what people are asked, and their answer. One row for each plan."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from paramedic.clock import to_iso
from paramedic.recovery.approvals import Plan
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.incidents import ASKED_PREFIX, RelaunchPlan
from paramedic.state.transactions import Change, ConditionFailedError, Update, put_new, transact


@dataclass(frozen=True)
class Proposal:
    """A plan that nobody has allowed: its row's key, and what is told of it. Only questions expire."""

    target_id: str
    item: str
    subject: str
    text: str
    expires_at: datetime | None = None


def asked_item(plan: str) -> str:
    """The range key of a plan that people are asked about."""
    return f"{ASKED_PREFIX}{plan}"


def read_plan(target_id: str, plan: str) -> Plan | None:
    """The plan of that name that people were asked about.

    Raises:
        InvalidRowError: its row cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    row = RelaunchPlan.read(target_id, asked_item(plan))
    return None if row is None else plan_of(row)


def plan_of(row: RelaunchPlan) -> Plan:
    """The plan that a row of a question holds.

    Raises:
        InvalidRowError: it holds no time of expiry.
    """
    return Plan(
        plan_id=str(row.opened).removeprefix(ASKED_PREFIX),
        text=row.text,
        expires_at=row.moment("expires_at"),
        approved_by=row.approved_by,
        approved_reason=row.approved_reason,
        used_epoch=int(row.used_epoch) if row.used_epoch else None,
    )


def propose(proposal: Proposal, around: Surroundings) -> None:
    """Write the plan down unless it is, then tell people unless they were told.

    Raises:
        InvalidRowError: its row cannot be understood.
        StateUnreachableError: DynamoDB did not answer; the next event goes on.
    """
    row = RelaunchPlan.read(proposal.target_id, proposal.item)
    if row is None:
        # Written first, so that whoever reads of it can approve it.
        with suppress(ConditionFailedError):
            transact([put_new(_row(proposal, around))], around.clock)
        row = RelaunchPlan.read(proposal.target_id, proposal.item)
    if row is not None and not row.told_at and around.page(proposal.subject, row.text):
        told = (RelaunchPlan.told_at.set(to_iso(around.clock.now())),)
        key = RelaunchPlan(proposal.target_id, proposal.item)
        transact([Update(key, told, RelaunchPlan.target_id.exists())], around.clock)


def approve(target_id: str, plan: Plan, actor: str, reason: str, around: Surroundings) -> bool:
    """Record a yes; False when somebody else was first, or its time has run out.

    Raises:
        StateUnreachableError: DynamoDB did not answer; look before repeating.
    """
    now = to_iso(around.clock.now())
    actions = (
        RelaunchPlan.approved_by.set(actor),
        RelaunchPlan.approved_reason.set(reason),
        RelaunchPlan.approved_at.set(now),
    )
    # Times are kept as text that sorts like them.
    good = RelaunchPlan.approved_by.does_not_exist() & (RelaunchPlan.expires_at > now)
    item = asked_item(plan.plan_id)
    try:
        transact([Update(RelaunchPlan(target_id, item), actions, good)], around.clock)
    except ConditionFailedError:
        row = RelaunchPlan.read(target_id, item)
        # A write whose reply was lost looks refused when it is tried again.
        return row is not None and (row.approved_by, row.approved_at) == (actor, now)
    return True


def using(target_id: str, plan: Plan, epoch: int, moment: datetime) -> Change:
    """The change that uses the yes up, to be made in the transaction that opens `epoch`."""
    good = (
        (RelaunchPlan.approved_by == plan.approved_by)
        & RelaunchPlan.used_epoch.does_not_exist()
        & (RelaunchPlan.expires_at > to_iso(moment))
    )
    row = RelaunchPlan(target_id, asked_item(plan.plan_id))
    return Update(row, (RelaunchPlan.used_epoch.set(epoch),), good)


def _row(proposal: Proposal, around: Surroundings) -> RelaunchPlan:
    return RelaunchPlan(
        proposal.target_id,
        proposal.item,
        made_at=to_iso(around.clock.now()),
        text=proposal.text,
        expires_at=None if proposal.expires_at is None else to_iso(proposal.expires_at),
    )
