"""What is wrong with a target, and whether a relaunch cures it: a table, written as a function.

No relaunch on one signal. A moving heartbeat proves life, whatever the probe says; silence without the word of the
host is never enough.
"""

from dataclasses import dataclass
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


class DiagnosisName(StrEnum):
    """What is wrong, in one word."""

    HEALTHY = "healthy"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    FAILING = "failing"
    SUSPECT = "suspect"
    HUNG = "hung"
    DEAD = "dead"
    STALE_CONTROLLER = "stale_controller"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How loudly people should hear of it."""

    NONE = "none"
    WARNING = "warning"
    PAGE = "page"


@dataclass(frozen=True)
class Symptoms:
    """What was observed. `timeouts_seconds`: how long timeouts with a still heartbeat have lasted, in tick time."""

    outcome: OutcomeKind
    heartbeat: Heartbeat
    timeouts_seconds: float = 0.0


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
    "Times out and its heartbeat stands still: hung if this lasts.",
)
HUNG = Diagnosis(
    DiagnosisName.HUNG,
    Verdict.DOWN,
    Severity.PAGE,
    "Has timed out for too long while its heartbeat stands still: hung. A relaunch cures it if its host confirms that.",
    cures=True,
    needs_host_signal=True,
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

_ANSWERED = (OutcomeKind.STATUS, OutcomeKind.PROTOCOL, OutcomeKind.TLS)
_STRAINED = (OutcomeKind.TIMEOUT, OutcomeKind.RESET, OutcomeKind.STATUS)


def diagnose(symptoms: Symptoms, hung_after_seconds: float) -> Diagnosis:
    """What `symptoms` mean. Timeouts become *hung* only after `hung_after_seconds` of them."""
    match verdict_of(symptoms.outcome):
        case Verdict.HEALTHY:
            return HEALTHY
        case Verdict.UNKNOWN:
            return NOT_PROBED
    match symptoms.heartbeat:
        case Heartbeat.UNKNOWN:
            return HEARTBEAT_UNREADABLE
        case Heartbeat.NOT_APPLICABLE:
            return URL_FAILING if symptoms.outcome in _ANSWERED else URL_UNREACHABLE
        case Heartbeat.MOVING:
            return BUSY if symptoms.outcome in _STRAINED else CUT_OFF
        case Heartbeat.STALE | Heartbeat.NONE:
            return _without_heartbeat(symptoms, hung_after_seconds)


def _without_heartbeat(symptoms: Symptoms, hung_after_seconds: float) -> Diagnosis:
    match symptoms.outcome:
        case OutcomeKind.REFUSED:
            return DEAD
        case OutcomeKind.TIMEOUT:
            return HUNG if symptoms.timeouts_seconds >= hung_after_seconds else SUSPECT
        case _:
            return STALE_CONTROLLER
