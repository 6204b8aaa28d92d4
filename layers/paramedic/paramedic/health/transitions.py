"""From what was recorded of a target and what is seen now to what is recorded next and who is told.

Pure and level-triggered: the same observation twice changes nothing the second time, and an older tick never undoes
a newer one. Unknown announces nothing and starts every count anew.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from paramedic.clock import from_iso, to_iso
from paramedic.health.diagnosis import Diagnosis, DiagnosisName, Heartbeat, HostCheck, Severity, Symptoms, diagnose
from paramedic.health.flapping import is_flapping, recovery_waits, with_another
from paramedic.health.gateway_diagnosis import Routes, diagnose_gateway
from paramedic.health.heartbeat_watch import HeartbeatReading
from paramedic.health.outcomes import LONGEST_DETAIL, OutcomeKind, ProbeOutcome
from paramedic.health.ticks import UNBROKEN_WITHIN
from paramedic.health.verdict import Verdict
from paramedic.state.targets import BadPeriod, Beginnings


class DetailType(StrEnum):
    """What the bus is told."""

    CONTROLLER_FAILED = "Controller Failed"
    GATEWAY_REPLICA_FAILED = "Gateway Replica Failed"
    TARGET_DOWN = "Target Down"
    TARGET_RECOVERED = "Target Recovered"
    MASS_FAILURE_SUSPECTED = "Mass Failure Suspected"
    MASS_FAILURE_OVER = "Mass Failure Over"


class Notice(StrEnum):
    """What people are told by an event: that something needs them, and that it does no more. Once each in a bad period.

    What is recovered by itself says so by its recovery.
    """

    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True)
class Observation:
    """One target at one scheduled tick; `host_check` is what its own host says of it, if that was asked.

    `routes` is what was seen of a gateway replica's, None for other targets. `guarded`: it has no heartbeat and a
    launcher profile. `replaced`: it is a gateway replica that has one. `mass_failure`: it fails together with a large
    part of all targets.
    """

    tick: datetime
    outcome: ProbeOutcome
    heartbeat: HeartbeatReading
    host_check: HostCheck = HostCheck.UNKNOWN
    routes: Routes | None = None
    guarded: bool = False
    replaced: bool = False
    mass_failure: bool = False


@dataclass(frozen=True)
class Transition:
    """`bad` is what is to be stored (None: nothing), written only when `changed`; `announce` is published after it.

    `beginnings` is stored with it where another bad period begins.
    """

    diagnosis: Diagnosis
    bad: BadPeriod | None
    changed: bool = False
    announce: DetailType | None = None
    beginnings: Beginnings | None = None

    @property
    def notice(self) -> Notice | None:
        """What people are told by what is announced, if anything."""
        told_by = None if self.bad is None else self.bad.told_by
        if self.announce is DetailType.TARGET_RECOVERED and told_by is not None:
            return Notice.CLOSE
        # What needs a cure is announced at every tick; once that has reached the bus, people know.
        news = self.bad is not None and self.bad.unpublished is not None and self.bad.event_id == told_by
        return Notice.OPEN if news and self.announce is not None else None


def transition(
    recorded: BadPeriod | None,
    seen: Observation,
    *,
    hung_after_seconds: float,
    event_id: str,
    beginnings: Beginnings | None = None,
) -> Transition:
    """What follows from `seen`; `event_id` is used if there is something new to announce.

    `beginnings` is when earlier bad periods began, as far as that is stored.
    """
    timeouts_since = _timeouts_since(recorded, seen)
    lasted = (seen.tick - timeouts_since).total_seconds() if timeouts_since else 0.0
    diagnosis = _diagnosed(seen, lasted, hung_after_seconds)
    if recorded is not None and seen.tick < from_iso(recorded.last_tick):
        return Transition(diagnosis, recorded)
    match diagnosis.verdict:
        case Verdict.UNKNOWN:
            return _unknown(recorded, seen, diagnosis)
        case Verdict.HEALTHY:
            return _healthy(recorded, seen, diagnosis, event_id)
        case _:
            step = _bad(recorded, seen, diagnosis, event_id, timeouts_since)
            return step if _is_bad(recorded) else _begun(recorded, seen, step, beginnings)


def _diagnosed(seen: Observation, timeouts_seconds: float, hung_after_seconds: float) -> Diagnosis:
    symptoms = Symptoms(
        seen.outcome.kind,
        seen.heartbeat.state,
        timeouts_seconds,
        host_check=seen.host_check,
        guarded=seen.guarded,
        replaced=seen.replaced,
        mass_failure=seen.mass_failure,
    )
    if seen.routes is not None:
        return diagnose_gateway(symptoms, seen.routes, hung_after_seconds)
    return diagnose(symptoms, hung_after_seconds)


def _is_bad(recorded: BadPeriod | None) -> bool:
    return recorded is not None and recorded.verdict != Verdict.HEALTHY


def _begun(
    recorded: BadPeriod | None, seen: Observation, step: Transition, beginnings: Beginnings | None
) -> Transition:
    begun = with_another(beginnings, seen.tick)
    flapping = is_flapping(begun) or (recorded is not None and recorded.flapping)
    bad = None if step.bad is None else step.bad.model_copy(update={"flapping": flapping})
    return replace(step, bad=bad, beginnings=begun)


def _timeouts_since(recorded: BadPeriod | None, seen: Observation) -> datetime | None:
    still = seen.heartbeat.state in (Heartbeat.STALE, Heartbeat.NONE) or seen.guarded
    if seen.outcome.kind is not OutcomeKind.TIMEOUT or not still:
        return None
    if recorded is None or recorded.timeouts_since is None:
        return seen.tick
    # A tick that nobody saw may have been answered, and a heartbeat that moved proves life: neither leaves a count.
    unbroken = seen.tick - from_iso(recorded.last_tick) <= UNBROKEN_WITHIN
    if unbroken and recorded.heartbeat_sequence == _stale_sequence(seen):
        return from_iso(recorded.timeouts_since)
    return seen.tick


def _stale_sequence(seen: Observation) -> int | None:
    """Where the heartbeat was seen to stand still; one that moves stands nowhere."""
    return seen.heartbeat.sequence if seen.heartbeat.state is Heartbeat.STALE else None


def _unknown(recorded: BadPeriod | None, seen: Observation, diagnosis: Diagnosis) -> Transition:
    if recorded is None or recorded.timeouts_since is None:
        return Transition(diagnosis, recorded)
    counted_anew = {
        "verdict": Verdict.SUSPECT.value,
        "diagnosis": DiagnosisName.SUSPECT.value,
        "last_tick": to_iso(seen.tick),
        "timeouts_since": None,
        "heartbeat_sequence": None,
        "unpublished": None,
        "told_by": _told_by(recorded),
    }
    return Transition(diagnosis, recorded.model_copy(update=counted_anew), changed=True)


def _healthy(recorded: BadPeriod | None, seen: Observation, diagnosis: Diagnosis, event_id: str) -> Transition:
    if recorded is None:
        return Transition(diagnosis, None)
    waits = recovery_waits(recorded, seen.tick)
    if recorded.verdict == Verdict.HEALTHY and recorded.unpublished:
        return Transition(diagnosis, recorded, announce=None if waits else DetailType.TARGET_RECOVERED)
    if recorded.verdict == Verdict.HEALTHY or not recorded.event_id:
        return Transition(diagnosis, None, changed=True)
    announce = DetailType.TARGET_RECOVERED
    bad = _period(seen, diagnosis, event_id, announce, since=recorded.since)
    bad = bad.model_copy(update={"told_by": recorded.told_by, "flapping": recorded.flapping})
    return Transition(diagnosis, bad, changed=True, announce=None if waits else announce)


def _bad(
    recorded: BadPeriod | None,
    seen: Observation,
    diagnosis: Diagnosis,
    event_id: str,
    timeouts_since: datetime | None,
) -> Transition:
    announce = _announcement(diagnosis, seen)
    if recorded is not None and recorded.diagnosis == diagnosis.name:
        return _still_bad(recorded, seen, diagnosis, announce, timeouts_since)
    bad = _period(
        seen,
        diagnosis,
        # Keeping the id of the last announcement, the row knows that recovery must be announced too.
        event_id if announce else (recorded.event_id if recorded else ""),
        announce,
        since=recorded.since if recorded and _is_bad(recorded) else to_iso(seen.tick),
    )
    told = _told_by(recorded)
    anew = {
        "timeouts_since": to_iso(timeouts_since) if timeouts_since else None,
        "told_by": event_id if told is None and _needs_people(diagnosis, announce) else told,
        "flapping": recorded is not None and recorded.flapping,
    }
    return Transition(diagnosis, bad.model_copy(update=anew), changed=True, announce=announce)


def _told_by(recorded: BadPeriod | None) -> str | None:
    """The event by which people know; not one that may never have reached them."""
    if recorded is None or (recorded.unpublished is not None and recorded.event_id == recorded.told_by):
        return None
    return recorded.told_by


def _needs_people(diagnosis: Diagnosis, announce: DetailType | None) -> bool:
    # Controllers are told of by their recovery, and of a mass failure people hear once, not of each target in it.
    elsewhere = announce is DetailType.CONTROLLER_FAILED or diagnosis.name is DiagnosisName.MASS_FAILURE
    return announce is not None and diagnosis.severity is Severity.PAGE and not elsewhere


def _still_bad(
    recorded: BadPeriod,
    seen: Observation,
    diagnosis: Diagnosis,
    announce: DetailType | None,
    timeouts_since: datetime | None,
) -> Transition:
    # What needs a cure is announced at every tick: a lost event must not lose the recovery.
    due = diagnosis.cures or recorded.unpublished is not None
    bad = _seen_again(recorded, seen, timeouts_since)
    return Transition(diagnosis, bad, changed=bad != recorded, announce=announce if due else None)


def _seen_again(recorded: BadPeriod, seen: Observation, timeouts_since: datetime | None) -> BadPeriod:
    sequence = _stale_sequence(seen)
    if timeouts_since is None and sequence == recorded.heartbeat_sequence:
        return recorded
    # Each tick of a run of timeouts is recorded, or one that nobody saw would count as a timeout. And one that lived
    # between two ticks and stopped again is recorded with the sequence it stopped at: recovery compares with that.
    anew = {
        "heartbeat_sequence": sequence,
        "last_tick": to_iso(seen.tick),
        "timeouts_since": to_iso(timeouts_since) if timeouts_since else None,
    }
    return recorded.model_copy(update=anew)


def _announcement(diagnosis: Diagnosis, seen: Observation) -> DetailType | None:
    if diagnosis.name is DiagnosisName.SUSPECT:
        return None
    by_itself = diagnosis.name is not DiagnosisName.MASS_FAILURE
    if seen.routes is not None and diagnosis.severity is Severity.PAGE and by_itself:
        return DetailType.GATEWAY_REPLICA_FAILED
    is_controller = diagnosis.cures and not seen.guarded
    return DetailType.CONTROLLER_FAILED if is_controller else DetailType.TARGET_DOWN


def _period(
    seen: Observation, diagnosis: Diagnosis, event_id: str, announce: DetailType | None, *, since: str
) -> BadPeriod:
    return BadPeriod(
        verdict=diagnosis.verdict,
        diagnosis=diagnosis.name,
        since=since,
        last_tick=to_iso(seen.tick),
        heartbeat_sequence=_stale_sequence(seen),
        outcome=seen.outcome.kind,
        detail=seen.outcome.detail[:LONGEST_DETAIL],
        event_id=event_id,
        unpublished=announce,
    )
