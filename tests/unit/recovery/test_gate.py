"""The gate is a table: each rule refuses in its turn, and says how to lift it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.recovery.gate import SEEN_CLEARLY, Evidence, Finding, GateInput, Reason, refusal
from paramedic.recovery.incident_rules import IncidentState
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.targets import TargetMode

NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
DEAD = Evidence(finding=Finding.DEAD, text="connections are refused and its heartbeat stands still")
HUNG = Evidence(finding=Finding.HUNG, text="its process is suspended")
CLEAR = GateInput(
    now=NOW,
    manual=False,
    mode=TargetMode.AUTO,
    paused=False,
    downtime=None,
    profile="local",
    evidence=DEAD,
    incident=IncidentState(incident_id="i"),
)


def attempts(number: int, ago: timedelta) -> IncidentState:
    return IncidentState(incident_id="i", attempts=number, last_attempt_at=NOW - ago)


def test_a_dead_controller_in_auto_mode_is_let_through() -> None:
    assert refusal(CLEAR) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"held": "the global switch is hold (ada: test)"}, Reason.HELD),
        ({"trouble": "its process cannot be seen from here"}, Reason.TROUBLE),
        ({"profile": None}, Reason.NO_PROFILE),
        ({"evidence": Evidence(finding=Finding.ALIVE, text="busy")}, Reason.NOT_DOWN),
        ({"evidence": Evidence(finding=Finding.UNCLEAR, text="no host")}, Reason.UNCLEAR),
        ({"no_drill": "its drills are made at 02:00-04:00 UTC"}, Reason.NO_DRILL),
        ({"accepts": frozenset({Finding.ALIVE})}, Reason.NO_DRILL),
        ({"paused": True}, Reason.PAUSED),
        ({"downtime": PlannedPeriod(since=NOW, until=NOW + timedelta(seconds=1), reason="")}, Reason.DOWNTIME),
        ({"mode": TargetMode.OBSERVE}, Reason.OBSERVE),
        ({"mode": TargetMode.ASK}, Reason.ASK),
        ({"mass_failure": "9 of 20", "evidence": HUNG}, Reason.MASS_FAILURE),
        ({"mass_failure": "9 of 20", "others_open": 3}, Reason.MASS_FAILURE),
        ({"others_moving": 10, "most_open": 10}, Reason.STACK_LIMIT),
        ({"starts_until": NOW + timedelta(seconds=1)}, Reason.STARTING),
        ({"incident": attempts(1, timedelta(seconds=59))}, Reason.BACK_OFF),
        ({"incident": attempts(2, timedelta(seconds=299))}, Reason.BACK_OFF),
        ({"incident": attempts(3, timedelta(minutes=59))}, Reason.BLOCKED),
    ],
)
def test_each_rule_refuses_with_its_reason_and_a_way_out(change: dict[str, object], reason: Reason) -> None:
    refused = refusal(CLEAR.model_copy(update=change))
    assert refused is not None
    assert refused.reason is reason
    assert refused.lift


def test_as_many_recoveries_as_the_stack_has_at_once_and_a_start_that_took_its_time_hold_nothing_up() -> None:
    assert refusal(CLEAR.model_copy(update={"others_moving": 9, "most_open": 10})) is None
    assert refusal(CLEAR.model_copy(update={"starts_until": NOW})) is None


def test_in_a_mass_failure_what_is_surely_dead_is_recovered_three_at_a_time() -> None:
    assert refusal(CLEAR.model_copy(update={"mass_failure": "9 of 20", "others_open": 2})) is None


@pytest.mark.parametrize(("number", "wait"), [(1, 60), (2, 300)])
def test_the_next_attempt_is_let_through_once_its_wait_is_over(number: int, wait: int) -> None:
    assert refusal(CLEAR.model_copy(update={"incident": attempts(number, timedelta(seconds=wait))})) is None


def test_a_person_is_not_held_up_by_block_mode_pause_or_downtime() -> None:
    given_by_hand = CLEAR.model_copy(
        update={
            "manual": True,
            "paused": True,
            "downtime": PlannedPeriod(since=NOW, until=NOW + timedelta(hours=9), reason=""),
            "mode": TargetMode.OBSERVE,
            "incident": attempts(3, timedelta(0)),
            "mass_failure": "9 of 20",
            "others_open": 9,
        }
    )
    assert refusal(given_by_hand) is None


@given(
    manual=st.booleans(),
    approved=st.booleans(),
    mode=st.sampled_from(TargetMode),
    paused=st.booleans(),
    finding=st.sampled_from([Finding.ALIVE, Finding.UNCLEAR]),
    number=st.integers(0, 5),
)
def test_nothing_is_ever_recovered_without_evidence_of_death(
    manual: bool, approved: bool, mode: TargetMode, paused: bool, finding: Finding, number: int
) -> None:
    given_input = CLEAR.model_copy(
        update={
            "manual": manual,
            "approved": approved,
            "mode": mode,
            "paused": paused,
            "evidence": Evidence(finding=finding, text="seen"),
            "incident": attempts(number, timedelta(hours=3)),
        }
    )
    assert refusal(given_input) is not None


@given(
    manual=st.booleans(),
    approved=st.booleans(),
    mode=st.sampled_from(TargetMode),
    finding=st.sampled_from(Finding),
    accepts=st.frozensets(st.sampled_from(Finding)),
)
def test_what_people_hold_is_never_recovered_whoever_asks_and_however(
    manual: bool, approved: bool, mode: TargetMode, finding: Finding, accepts: frozenset[Finding]
) -> None:
    changes = {"manual": manual, "approved": approved, "mode": mode, "accepts": accepts}
    evidence = Evidence(finding=finding, text="seen")
    assert refusal(CLEAR.model_copy(update={**changes, "evidence": evidence, "held": "it is held"})) is not None


@given(
    mode=st.sampled_from([TargetMode.OBSERVE, TargetMode.ASK]),
    finding=st.sampled_from(Finding),
    number=st.integers(0, 5),
    approved=st.booleans(),
)
def test_automation_never_acts_beyond_the_targets_mode(
    mode: TargetMode, finding: Finding, number: int, approved: bool
) -> None:
    evidence, incident = Evidence(finding=finding, text="seen"), attempts(number, timedelta(hours=3))
    changes = {"mode": mode, "evidence": evidence, "incident": incident, "approved": approved}
    if refusal(CLEAR.model_copy(update=changes)) is None:
        assert (mode, approved) == (TargetMode.ASK, True)


@pytest.mark.parametrize("change", [{"mode": TargetMode.OBSERVE}, {"mode": TargetMode.ASK}])
def test_nothing_is_proposed_that_another_rule_would_refuse(change: dict[str, object]) -> None:
    refused = refusal(CLEAR.model_copy(update={**change, "incident": attempts(1, timedelta(seconds=59))}))
    assert refused is not None
    assert refused.reason is Reason.BACK_OFF


def test_a_yes_lifts_no_other_rule() -> None:
    asked = {"mode": TargetMode.ASK, "approved": True}
    assert refusal(CLEAR.model_copy(update=asked)) is None
    for change in ({"paused": True}, {"mass_failure": "9 of 20", "evidence": HUNG}, {"profile": None}):
        assert refusal(CLEAR.model_copy(update={**asked, **change})) is not None


@pytest.mark.parametrize("finding", [Finding.ALIVE, Finding.DEAD, Finding.HUNG])
def test_whoever_wants_a_successor_gets_one_of_what_is_well_too(finding: Finding) -> None:
    evidence = Evidence(finding=finding, text="seen")
    changes = {"manual": True, "accepts": SEEN_CLEARLY, "evidence": evidence}
    assert refusal(CLEAR.model_copy(update=changes)) is None


def test_what_is_unclear_is_not_replaced_and_a_person_is_told_of_force() -> None:
    evidence = Evidence(finding=Finding.UNCLEAR, text="no host")
    changes = {"manual": True, "accepts": SEEN_CLEARLY, "evidence": evidence}
    refused = refusal(CLEAR.model_copy(update=changes))
    assert refused is not None
    assert "force" in refused.lift
