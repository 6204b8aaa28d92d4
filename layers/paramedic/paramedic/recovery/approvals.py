"""When a person's yes lets a recovery through: for exactly one plan, once, and not for long. Pure."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Plan(BaseModel):
    """A relaunch that people were asked about. `used_epoch` is what was opened by their yes."""

    model_config = ConfigDict(frozen=True)

    plan_id: str
    text: str = ""
    expires_at: datetime
    approved_by: str | None = None
    approved_reason: str | None = None
    used_epoch: int | None = None


def plan_id(since: str, epoch: int) -> str:
    """What the plan is called that opens `epoch` in the bad period that began at `since`: no other one ever is."""
    return f"{since}/{epoch}"


def is_approved(plan: Plan | None, wanted: str | None, moment: datetime) -> bool:
    """Whether `wanted`, what would be done at `moment`, is what somebody said yes to."""
    if plan is None or plan.plan_id != wanted or plan.used_epoch is not None:
        return False
    return bool(plan.approved_by) and moment < plan.expires_at


def why_not_approve(plan: Plan | None, wanted: str | None, moment: datetime) -> str | None:
    """Why `plan` cannot be approved at `moment`, when `wanted` is what would be done; None when it can."""
    if plan is None:
        return "nobody was asked about a plan of that name"
    if plan.used_epoch is not None:
        return f"it was carried out already, as epoch {plan.used_epoch}, approved by {plan.approved_by}"
    if wanted is None:
        return "the target is not bad any more"
    if plan.plan_id != wanted:
        return f"it is of another incident or attempt; what would be done now is {wanted}"
    if moment >= plan.expires_at:
        return f"it was good until {plan.expires_at:%Y-%m-%d %H:%M:%SZ}; recover by hand"
    if plan.approved_by:
        return f"{plan.approved_by} has approved it already"
    return None
