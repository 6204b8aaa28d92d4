"""The diagnosis table, and what must hold for every line it could have."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from paramedic.health.diagnosis import Diagnosis, Heartbeat, Symptoms, diagnose
from paramedic.health.outcomes import OutcomeKind
from paramedic.health.verdict import Verdict

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "diagnosis_cases.yaml").read_text())
HUNG_AFTER = 120.0


def _name(case: dict[str, Any]) -> str:
    lasting = f" for {case['timeouts']} s" if "timeouts" in case else ""
    return f"{case['outcome']}{lasting} with heartbeat {case['heartbeat']} is {case['is']}"


def _diagnose(outcome: OutcomeKind, heartbeat: Heartbeat, timeouts: float) -> Diagnosis:
    return diagnose(Symptoms(outcome, heartbeat, timeouts), HUNG_AFTER)


EVERY_DIAGNOSIS = [
    (symptoms, _diagnose(*symptoms)) for symptoms in product(OutcomeKind, Heartbeat, (0.0, HUNG_AFTER, 9999.0))
]


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_the_table(case: dict[str, Any]) -> None:
    found = _diagnose(OutcomeKind(case["outcome"]), Heartbeat(case["heartbeat"]), case.get("timeouts", 0))
    assert (found.name, found.verdict) == (case["is"], case["verdict"])
    assert (found.cures, found.needs_host_signal) == (case.get("cures", False), case.get("host", False))


def test_nothing_is_cured_while_the_heartbeat_moves_or_cannot_be_read() -> None:
    alive = (Heartbeat.MOVING, Heartbeat.UNKNOWN, Heartbeat.NOT_APPLICABLE)
    assert not [symptoms for symptoms, found in EVERY_DIAGNOSIS if symptoms[1] in alive and found.cures]


def test_only_what_is_down_is_cured_and_unknown_never_is() -> None:
    assert {found.verdict for _, found in EVERY_DIAGNOSIS if found.cures} == {Verdict.DOWN}


def test_only_refusal_is_believed_without_the_word_of_the_host() -> None:
    believed = {symptoms[0] for symptoms, found in EVERY_DIAGNOSIS if found.cures and not found.needs_host_signal}
    assert believed == {OutcomeKind.REFUSED}


def test_every_diagnosis_is_said_in_a_sentence() -> None:
    assert all(found.sentence.endswith(".") for _, found in EVERY_DIAGNOSIS)
