"""What people say about automation: hold it, release it, and acknowledge that an incident's cause was mended."""

from contextlib import suppress

from paramedic.clock import to_iso
from paramedic.errors import ParamedicError
from paramedic.recovery import records
from paramedic.recovery.by_hand import read_target
from paramedic.recovery.cases import read_incident
from paramedic.recovery.holds import Switch, SwitchReading, read_switch
from paramedic.recovery.incident_rules import Blocked, acknowledged, may_attempt
from paramedic.recovery.messages import EVERYTHING, Acknowledge, ByHand, Hold, Planned, Release, Reply, Status
from paramedic.recovery.recoverer import refused_reply
from paramedic.recovery.surroundings import Surroundings
from paramedic.state.incidents import CURRENT_ITEM, GLOBAL_TARGET, SWITCH_ITEM, HoldSwitch, Incident, SwitchState
from paramedic.state.recoveries import Step, open_recoveries
from paramedic.state.transactions import ConditionFailedError, Update, transact


def hold(request: Hold, around: Surroundings) -> Reply:
    """Have nothing stopped or launched for the target, or for any; whoever held it first stands as its holder.

    A call to a launcher that was begun before is not taken back; the answer names the recoveries that may be in one.

    Raises:
        UnknownTargetError: no such target.
        StateUnreachableError: DynamoDB did not answer; ask again.
    """
    reply = _turned(request, SwitchState.HOLD, around)
    if reply.status is not Status.DONE:
        return reply
    return reply.model_copy(update={"message": f"{reply.message}{_begun(request, around)}"})


def release(request: Release, around: Surroundings) -> Reply:
    """Let the target, or everything, be recovered again; what waits goes on within a minute.

    Raises:
        UnknownTargetError: no such target.
        StateUnreachableError: DynamoDB did not answer; ask again.
    """
    return _turned(request, SwitchState.RUN, around)


def acknowledge(request: Acknowledge, around: Surroundings) -> Reply:
    """Lift the block of a target's incident: automation has three attempts again.

    Raises:
        UnknownTargetError: no such target.
        StateUnreachableError: DynamoDB did not answer; ask again.
    """
    read_target(request.target)
    incident, now = read_incident(request.target), around.clock.now()
    blocked = None if incident is None else may_attempt(incident, now)
    if incident is None or not isinstance(blocked, Blocked) or now >= blocked.until:
        return refused_reply(request.target, "it is not blocked, so there is nothing to acknowledge")
    if request.dry_run:
        return _planned(request, f"would lift the block of {request.target} that lasts until {blocked.until:%H:%M:%SZ}")
    lifted = acknowledged(incident)
    actions = (
        Incident.attempts.set(lifted.attempts),
        Incident.acknowledged_by.set(request.actor),
        Incident.acknowledged_at.set(to_iso(now)),
        Incident.acknowledged_reason.set(request.reason),
    )
    as_read = (Incident.incident_id == incident.incident_id) & (Incident.attempts == incident.attempts)
    try:
        transact([Update(Incident(request.target, CURRENT_ITEM), actions, as_read)], around.clock)
    except ConditionFailedError:
        row = Incident.read(request.target, CURRENT_ITEM)
        # A write whose reply was lost looks refused when it is tried again.
        if row is None or (row.acknowledged_by, row.acknowledged_at) != (request.actor, to_iso(now)):
            return refused_reply(request.target, "somebody acknowledged it, or tried it, meanwhile: look again")
    return _done(request, f"{request.target} may be recovered by itself again; three attempts are counted anew")


def _key_of(request: Hold | Release) -> str:
    return GLOBAL_TARGET if request.target == EVERYTHING else str(read_target(request.target).target_id)


def _begun(request: Hold, around: Surroundings) -> str:
    """What was begun before the hold, in one phrase."""
    try:
        # From an index, so it may lag: what it lacks was opened a moment ago.
        found = [records.read_open(*named) for named in open_recoveries() if request.target in (EVERYTHING, named[0])]
    except ParamedicError as error:
        return f"; what was begun before cannot be told: {error}"
    busy = [row for row in found if row is not None and records.is_worked_on(row, around)]
    acting = [f"{row.target_id} (step {row.step})" for row in busy if records.step_of(row) is not Step.VERIFY]
    return f"; just now worked on, and may finish what it has begun: {', '.join(acting)}" if acting else ""


def _turned(request: Hold | Release, wanted: SwitchState, around: Surroundings) -> Reply:
    key = _key_of(request)
    seen = read_switch(key)
    if seen.state.value == wanted.value:
        return _done(request, _as_it_was(request, seen))
    if request.dry_run:
        return _planned(request, _would(request, seen))
    _write(key, wanted, request, around)
    now = read_switch(key)
    if now.state.value != wanted.value:
        text = f"{request.target} is {now.state.value} all the same ({now.by or 'a newer release wrote its row'})"
        return Reply(status=Status.FAILED, message=text, target=request.target)
    return _done(request, _as_it_is(request, now))


def _write(key: str, wanted: SwitchState, request: ByHand, around: Surroundings) -> None:
    actions = (
        HoldSwitch.state.set(wanted),
        HoldSwitch.actor.set(request.actor),
        HoldSwitch.reason.set(request.reason),
        HoldSwitch.changed_at.set(to_iso(around.clock.now())),
    )
    other = HoldSwitch.state.does_not_exist() | (HoldSwitch.state != wanted)
    # Whoever was quicker has done it: what is read next says so.
    with suppress(ConditionFailedError):
        transact([Update(HoldSwitch(key, SWITCH_ITEM), actions, other)], around.clock)


def _as_it_was(request: ByHand, seen: SwitchReading) -> str:
    if seen.state is Switch.HOLD:
        return f"{request.target} was held already ({seen.by})"
    return f"{request.target} is not held"


def _would(request: ByHand, seen: SwitchReading) -> str:
    if isinstance(request, Hold):
        return f"would hold {request.target}; no recovery of it would begin, stop or launch anything"
    return f"would release {request.target}, which is {seen.state.value} ({seen.by})"


def _as_it_is(request: ByHand, now: SwitchReading) -> str:
    if now.state is Switch.HOLD:
        return f"{request.target} is held ({now.by}) until `paramedic release {request.target}`"
    return f"{request.target} is released; what waited for that goes on within a minute"


def _done(request: ByHand, message: str) -> Reply:
    return Reply(status=Status.DONE, message=message, target=request.target)


def _planned(request: ByHand, message: str) -> Reply:
    return Planned(status=Status.PLANNED, message=f"{message}; nothing was changed", target=request.target)
