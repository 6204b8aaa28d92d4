"""What is wrong with a target, and whether a relaunch cures it: a table, written as a function.

No relaunch on one signal. A moving heartbeat proves life, whatever the probe says; silence without the word of the
host is never enough.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from paramedic.health.outcomes import OutcomeKind
from paramedic.health.verdict import Verdict, verdict_of


class Heartbeat(StrEnum):
    """What two readings of a heartbeat say. `NONE` is a controller that never beat; `UNKNOWN` is our own trouble."""

    MOVING = "moving"
    STALE = "stale"
    NONE = "none"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Process(StrEnum):
    """What its host or launcher says of the target's process. `STOPPED` is there but suspended or without progress."""

    RUNNING = "running"
    STOPPED = "stopped"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class HostCheck(StrEnum):
    """What the same check says when it is made on the target's own host."""

    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "unknown"


class DiagnosisName(StrEnum):
    """What is wrong, in one word."""

    HEALTHY = "healthy"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    FAILING = "failing"
    SILENT = "silent"
    SUSPECT = "suspect"
    HUNG = "hung"
    DEAD = "dead"
    ROUTES_LOST = "routes_lost"
    AGENT_DEAD = "agent_dead"
    STALE_CONTROLLER = "stale_controller"
    MASS_FAILURE = "mass_failure"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How loudly people should hear of it."""

    NONE = "none"
    WARNING = "warning"
    PAGE = "page"


@dataclass(frozen=True)
class Symptoms:
    """What was observed; what nobody looked at is unknown.

    `timeouts_seconds`: how long timeouts with a still heartbeat, or none, have lasted, in tick time. `guarded`: it has
    no heartbeat and a launcher profile. `replaced`: a gateway replica with a profile, which something replaces.
    `mass_failure`: a large part of the whole table is bad. `downtime`: it is off
    on purpose. `recovering`: a recovery of it is under way.
    """

    outcome: OutcomeKind
    heartbeat: Heartbeat
    timeouts_seconds: float = 0.0
    process: Process = Process.UNKNOWN
    host_check: HostCheck = HostCheck.UNKNOWN
    guarded: bool = False
    replaced: bool = False
    mass_failure: bool = False
    downtime: bool = False
    recovering: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """`cures`: a relaunch is the cure, provided recovery also gets a host signal where `needs_host_signal`."""

    name: DiagnosisName
    verdict: Verdict
    severity: Severity
    sentence: str
    cures: bool = False
    needs_host_signal: bool = False


HEALTHY = Diagnosis(DiagnosisName.HEALTHY, Verdict.HEALTHY, Severity.NONE, "Answers as expected.")
NOT_PROBED = Diagnosis(
    DiagnosisName.UNKNOWN, Verdict.UNKNOWN, Severity.NONE, "Could not be probed; nothing is known about it."
)
HEARTBEAT_UNREADABLE = Diagnosis(
    DiagnosisName.UNKNOWN,
    Verdict.UNKNOWN,
    Severity.NONE,
    "Fails its probe, but its heartbeat could not be read; observation starts again.",
)
BUSY = Diagnosis(
    DiagnosisName.BUSY,
    Verdict.SUSPECT,
    Severity.WARNING,
    "Answers too late or not well, but its heartbeat moves: busy. A relaunch would only lose its work.",
)
CUT_OFF = Diagnosis(
    DiagnosisName.UNREACHABLE,
    Verdict.SUSPECT,
    Severity.WARNING,
    "Cannot be reached, but its heartbeat moves: look at the network, its address and its port.",
)
DEAD = Diagnosis(
    DiagnosisName.DEAD,
    Verdict.DOWN,
    Severity.PAGE,
    "Refuses connections and its heartbeat stands still: the process is gone. A relaunch cures it.",
    cures=True,
)
SUSPECT = Diagnosis(
    DiagnosisName.SUSPECT,
    Verdict.SUSPECT,
    Severity.WARNING,
    "Times out and shows no other sign of life: hung if this lasts.",
)
HUNG = Diagnosis(
    DiagnosisName.HUNG,
    Verdict.DOWN,
    Severity.PAGE,
    "Has timed out for too long while its heartbeat stands still: hung. A relaunch cures it if its host confirms that.",
    cures=True,
    needs_host_signal=True,
)
HUNG_BY_ITS_HOST = Diagnosis(
    DiagnosisName.HUNG,
    Verdict.DOWN,
    Severity.PAGE,
    "Has timed out for too long, and its host says that it makes no progress: hung. A relaunch cures it.",
    cures=True,
)
GONE = Diagnosis(
    DiagnosisName.DEAD,
    Verdict.DOWN,
    Severity.PAGE,
    "Cannot be reached and its host says that its process is gone. A relaunch cures it.",
    cures=True,
)
WORKING = Diagnosis(
    DiagnosisName.BUSY,
    Verdict.SUSPECT,
    Severity.WARNING,
    "Answers too late or not well, but its host sees its process at work: busy. A relaunch would only lose its work.",
)
WELL_ON_ITS_HOST = Diagnosis(
    DiagnosisName.UNREACHABLE,
    Verdict.SUSPECT,
    Severity.PAGE,
    "Answers on its own host and nowhere else: look at the network between, its address and its port.",
)
MASS_FAILURE = Diagnosis(
    DiagnosisName.MASS_FAILURE,
    Verdict.SUSPECT,
    Severity.PAGE,
    "Fails together with a large part of all targets: look for what they share. Only what is dead is relaunched.",
)
STALE_CONTROLLER = Diagnosis(
    DiagnosisName.STALE_CONTROLLER,
    Verdict.SUSPECT,
    Severity.PAGE,
    "Something answers at its address, but badly, and its heartbeat stands still: a person must look.",
)
URL_UNREACHABLE = Diagnosis(
    DiagnosisName.UNREACHABLE, Verdict.DOWN, Severity.PAGE, "Cannot be reached; there is no profile to relaunch it by."
)
URL_FAILING = Diagnosis(
    DiagnosisName.FAILING, Verdict.DOWN, Severity.PAGE, "Answers, but not as expected; there is no profile for it."
)
GUARDED_UNREACHABLE = Diagnosis(
    DiagnosisName.UNREACHABLE,
    Verdict.DOWN,
    Severity.PAGE,
    "Cannot be reached. A relaunch cures it if its host shows that nothing runs in its place.",
    cures=True,
    needs_host_signal=True,
)
GUARDED_FAILING = Diagnosis(
    DiagnosisName.FAILING,
    Verdict.DOWN,
    Severity.PAGE,
    "Answers, but not as expected. A relaunch cures it if its host shows that nothing runs in its place.",
    cures=True,
    needs_host_signal=True,
)
GUARDED_HUNG = Diagnosis(
    DiagnosisName.HUNG,
    Verdict.DOWN,
    Severity.PAGE,
    "Has timed out for too long. A relaunch cures it if its host shows that it is gone, suspended or without progress.",
    cures=True,
    needs_host_signal=True,
)
SILENT = Diagnosis(
    DiagnosisName.SILENT,
    Verdict.DOWN,
    Severity.PAGE,
    "Has not reported in time; there is no profile to relaunch it by.",
)
FAILING_BY_ITS_OWN_WORD = Diagnosis(
    DiagnosisName.FAILING,
    Verdict.DOWN,
    Severity.PAGE,
    "By its own word or that of its host it is not well; there is no profile to relaunch it by.",
)
FAILING_ON_ITS_HOST = Diagnosis(
    DiagnosisName.FAILING,
    Verdict.DOWN,
    Severity.PAGE,
    "Times out, and fails on its own host as well: look at it there. There is no profile to relaunch it by.",
)

_ANSWERED = (OutcomeKind.STATUS, OutcomeKind.CONDITION, OutcomeKind.PROTOCOL, OutcomeKind.TLS)
_SAID_WHERE_IT_RUNS = (OutcomeKind.SILENT, OutcomeKind.FAILED)
_STRAINED = (OutcomeKind.TIMEOUT, OutcomeKind.RESET, OutcomeKind.STATUS, OutcomeKind.CONDITION)


def diagnose(symptoms: Symptoms, hung_after_seconds: float) -> Diagnosis:
    """What `symptoms` mean. Timeouts become *hung* only after `hung_after_seconds` of them."""
    return settled(_diagnosed(symptoms, hung_after_seconds), symptoms)


def settled(found: Diagnosis, symptoms: Symptoms) -> Diagnosis:
    """What was found of one target, in the light of all others and of what is planned."""
    if symptoms.mass_failure and found.verdict is Verdict.DOWN and found.name is not DiagnosisName.DEAD:
        found = MASS_FAILURE
    if symptoms.downtime or symptoms.recovering:
        return replace(found, severity=Severity.NONE, cures=False, needs_host_signal=False)
    return found


def _diagnosed(symptoms: Symptoms, hung_after_seconds: float) -> Diagnosis:
    match verdict_of(symptoms.outcome):
        case Verdict.HEALTHY:
            return HEALTHY
        case Verdict.UNKNOWN:
            return NOT_PROBED
    match symptoms.heartbeat:
        case Heartbeat.UNKNOWN:
            return HEARTBEAT_UNREADABLE
        case Heartbeat.MOVING:
            return BUSY if symptoms.outcome in _STRAINED else CUT_OFF
        case Heartbeat.NOT_APPLICABLE:
            return _never_beating(symptoms, hung_after_seconds)
        case Heartbeat.STALE | Heartbeat.NONE:
            return _not_beating(symptoms, hung_after_seconds)


def _never_beating(symptoms: Symptoms, hung_after_seconds: float) -> Diagnosis:
    if symptoms.process is Process.RUNNING and symptoms.outcome in _STRAINED:
        return WORKING
    if symptoms.outcome is OutcomeKind.SILENT:
        return SILENT
    if symptoms.outcome is OutcomeKind.FAILED:
        return FAILING_BY_ITS_OWN_WORD
    if symptoms.guarded:
        return _by_its_host(symptoms, hung_after_seconds) or _guarded(symptoms, hung_after_seconds)
    fails_there = symptoms.host_check is HostCheck.FAILS and symptoms.process is Process.UNKNOWN
    if fails_there and symptoms.outcome is OutcomeKind.TIMEOUT:
        return FAILING_ON_ITS_HOST
    plain = URL_FAILING if symptoms.outcome in _ANSWERED else URL_UNREACHABLE
    return _by_its_host(symptoms, hung_after_seconds) or plain


def _guarded(symptoms: Symptoms, hung_after_seconds: float) -> Diagnosis:
    if symptoms.outcome is OutcomeKind.TIMEOUT:
        return GUARDED_HUNG if symptoms.timeouts_seconds >= hung_after_seconds else SUSPECT
    return GUARDED_FAILING if symptoms.outcome in _ANSWERED else GUARDED_UNREACHABLE


def _not_beating(symptoms: Symptoms, hung_after_seconds: float) -> Diagnosis:
    if symptoms.outcome is OutcomeKind.REFUSED and symptoms.host_check is not HostCheck.PASSES:
        return DEAD
    by_its_host = _by_its_host(symptoms, hung_after_seconds)
    if by_its_host is not None:
        return by_its_host
    if symptoms.outcome is not OutcomeKind.TIMEOUT:
        return STALE_CONTROLLER
    # A process that is seen to work is not hung, however long it is silent.
    lasted = symptoms.timeouts_seconds >= hung_after_seconds and symptoms.process is not Process.RUNNING
    return HUNG if lasted else SUSPECT


def _by_its_host(symptoms: Symptoms, hung_after_seconds: float) -> Diagnosis | None:
    """What the word of the host makes of a target without a moving heartbeat; None where it says nothing new."""
    if symptoms.outcome in (*_ANSWERED, *_SAID_WHERE_IT_RUNS):
        return None
    if symptoms.process is Process.ABSENT:
        return GONE
    if symptoms.host_check is HostCheck.PASSES:
        return WELL_ON_ITS_HOST
    stopped = symptoms.process is Process.STOPPED
    failing = symptoms.host_check is HostCheck.FAILS and symptoms.process is not Process.RUNNING
    if symptoms.outcome is not OutcomeKind.TIMEOUT or not (stopped or failing):
        return None
    return HUNG_BY_ITS_HOST if symptoms.timeouts_seconds >= hung_after_seconds else SUSPECT
