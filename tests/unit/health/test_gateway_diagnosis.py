"""The diagnosis table of gateway replicas, and what must hold for every line it could have."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from paramedic.health.diagnosis import Diagnosis, DiagnosisName, Heartbeat, Severity, Symptoms
from paramedic.health.gateway_diagnosis import CURED, Routes, diagnose_gateway
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.verdict import Verdict, verdict_of

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "gateway_diagnosis_cases.yaml").read_text())
NO_PROBES = {OutcomeKind.SILENT, OutcomeKind.FAILED}
HUNG_AFTER = 120.0
LOOKED_AT = ("outcome", "heartbeat", "routes", "timeouts", "mass_failure", "downtime", "replaced")
SAID = {"case", "is", "verdict", "severity", "cures"}

SYMPTOMS = st.builds(
    Symptoms,
    outcome=st.sampled_from(OutcomeKind),
    heartbeat=st.sampled_from(Heartbeat),
    timeouts_seconds=st.sampled_from([0.0, HUNG_AFTER - 1, HUNG_AFTER]),
    mass_failure=st.booleans(),
    downtime=st.booleans(),
)
ROUTES = st.sampled_from(Routes)


def _name(case: dict[str, Any]) -> str:
    seen = " ".join(f"{each}={case[each]}" for each in LOOKED_AT if each in case)
    return f"{case.get('case', '')} {seen} is {case['is']}".strip()


def _found(case: dict[str, Any]) -> Diagnosis:
    symptoms = Symptoms(
        OutcomeKind(case["outcome"]),
        Heartbeat(case["heartbeat"]),
        case.get("timeouts", 0),
        mass_failure=case.get("mass_failure", False),
        downtime=case.get("downtime", False),
        replaced=case.get("replaced", False),
    )
    return diagnose_gateway(symptoms, Routes(case["routes"]), HUNG_AFTER)


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_the_table(case: dict[str, Any]) -> None:
    assert not set(case) - SAID - set(LOOKED_AT)
    found = _found(case)
    assert (found.name, found.verdict, found.severity) == (case["is"], case["verdict"], case.get("severity", "page"))
    assert found.cures == case.get("cures", False)


def test_every_outcome_heartbeat_and_word_of_the_routes_is_in_the_table() -> None:
    assert {case["outcome"] for case in CASES} == set(OutcomeKind) - NO_PROBES
    assert {case["heartbeat"] for case in CASES} == set(Heartbeat)
    assert {case["routes"] for case in CASES} == set(Routes)


@given(SYMPTOMS, ROUTES)
def test_nothing_promises_a_relaunch_that_nobody_makes(seen: Symptoms, routes: Routes) -> None:
    found = diagnose_gateway(seen, routes, HUNG_AFTER)
    assert (found.cures, found.needs_host_signal) == (False, False)
    assert found.sentence.endswith(".")


@given(SYMPTOMS, ROUTES)
def test_a_relaunch_cures_only_what_is_found_of_one_that_is_replaced_and_not_off_on_purpose(
    seen: Symptoms, routes: Routes
) -> None:
    found = diagnose_gateway(replace(seen, replaced=True), routes, HUNG_AFTER)
    if found.cures:
        assert found.name in CURED
        assert not seen.downtime
        assert found.needs_host_signal == (found.name is DiagnosisName.HUNG)


@given(SYMPTOMS, ROUTES)
def test_routes_are_lost_only_by_envoys_own_word(seen: Symptoms, routes: Routes) -> None:
    found = diagnose_gateway(seen, routes, HUNG_AFTER)
    assert found.name is not DiagnosisName.ROUTES_LOST or routes is Routes.LOST


@given(SYMPTOMS, ROUTES)
def test_what_could_not_be_measured_alarms_nobody(seen: Symptoms, routes: Routes) -> None:
    found = diagnose_gateway(seen, routes, HUNG_AFTER)
    if verdict_of(seen.outcome) is Verdict.UNKNOWN:
        assert (found.verdict, found.severity) == (Verdict.UNKNOWN, Severity.NONE)


@given(SYMPTOMS, ROUTES)
def test_it_is_gone_only_by_two_signals(seen: Symptoms, routes: Routes) -> None:
    if diagnose_gateway(seen, routes, HUNG_AFTER).name in (DiagnosisName.DEAD, DiagnosisName.HUNG):
        assert verdict_of(seen.outcome) is not Verdict.HEALTHY
        assert seen.heartbeat in (Heartbeat.STALE, Heartbeat.NONE)
