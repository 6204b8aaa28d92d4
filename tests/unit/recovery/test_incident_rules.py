"""How attempts are counted and when an incident is over."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from paramedic.recovery.incident_rules import (
    Allowed,
    Blocked,
    IncidentState,
    after_automatic_attempt,
    after_manual_attempt,
    current_incident,
    may_attempt,
)

NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)


def test_a_failure_within_half_an_hour_of_a_success_is_the_same_incident() -> None:
    stored = IncidentState(incident_id="old", attempts=1, last_attempt_at=NOW, last_success_at=NOW)
    assert current_incident(stored, NOW + timedelta(minutes=29), "new").incident_id == "old"


def test_a_failure_long_after_a_success_is_a_new_incident() -> None:
    stored = IncidentState(incident_id="old", attempts=2, last_attempt_at=NOW, last_success_at=NOW)
    assert current_incident(stored, NOW + timedelta(minutes=31), "new") == IncidentState(incident_id="new")


def test_an_incident_without_success_lasts_until_its_block_ends() -> None:
    stored = IncidentState(incident_id="old", attempts=3, last_attempt_at=NOW)
    assert current_incident(stored, NOW + timedelta(minutes=59), "new").incident_id == "old"
    assert current_incident(stored, NOW + timedelta(minutes=60), "new").incident_id == "new"


def test_a_later_failed_attempt_is_not_hidden_by_an_earlier_success() -> None:
    stored = IncidentState(
        incident_id="old", attempts=2, last_attempt_at=NOW, last_success_at=NOW - timedelta(minutes=40)
    )
    assert current_incident(stored, NOW + timedelta(minutes=5), "new").incident_id == "old"


def test_an_attempt_by_hand_starts_a_fresh_count() -> None:
    stored = IncidentState(incident_id="i", attempts=3, last_attempt_at=NOW)
    assert may_attempt(after_manual_attempt(stored, NOW), NOW) == Allowed()


@given(st.lists(st.integers(0, 900), max_size=60))
def test_there_are_never_more_than_three_automatic_attempts_in_an_hour(waits: list[int]) -> None:
    now, incident, made = NOW, None, []
    for wait in waits:
        now += timedelta(seconds=wait)
        incident = current_incident(incident, now, "i")
        if may_attempt(incident, now) == Allowed():
            incident = after_automatic_attempt(incident, now)
            made.append(now)
        recent = [moment for moment in made if now - moment < timedelta(hours=1)]
        assert len(recent) <= 3


def test_the_fourth_attempt_is_blocked_for_an_hour_after_the_third() -> None:
    stored = IncidentState(incident_id="i", attempts=3, last_attempt_at=NOW)
    assert may_attempt(stored, NOW) == Blocked(until=NOW + timedelta(hours=1))
