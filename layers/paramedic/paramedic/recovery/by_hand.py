"""Recoveries that a person asks for: recover, replace, force, drill, and saying yes to a plan.

Each skips rules of the gate, as far as it says. None skips fencing, making sure of the predecessor, or what people
hold.
"""

from paramedic.errors import InvalidInputError
from paramedic.recovery import plan_rows, records
from paramedic.recovery.approvals import Plan, why_not_approve
from paramedic.recovery.cases import Opener, read_case, wanted_plan
from paramedic.recovery.drills import timed
from paramedic.recovery.gate import SEEN_CLEARLY, SURELY_BAD, Finding
from paramedic.recovery.messages import (
    Approve,
    ManualDrill,
    ManualForce,
    ManualRecover,
    ManualReplace,
    OpensRecovery,
    Planned,
    Reply,
    Status,
)
from paramedic.recovery.opening import refuse
from paramedic.recovery.plans import steps_of
from paramedic.recovery.recoverer import NO_EPOCH, recover, refused_reply
from paramedic.recovery.subject import read_epoch
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.recoveries import Recovery
from paramedic.state.targets import Target, TargetMode, bucket_of


class UnknownTargetError(InvalidInputError):
    """No such target is registered."""


def read_target(target_id: str) -> Target:
    """The target that a person names.

    Raises:
        UnknownTargetError: there is none.
        InvalidRowError: its row cannot be understood.
        StateUnreachableError: DynamoDB did not answer.
    """
    target = Target.read(bucket_of(target_id), target_id)
    if target is None:
        raise UnknownTargetError("target", target_id, "is not registered; `paramedic target list` lists what is")
    return target


def by_hand(request: OpensRecovery, around: Surroundings) -> Reply:
    """Recover, replace or force a target now, or say what that would come to.

    Block, back-off, mode, pause, downtime and mass failure are ignored; `replace` goes on although the target is well,
    `force` whatever is seen. A drill is refused of what is not well and outside its target's window. What people hold
    is not ignored: they can release it.

    Raises:
        UnknownTargetError: no such target.
        StateUnreachableError: DynamoDB did not answer; ask again.
    """
    target = read_target(request.target)
    word = request.predecessor_gone if isinstance(request, ManualRecover | ManualForce) else None
    opener = Opener(
        actor=request.actor,
        reason=request.reason,
        now=around.clock.now(),
        manual=True,
        predecessor_gone=word,
        accepts=_accepted(request),
        drill=isinstance(request, ManualDrill),
    )
    if opener.drill and (under_way := _under_way(target)) is not None:
        return refused_reply(request.target, f"epoch {under_way.epoch} is being recovered; no drill meanwhile")
    if request.dry_run:
        return _rehearse(target, opener, around)
    reply = recover(target, opener, around)
    return _with_times(reply) if opener.drill else reply


def approve(request: Approve, around: Surroundings) -> Reply:
    """Keep a person's yes to one plan, and have the ordinary gate look at once whether it may be carried out now.

    Raises:
        UnknownTargetError: no such target.
        StateUnreachableError: DynamoDB did not answer; ask again.
    """
    target = read_target(request.target)
    current = read_epoch(target)
    if current is None:
        return refused_reply(request.target, NO_EPOCH)
    plan = plan_rows.read_plan(request.target, request.plan)
    why_not = _why_not_now(target) or why_not_approve(plan, wanted_plan(target, current), around.clock.now())
    if plan is None or why_not is not None:
        return refused_reply(request.target, f"plan {request.plan} is not approved: {why_not}")
    if request.dry_run:
        return _would_approve(request, plan)
    if not plan_rows.approve(request.target, plan, request.actor, request.reason, around):
        return refused_reply(request.target, f"plan {request.plan} is not approved: its time or somebody was quicker")
    # What a check would do: in whose name is read with the plan.
    opener = Opener(actor=request.actor, reason=request.reason, now=around.clock.now(), manual=False)
    reply = recover(target, opener, around)
    if reply.status is not Status.REFUSED:
        return reply
    until = f"it is tried every minute until {plan.expires_at:%H:%M:%SZ}"
    return reply.model_copy(
        update={"status": Status.APPROVED, "message": f"approved, but not yet opened: {reply.message}; {until}"}
    )


def _accepted(request: OpensRecovery) -> frozenset[Finding]:
    match request:
        case ManualForce():
            return frozenset(Finding)
        case ManualReplace():
            return SEEN_CLEARLY
        case ManualDrill():
            return frozenset({Finding.ALIVE})
        case _:
            return SURELY_BAD


def _under_way(target: Target) -> Recovery | None:
    current = read_epoch(target)
    return None if current is None else records.read_open(str(target.target_id), int(current.epoch))


def _with_times(reply: Reply) -> Reply:
    if reply.status is not Status.RECOVERED or reply.epoch is None:
        return reply
    recovery = records.read_recovery(reply.target, reply.epoch)
    return reply.model_copy(update={"message": f"{reply.message}; drill: {timed(recovery.story.entries)}"})


def _why_not_now(target: Target) -> str | None:
    mode = target.word("mode", TargetMode)
    return None if mode is TargetMode.ASK else f"the target's mode is {mode}, so nothing waits for a yes"


def _would_approve(request: Approve, plan: Plan) -> Planned:
    message = f"{request.target}: would approve plan {plan.plan_id}; nothing was changed"
    return Planned(status=Status.PLANNED, message=message, target=request.target, plan=(plan.text,))


def _rehearse(target: Target, opener: Opener, around: Surroundings) -> Reply:
    current = read_epoch(target)
    if current is None:
        return refused_reply(str(target.target_id), NO_EPOCH)
    previous = Recovery.read(target.target_id, int(current.epoch))
    if previous is not None and records.is_open(previous):
        return _would_go_on(previous)
    return _would_open(target, current, previous, opener, around)


def _would_go_on(recovery: Recovery) -> Planned:
    waits = f", which waits ({recovery.waits_for})" if recovery.waits_for else ""
    message = f"{recovery.target_id}: would go on with epoch {recovery.epoch} at step {recovery.step}{waits}"
    told = tuple(f"{entry.at} {entry.step}: {entry.text}" for entry in recovery.story.entries)
    return Planned(
        status=Status.PLANNED, message=message, target=recovery.target_id, epoch=int(recovery.epoch), plan=told
    )


def _would_open(
    target: Target, current: ControllerEpoch, previous: Recovery | None, opener: Opener, around: Surroundings
) -> Reply:
    case = read_case(target, current, previous, opener, around)
    refused = refuse(case, around.clock.now())
    if refused is not None:
        return refused_reply(str(target.target_id), refused.sentence())
    epoch = int(current.epoch) + 1
    return Planned(
        status=Status.PLANNED,
        message=f"{target.target_id}: would open epoch {epoch}, because {case.evidence.text}; nothing was changed",
        target=target.target_id,
        epoch=epoch,
        plan=steps_of(case),
    )
