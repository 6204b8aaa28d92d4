"""The diagnosis table, and what must hold for every line it could have."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paramedic.health.diagnosis import (
    DiagnosisName,
    Heartbeat,
    HostCheck,
    Process,
    Severity,
    Symptoms,
    diagnose,
)
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.verdict import Verdict, has_failed, verdict_of

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "diagnosis_cases.yaml").read_text())
OF_GATEWAYS = {DiagnosisName.ROUTES_LOST, DiagnosisName.AGENT_DEAD}
HUNG_AFTER = 120.0
LOOKED_AT = (
    "outcome",
    "heartbeat",
    "timeouts",
    "process",
    "host_check",
    "guarded",
    "mass_failure",
    "downtime",
    "recovering",
)
SAID = {"case", "is", "verdict", "cures", "host", "severity"}

SYMPTOMS = st.builds(
    Symptoms,
    outcome=st.sampled_from(OutcomeKind),
    heartbeat=st.sampled_from(Heartbeat),
    timeouts_seconds=st.sampled_from([0.0, HUNG_AFTER - 1, HUNG_AFTER, 9999.0]),
    process=st.sampled_from(Process),
    host_check=st.sampled_from(HostCheck),
    guarded=st.booleans(),
    mass_failure=st.booleans(),
    downtime=st.booleans(),
    recovering=st.booleans(),
)


def _name(case: dict[str, Any]) -> str:
    seen = " ".join(f"{each}={case[each]}" for each in LOOKED_AT if each in case)
    return f"{case.get('case', '')} {seen} is {case['is']}".strip()


def _symptoms(case: dict[str, Any]) -> Symptoms:
    return Symptoms(
        OutcomeKind(case["outcome"]),
        Heartbeat(case["heartbeat"]),
        case.get("timeouts", 0),
        process=Process(case.get("process", "unknown")),
        host_check=HostCheck(case.get("host_check", "unknown")),
        guarded=case.get("guarded", False),
        mass_failure=case.get("mass_failure", False),
        downtime=case.get("downtime", False),
        recovering=case.get("recovering", False),
    )


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_the_table(case: dict[str, Any]) -> None:
    assert not set(case) - SAID - set(LOOKED_AT)
    found = diagnose(_symptoms(case), HUNG_AFTER)
    assert (found.name, found.verdict) == (case["is"], case["verdict"])
    assert (found.cures, found.needs_host_signal) == (case.get("cures", False), case.get("host", False))
    assert found.severity == case.get("severity", found.severity)


def test_every_outcome_heartbeat_and_diagnosis_is_in_the_table() -> None:
    assert {case["outcome"] for case in CASES} == set(OutcomeKind)
    assert {case["heartbeat"] for case in CASES} == set(Heartbeat)
    assert {case["is"] for case in CASES} == set(DiagnosisName) - OF_GATEWAYS


@given(SYMPTOMS)
def test_no_relaunch_on_one_signal(seen: Symptoms) -> None:
    found = diagnose(seen, HUNG_AFTER)
    signals = [
        has_failed(seen.outcome),
        seen.heartbeat in (Heartbeat.STALE, Heartbeat.NONE),
        seen.process in (Process.STOPPED, Process.ABSENT),
        seen.host_check is HostCheck.FAILS,
        found.needs_host_signal,
    ]
    assert not found.cures or (signals[0] and sum(signals) > 1)
    assert found.cures or not found.needs_host_signal


@given(SYMPTOMS)
def test_silence_is_hung_only_after_it_lasted_and_with_the_word_of_the_host(seen: Symptoms) -> None:
    found = diagnose(seen, HUNG_AFTER)
    if found.name is DiagnosisName.HUNG:
        stopped = seen.process is Process.STOPPED or seen.host_check is HostCheck.FAILS
        asked_for = found.needs_host_signal or seen.downtime or seen.recovering
        assert seen.timeouts_seconds >= HUNG_AFTER
        assert stopped or asked_for


@given(SYMPTOMS)
def test_a_moving_heartbeat_never_calls_for_a_cure(seen: Symptoms) -> None:
    for heartbeat in (Heartbeat.MOVING, Heartbeat.UNKNOWN):
        found = diagnose(replace(seen, heartbeat=heartbeat), HUNG_AFTER)
        assert not found.cures
        assert found.verdict is not Verdict.DOWN


@given(SYMPTOMS)
def test_what_could_not_be_measured_is_never_down(seen: Symptoms) -> None:
    found = diagnose(seen, HUNG_AFTER)
    if verdict_of(seen.outcome) is Verdict.UNKNOWN:
        assert (found.verdict, found.cures) == (Verdict.UNKNOWN, False)
    assert not found.cures or found.verdict is Verdict.DOWN


@given(SYMPTOMS)
def test_what_is_off_on_purpose_or_being_recovered_alarms_nobody(seen: Symptoms) -> None:
    for quiet in (replace(seen, downtime=True), replace(seen, recovering=True)):
        found = diagnose(quiet, HUNG_AFTER)
        assert (found.severity, found.cures) == (Severity.NONE, False)


@given(SYMPTOMS)
def test_in_a_mass_failure_only_what_is_dead_is_relaunched(seen: Symptoms) -> None:
    found = diagnose(replace(seen, mass_failure=True), HUNG_AFTER)
    assert not found.cures or found.name is DiagnosisName.DEAD


@given(SYMPTOMS)
def test_what_a_target_says_of_itself_is_no_reason_to_relaunch_it(seen: Symptoms) -> None:
    for outcome in (OutcomeKind.SILENT, OutcomeKind.FAILED):
        assert not diagnose(replace(seen, outcome=outcome), HUNG_AFTER).cures


@given(SYMPTOMS)
def test_every_diagnosis_is_said_in_a_sentence(seen: Symptoms) -> None:
    assert diagnose(seen, HUNG_AFTER).sentence.endswith(".")
