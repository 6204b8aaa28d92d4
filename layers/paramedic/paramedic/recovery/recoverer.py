"""The one path every trigger takes: re-read → gate → step → record."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from paramedic.clock import from_iso, to_iso
from paramedic.errors import ParamedicError
from paramedic.health.events import HealthEvent
from paramedic.health.ticks import require_due
from paramedic.health.verdict import Verdict
from paramedic.recovery import records
from paramedic.recovery.cases import Case, Opener, read_case
from paramedic.recovery.driving import drive
from paramedic.recovery.gate import Reason, Refusal
from paramedic.recovery.messages import Reply, Status
from paramedic.recovery.opening import open_recovery, refusal_is_news, refuse, remember_refusal
from paramedic.recovery.plans import PROPOSED, propose_instead
from paramedic.recovery.subject import read_epoch
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.claims import EpochMovedError
from paramedic.state.controllers import ControllerEpoch
from paramedic.state.recoveries import Recovery, Step, Wish, open_recoveries
from paramedic.state.targets import Target, bucket_of

if TYPE_CHECKING:
    from paramedic.recovery.beside import Beside

_STATUS = {
    Step.DONE: Status.RECOVERED,
    Step.FAILED: Status.FAILED,
    Step.SUPERSEDED: Status.SUPERSEDED,
}


AFTER_DOWNTIME = timedelta(minutes=10)
"""A controller found down this soon after its planned downtime was off because of it."""

SWEEP_SECONDS = 60.0
"""No further recovery is begun after this; what is left comes first in the next sweep."""

PAGED = (Reason.BLOCKED, Reason.HELD, Reason.NO_PROFILE)
"""Refusals that leave a dead controller to people."""


NO_EPOCH = "it has no epoch: controllers get theirs at their first start, other targets when they are guarded"


def on_failure(event: HealthEvent, around: Surroundings) -> Reply:
    """A check found a target bad. The finding is only a hint: everything is read again.

    Raises:
        InvalidInputError: the event's tick lies in the future.
        StateUnreachableError: DynamoDB did not answer; the queue delivers the event again.
    """
    now = from_iso(event.tick)
    require_due(now, around.clock.now(), "detail.tick")
    target = Target.read(bucket_of(event.target_id), event.target_id)
    if target is None:
        return refused_reply(event.target_id, "it is not registered any more")
    if target.bad is None or target.bad.verdict == Verdict.HEALTHY:
        return refused_reply(event.target_id, "it has recovered meanwhile")
    opener = Opener(
        actor="health_check",
        reason=_reason(event, target, now),
        now=now,
        manual=False,
        detected_at=event.decided_at,
    )
    return recover(target, opener, around)


def sweep(around: Surroundings) -> list[Reply]:
    """Take every unfinished recovery further, whoever began it, the one left alone longest first.

    Raises:
        StateUnreachableError: DynamoDB did not answer; the next sweep goes on.
    """
    replies = []
    until = around.clock.monotonic() + SWEEP_SECONDS
    found = [_looked_up(target_id, epoch) for target_id, epoch in open_recoveries()]
    unread = [reply for reply in found if isinstance(reply, Reply)]
    waiting = [recovery for recovery in found if isinstance(recovery, Recovery)]
    for recovery in sorted(waiting, key=lambda row: row.moved_at or ""):
        if around.clock.monotonic() >= until:
            break
        replies.append(_sweep_one(recovery, around))
    return [*unread, *replies]


def _looked_up(target_id: str, epoch: int) -> Recovery | Reply:
    try:
        return records.read_recovery(target_id, epoch)
    except ParamedicError as error:
        return Reply(status=Status.FAILED, message=str(error), target=target_id, epoch=epoch)


def _sweep_one(recovery: Recovery, around: Surroundings) -> Reply:
    try:
        return _resume(recovery, around)
    except ParamedicError as error:
        # One recovery that cannot be taken further must not keep the others from being finished.
        target_id, epoch = str(recovery.target_id), int(recovery.epoch)
        return Reply(status=Status.FAILED, message=f"{target_id}: {error}", target=target_id, epoch=epoch)


def recover(target: Target, opener: Opener, around: Surroundings) -> Reply:
    """Take the target's open recovery further, or open one if the gate lets it.

    Raises:
        StateUnreachableError: DynamoDB did not answer.
    """
    current = read_epoch(target)
    if current is None:
        return refused_reply(str(target.target_id), NO_EPOCH)
    previous = Recovery.read(target.target_id, int(current.epoch))
    if previous is not None and records.is_open(previous):
        return _go_on(previous, opener, around)
    return _open(target, current, previous, opener, around)


def _go_on(recovery: Recovery, opener: Opener, around: Surroundings) -> Reply:
    wished = opener.manual and not opener.drill
    return _resume_as_wished(recovery, opener, around) if wished else _resume(recovery, around)


def _open(
    target: Target, current: ControllerEpoch, previous: Recovery | None, opener: Opener, around: Surroundings
) -> Reply:
    case = read_case(target, current, previous, opener, around)
    refused = refuse(case, around.clock.now(), _beside(case, around))
    if refused is not None:
        return _remember(case, refused, around)
    try:
        epoch = open_recovery(case, around)
    except EpochMovedError as error:
        theirs = records.read_open(str(target.target_id), int(current.epoch) + 1)
        if theirs is not None and opener.word:
            return _go_on(theirs, opener, around)
        return Reply(status=Status.RECOVERING, message=f"someone else was first: {error}", target=target.target_id)
    return _resume(records.read_recovery(str(target.target_id), epoch), around)


def _beside(case: Case, around: Surroundings) -> "Beside | None":
    if case.opener.manual:
        # Whoever asks by hand has looked for what the targets share.
        return None
    from paramedic.recovery.beside import look_beside

    return look_beside(case.target, case.previous, around)


def _resume(recovery: Recovery, around: Surroundings) -> Reply:
    try:
        return _reply(drive(recovery, around))
    except records.LostStepError as error:
        return _left_to_others(recovery, str(error))


def _resume_as_wished(recovery: Recovery, opener: Opener, around: Surroundings) -> Reply:
    """Take it further as a person wants, who is told when that was of no use or comes to it only later."""
    if records.step_of(recovery) is not Step.STOP:
        reply = _resume(recovery, around)
        unneeded = "; that its predecessor is gone was seen already, so your word for it was not needed"
        return reply.model_copy(update={"message": reply.message + unneeded}) if opener.word else reply
    if not opener.word and recovery.story.manual and not recovery.story.drill:
        return _resume(recovery, around)
    try:
        records.ask(recovery, Wish(actor=opener.actor, reason=opener.reason, word=opener.word), around)
    except records.LostStepError as error:
        return _left_to_others(recovery, f"{error}, and what you asked for is not kept: look, and ask again")
    try:
        return _reply(drive(records.read_recovery(str(recovery.target_id), int(recovery.epoch)), around))
    except records.LostStepError as error:
        return _left_to_others(recovery, f"{error}; what you asked for is kept with it, and done within a minute")


def _left_to_others(recovery: Recovery, why: str) -> Reply:
    return Reply(status=Status.RECOVERING, message=why, target=recovery.target_id, epoch=int(recovery.epoch))


def _remember(case: Case, refused: Refusal, around: Surroundings) -> Reply:
    if case.opener.drill:
        # Nothing is down that people would have to hear of.
        return refused_reply(str(case.target.target_id), refused.sentence())
    if refused.reason in PROPOSED:
        propose_instead(case, refused, around)
    elif refused.reason is not Reason.NOT_DOWN and refusal_is_news(case, refused):
        # Told first and noted second: twice rather than never.
        paged = refused.reason not in PAGED or around.page(
            f"{case.target.target_id} is down and not being recovered", refused.sentence()
        )
        if paged:
            remember_refusal(case, refused, around)
    return refused_reply(str(case.target.target_id), refused.sentence())


def _reason(event: HealthEvent, target: Target, now: datetime) -> str:
    """Why a recovery is wanted; right after a downtime that is the reason, whatever the finding."""
    ended = None if target.downtime is None else target.downtime.until
    if ended is None or not timedelta(0) <= now - ended < AFTER_DOWNTIME:
        return event.sentence
    return f"downtime: it ended at {to_iso(ended)}; {event.sentence}"


def refused_reply(target_id: str, why: str) -> Reply:
    """The answer that nothing was done, and why."""
    return Reply(status=Status.REFUSED, message=f"{target_id}: {why}", target=target_id)


def _reply(recovery: Recovery) -> Reply:
    last = recovery.story.entries[-1].text if recovery.story.entries else "just opened"
    return Reply(
        status=_STATUS.get(records.step_of(recovery), Status.RECOVERING),
        message=f"{recovery.target_id} epoch {recovery.epoch}, {recovery.step}: {last}",
        target=recovery.target_id,
        epoch=int(recovery.epoch),
    )
