"""What is wrong with a gateway replica: a table of its own, for it has three signs of life.

Its health is the agent's word, which comes through Envoy. Its heartbeat is the agent's reports. Its routes are what
Envoy itself says to a request for a service.
"""

from dataclasses import replace
from enum import StrEnum

from paramedic.health.diagnosis import (
    HEALTHY,
    HEARTBEAT_UNREADABLE,
    NOT_PROBED,
    Diagnosis,
    DiagnosisName,
    Heartbeat,
    Severity,
    Symptoms,
    settled,
)
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.verdict import Verdict, verdict_of


class Routes(StrEnum):
    """Whether a gateway replica sends requests where it should. `NONE`: it serves nothing that could be tried.

    `LOST` is Envoy's own word that it has nowhere to send a request for a service whose replicas are ready; that no
    replica answers is no lost route. `UNKNOWN`: it should have been tried, and could not be.
    """

    PRESENT = "present"
    LOST = "lost"
    UNKNOWN = "unknown"
    NONE = "none"


ROUTES_LOST = Diagnosis(
    DiagnosisName.ROUTES_LOST,
    Verdict.DOWN,
    Severity.PAGE,
    "Answers, but has lost routes that it was told of: users do not reach services through it. Restart its agent.",
)
DEAD = Diagnosis(
    DiagnosisName.DEAD,
    Verdict.DOWN,
    Severity.PAGE,
    "Refuses connections and its agent reports nothing: it is gone. Start it again on its host.",
)
UNREACHABLE = Diagnosis(
    DiagnosisName.UNREACHABLE,
    Verdict.DOWN,
    Severity.PAGE,
    "Cannot be reached, though its agent reports: look at its Envoy, the network between, its address and its port.",
)
CUT_OFF = Diagnosis(
    DiagnosisName.UNREACHABLE,
    Verdict.DOWN,
    Severity.PAGE,
    "Cannot be reached, and its agent reports nothing: look at its host, its address and its port.",
)
HUNG = Diagnosis(
    DiagnosisName.HUNG,
    Verdict.DOWN,
    Severity.PAGE,
    "Has timed out for too long and its agent reports nothing: it is hung, or its host is gone.",
)
SILENT = Diagnosis(
    DiagnosisName.SUSPECT,
    Verdict.SUSPECT,
    Severity.WARNING,
    "Times out and its agent reports nothing: hung if this lasts.",
)
AGENT_DEAD = Diagnosis(
    DiagnosisName.AGENT_DEAD,
    Verdict.SUSPECT,
    Severity.PAGE,
    "Its Envoy serves on, but its agent is silent: changed routes do not reach it. Start its agent again.",
)
FAILING = Diagnosis(
    DiagnosisName.FAILING,
    Verdict.SUSPECT,
    Severity.PAGE,
    "Its agent reports, but says that it is not well: changed routes may not reach it. Restart its agent.",
)
BUSY = Diagnosis(
    DiagnosisName.BUSY,
    Verdict.SUSPECT,
    Severity.WARNING,
    "Its agent answers too late, but reports, and its Envoy serves: busy.",
)

_SAYS_SO = (OutcomeKind.STATUS, OutcomeKind.CONDITION)


CURED = frozenset({DiagnosisName.DEAD, DiagnosisName.HUNG, DiagnosisName.ROUTES_LOST, DiagnosisName.AGENT_DEAD})
"""What a relaunch cures, where something relaunches the replica: all but what lies outside it, or passes."""


def diagnose_gateway(symptoms: Symptoms, routes: Routes, hung_after_seconds: float) -> Diagnosis:
    """What `symptoms` and `routes` mean. Timeouts become *hung* only after `hung_after_seconds` of them."""
    found = _diagnosed(symptoms, routes, hung_after_seconds)
    if symptoms.replaced and found.name in CURED:
        found = replace(found, cures=True, needs_host_signal=found.name is DiagnosisName.HUNG)
    return settled(found, symptoms)


def _diagnosed(symptoms: Symptoms, routes: Routes, hung_after_seconds: float) -> Diagnosis:
    verdict = verdict_of(symptoms.outcome)
    if verdict is Verdict.UNKNOWN:
        return NOT_PROBED
    # Whatever its agent says: users get nowhere.
    if routes is Routes.LOST:
        return ROUTES_LOST
    if verdict is Verdict.HEALTHY:
        return NOT_PROBED if routes is Routes.UNKNOWN else HEALTHY
    match symptoms.heartbeat:
        case Heartbeat.UNKNOWN | Heartbeat.NOT_APPLICABLE:
            return HEARTBEAT_UNREADABLE
        case Heartbeat.MOVING:
            return _reporting(symptoms.outcome, routes)
        case Heartbeat.STALE | Heartbeat.NONE:
            return _silent(symptoms, routes, hung_after_seconds)


def _reporting(outcome: OutcomeKind, routes: Routes) -> Diagnosis:
    if outcome in _SAYS_SO:
        return FAILING
    return BUSY if routes is Routes.PRESENT else UNREACHABLE


def _silent(symptoms: Symptoms, routes: Routes, hung_after_seconds: float) -> Diagnosis:
    if routes is Routes.PRESENT or symptoms.outcome in _SAYS_SO:
        return AGENT_DEAD
    match symptoms.outcome:
        case OutcomeKind.REFUSED:
            return DEAD
        case OutcomeKind.TIMEOUT:
            return HUNG if symptoms.timeouts_seconds >= hung_after_seconds else SILENT
        case _:
            return CUT_OFF
