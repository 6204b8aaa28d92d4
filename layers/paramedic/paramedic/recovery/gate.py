"""Whether a recovery may be opened now. Pure: a table of the safety rules, each refusal with the way to lift it."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from paramedic.recovery.incident_rules import Blocked, IncidentState, NotYet, may_attempt
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.targets import TargetMode

SURELY_DEAD_AT_A_TIME = 3
"""Recoveries under way at once in a mass failure."""


class Finding(StrEnum):
    """What the evidence, gathered afresh, amounts to."""

    DEAD = "dead"
    HUNG = "hung"
    ALIVE = "alive"
    UNCLEAR = "unclear"


SURELY_BAD = frozenset({Finding.DEAD, Finding.HUNG})
"""Findings on which anything is relaunched, whoever asks."""

SEEN_CLEARLY = SURELY_BAD | {Finding.ALIVE}
"""What a person's wish for a successor is enough for."""


class Evidence(BaseModel):
    """`text` says what was seen, in one sentence."""

    model_config = ConfigDict(frozen=True)

    finding: Finding
    text: str


class GateInput(BaseModel):
    """All that the gate looks at. `now` is a scheduled tick time, or the request's time when a person asks.

    `held` is what holds the target, `trouble` what would keep a healthy one's successor from taking its place,
    `no_drill` what forbids the drill that is asked for; each is empty where there is no such thing. `accepts` are the
    findings that let whoever asks through. `approved`: this very plan was. `downtime` is the planned one in effect.
    `mass_failure` says how many targets went bad together, or is empty. Of other targets' recoveries `others_open` are
    open, and of these `others_moving` wait for nobody; the stack has `most_open` of those at once. Until `starts_until`
    its first start may take.
    """

    model_config = ConfigDict(frozen=True)

    now: datetime
    manual: bool
    held: str = ""
    accepts: frozenset[Finding] = SURELY_BAD
    trouble: str = ""
    approved: bool = False
    no_drill: str = ""
    mode: TargetMode
    paused: bool
    downtime: PlannedPeriod | None
    profile: str | None
    evidence: Evidence
    incident: IncidentState
    mass_failure: str = ""
    others_open: int = 0
    others_moving: int = 0
    most_open: int = 1
    starts_until: datetime | None = None


class Reason(StrEnum):
    """Why a recovery was refused."""

    HELD = "held"
    NO_PROFILE = "no_profile"
    NOT_DOWN = "not_down"
    UNCLEAR = "unclear"
    TROUBLE = "trouble"
    PAUSED = "paused"
    DOWNTIME = "downtime"
    OBSERVE = "observe"
    ASK = "ask"
    NO_DRILL = "no_drill"
    STARTING = "starting"
    MASS_FAILURE = "mass_failure"
    STACK_LIMIT = "stack_limit"
    BACK_OFF = "back_off"
    BLOCKED = "blocked"


class Refusal(BaseModel):
    """`lift` says what would let a recovery through."""

    model_config = ConfigDict(frozen=True)

    reason: Reason
    text: str
    lift: str

    def sentence(self) -> str:
        """Reason and remedy in one line."""
        return f"{self.text}; {self.lift}"


def refusal(given: GateInput) -> Refusal | None:
    """Why no recovery may be opened, or None when one may. The first rule that refuses speaks."""
    for rule in (_held, _profile, _drill, _evidence, _trouble, _by_itself):
        found = rule(given)
        if found is not None:
            return found
    return None


def _held(given: GateInput) -> Refusal | None:
    if not given.held:
        return None
    return Refusal(reason=Reason.HELD, text=given.held, lift="release it, or make it readable")


def _profile(given: GateInput) -> Refusal | None:
    if given.profile:
        return None
    text = "the target has no launcher profile"
    return Refusal(reason=Reason.NO_PROFILE, text=text, lift="register it with a profile of the stack")


def _drill(given: GateInput) -> Refusal | None:
    if not given.no_drill:
        return None
    return Refusal(reason=Reason.NO_DRILL, text=given.no_drill, lift="wait for its window, or change that")


