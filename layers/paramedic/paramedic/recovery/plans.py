"""What a recovery would do, in words, and proposing it where nobody has allowed it. Words are pure."""

from datetime import datetime, timedelta

from paramedic.recovery.cases import Case, wanted_plan
from paramedic.recovery.gate import Reason, Refusal
from paramedic.recovery.plan_rows import Proposal, asked_item, propose
from paramedic.recovery.subject import subject_of
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.incidents import OBSERVED_PREFIX
from paramedic.state.recoveries import Predecessor
from paramedic.state.targets import controller_id_of

PROPOSED = (Reason.OBSERVE, Reason.ASK)
"""Refusals by the target's mode alone: all other rules would have let it through."""


def steps_of(case: Case) -> tuple[str, ...]:
    """What opening a recovery in this case comes to, one sentence for each step."""
    target_id = str(case.target.target_id)
    standby = "have a waiting standby claim that epoch, or else " if controller_id_of(target_id) else ""
    word = f"; what nobody can look at is gone by the word of {case.opener.word}" if case.opener.word else ""
    stops = [f"stop {_named(each)} and go on only once it can act no more{word}" for each in case.predecessors]
    return (
        f"open epoch {int(case.current.epoch) + 1}, because {case.evidence.text}",
        *(stops or ["stop nobody, for there is no predecessor"]),
        f"{standby}launch by profile {case.target.profile}",
        f"call it recovered once {subject_of(target_id).proof}",
    )


def propose_instead(case: Case, refused: Refusal, around: Surroundings) -> None:
    """Keep what would have been done, and tell people once: to know of it, or to approve it.

    Raises:
        StateUnreachableError: DynamoDB did not answer; the next event goes on.
    """
    wanted = wanted_plan(case.target, case.current)
    if case.target.bad is None or wanted is None:
        return
    target_id = str(case.target.target_id)
    if refused.reason is Reason.OBSERVE:
        item = f"{OBSERVED_PREFIX}{case.target.bad.since}"
        subject = f"{target_id} is down and not being recovered"
        proposal = Proposal(target_id, item, subject, refused.sentence())
    else:
        expires_at = around.clock.now() + timedelta(minutes=around.approval_minutes)
        text = question(case, wanted, expires_at)
        proposal = Proposal(target_id, asked_item(wanted), f"{target_id} waits for approval", text, expires_at)
    propose(proposal, around)


def question(case: Case, wanted: str, expires_at: datetime) -> str:
    """What people are asked, and how to say yes."""
    steps = "; ".join(f"({number}) {step}" for number, step in enumerate(steps_of(case), 1))
    how = f"paramedic approve {case.target.target_id} --plan {wanted} --reason WHY"
    return f"mode is ask. Plan {wanted}: {steps}. To approve it once, until {expires_at:%Y-%m-%d %H:%M:%SZ}: {how}"


def _named(predecessor: Predecessor) -> str:
    what = f"whatever was launched as {predecessor.launch_key}"
    if predecessor.receipt is not None:
        what = predecessor.receipt.called
    elif predecessor.launch_key is None:
        what = "a process of which nothing is recorded"
    return f"{what} (epoch {predecessor.epoch})"