def _evidence(given: GateInput) -> Refusal | None:
    if given.evidence.finding in given.accepts:
        return None
    if given.evidence.finding is Finding.ALIVE:
        text = f"it is not down: {given.evidence.text}"
        return Refusal(reason=Reason.NOT_DOWN, text=text, lift="nothing needs recovering")
    if given.evidence.finding in SURELY_BAD:
        text = f"it is down already: {given.evidence.text}"
        return Refusal(reason=Reason.NO_DRILL, text=text, lift="recover it; drills are for what is well")
    text = f"the evidence is not enough: {given.evidence.text}"
    lift = "look at its host, or force it" if given.manual else "it is looked at again every minute"
    return Refusal(reason=Reason.UNCLEAR, text=text, lift=lift)


def _trouble(given: GateInput) -> Refusal | None:
    if not given.trouble:
        return None
    return Refusal(reason=Reason.TROUBLE, text=given.trouble, lift="it is left running; mend that first")


def _by_itself(given: GateInput) -> Refusal | None:
    if given.manual:
        return None
    if given.paused:
        return Refusal(reason=Reason.PAUSED, text="the target is paused", lift="resume it, or recover by hand")
    if given.downtime is not None:
        text = f"it is in planned downtime until {given.downtime.until:%Y-%m-%d %H:%M:%SZ}"
        return Refusal(reason=Reason.DOWNTIME, text=text, lift="remove the window, or recover by hand")
    # Last, so that nothing is proposed or asked that another rule would refuse.
    return _starting(given) or _mass_failure(given) or _stack_limit(given) or _flapping(given) or _mode(given)


def _starting(given: GateInput) -> Refusal | None:
    if given.starts_until is None or given.now >= given.starts_until:
        return None
    text = f"it has never been well yet, and may be starting until {given.starts_until:%H:%M:%SZ}"
    return Refusal(reason=Reason.STARTING, text=text, lift="wait, or recover by hand")


def _mode(given: GateInput) -> Refusal | None:
    if given.mode is TargetMode.OBSERVE:
        text = f"mode is observe; would have relaunched at {given.now:%Y-%m-%d %H:%MZ} because {given.evidence.text}"
        return Refusal(reason=Reason.OBSERVE, text=text, lift="set the mode to auto, or recover by hand")
    if given.mode is TargetMode.ASK and not given.approved:
        text = f"mode is ask; would relaunch because {given.evidence.text}"
        return Refusal(reason=Reason.ASK, text=text, lift="approve the plan that people were sent, or recover by hand")
    return None


def _mass_failure(given: GateInput) -> Refusal | None:
    if not given.mass_failure:
        return None
    if given.evidence.finding is not Finding.DEAD:
        text = f"mass failure suspected: {given.mass_failure}"
        lift = "find what they share; it is looked at again once fewer are bad, or recover by hand"
        return Refusal(reason=Reason.MASS_FAILURE, text=text, lift=lift)
    if given.others_open >= SURELY_DEAD_AT_A_TIME:
        text = f"mass failure suspected, and {given.others_open} recoveries are under way"
        lift = "it has its turn once one of them is done, or recover by hand"
        return Refusal(reason=Reason.MASS_FAILURE, text=text, lift=lift)
    return None


def _stack_limit(given: GateInput) -> Refusal | None:
    if given.others_moving < given.most_open:
        return None
    text = f"{given.others_moving} recoveries are under way, as many as this stack has at once"
    lift = "it has its turn once one of them is done; raise MostOpenRecoveries, or recover by hand"
    return Refusal(reason=Reason.STACK_LIMIT, text=text, lift=lift)


def _flapping(given: GateInput) -> Refusal | None:
    match may_attempt(given.incident, given.now):
        case NotYet(until=until):
            text = f"attempt {given.incident.attempts + 1} of this incident waits until {until:%H:%M:%SZ}"
            return Refusal(reason=Reason.BACK_OFF, text=text, lift="wait, or recover by hand")
        case Blocked(until=until):
            text = f"{given.incident.attempts} attempts did not end this incident; blocked until {until:%H:%M:%SZ}"
            lift = "once the cause is fixed, acknowledge it or recover by hand"
            return Refusal(reason=Reason.BLOCKED, text=text, lift=lift)
        case _:
            return None
