"""From one observation to the next: properties over every sequence, and the counting of timeouts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.health.diagnosis import DiagnosisName, Heartbeat
from paramedic.health.gateway_diagnosis import Routes
from paramedic.health.heartbeat_watch import HeartbeatReading
from paramedic.health.outcomes import OutcomeKind, ProbeOutcome
from paramedic.health.transitions import DetailType, Notice, Observation, Transition, transition
from paramedic.health.verdict import Verdict
from paramedic.state.targets import BadPeriod, Beginnings

START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
TIMEOUT, REFUSED, OK = OutcomeKind.TIMEOUT, OutcomeKind.REFUSED, OutcomeKind.OK
OPEN, CLOSE = Notice.OPEN, Notice.CLOSE
STALE, MOVING, UNREADABLE = Heartbeat.STALE, Heartbeat.MOVING, Heartbeat.UNKNOWN

type Sight = tuple[float, OutcomeKind, Heartbeat, int]
SIGHTS = st.tuples(st.integers(0, 8), st.sampled_from(OutcomeKind), st.sampled_from(Heartbeat), st.integers(0, 2))


def see(
    recorded: BadPeriod | None,
    minute: float,
    kind: OutcomeKind,
    heartbeat: Heartbeat,
    beat: int = 1,
    beginnings: Beginnings | None = None,
) -> Transition:
    """What follows from one observation."""
    tick = START + timedelta(minutes=minute)
    outcome = ProbeOutcome(target_id="controller:a", kind=kind)
    seen = Observation(tick, outcome, HeartbeatReading(heartbeat, beat))
    event_id = f"event-{minute}-{kind}"
    return transition(recorded, seen, hung_after_seconds=120.0, event_id=event_id, beginnings=beginnings)


def settled(step: Transition) -> BadPeriod | None:
    """What is stored once everything announced has been published."""
    bad = step.bad
    if bad is None or step.announce is None or bad.unpublished is None:
        return bad
    return None if bad.verdict == Verdict.HEALTHY else bad.model_copy(update={"unpublished": None})


def after(*sights: tuple[float, OutcomeKind, Heartbeat]) -> BadPeriod | None:
    """What is stored after `sights`, each published at once."""
    recorded = None
    for sight in sights:
        recorded = settled(see(recorded, *sight))
    return recorded


@given(st.lists(SIGHTS, max_size=8), SIGHTS)
def test_unknown_never_leads_to_a_cure(history: list[Sight], last: Sight) -> None:
    recorded = None
    for sight in history:
        step = see(recorded, *sight)
        if step.diagnosis.verdict is Verdict.UNKNOWN:
            assert step.announce is None
        recorded = step.bad
    step = see(recorded, *last)
    if step.announce is DetailType.CONTROLLER_FAILED:
        assert step.diagnosis.cures


@given(st.lists(SIGHTS, max_size=8), SIGHTS)
def test_the_same_observation_twice_changes_nothing_the_second_time(history: list[Sight], last: Sight) -> None:
    recorded = None
    for sight in [*history, last]:
        recorded = settled(see(recorded, *sight))
    again = see(recorded, *last)
    assert not again.changed
    assert again.announce in (None, DetailType.CONTROLLER_FAILED)


@given(st.lists(SIGHTS, max_size=8), SIGHTS)
def test_an_older_tick_changes_and_announces_nothing(history: list[Sight], late: Sight) -> None:
    recorded = after((8, REFUSED, STALE))
    for sight in history:
        assert settled(see(recorded, sight[0] - 9, *sight[1:])) == recorded
    step = see(recorded, late[0] - 9, *late[1:])
    assert (step.bad, step.changed, step.announce) == (recorded, False, None)


@given(st.lists(SIGHTS, max_size=8))
def test_what_was_announced_bad_and_is_healthy_again_is_announced_and_forgotten(history: list[Sight]) -> None:
    recorded = None
    for sight in history:
        recorded = settled(see(recorded, *sight))
    told = recorded is not None and recorded.event_id != ""
    step = see(recorded, 9, OK, Heartbeat.NOT_APPLICABLE)
    assert settled(step) is None
    assert step.announce == (DetailType.TARGET_RECOVERED if told else None)


def test_timeouts_become_hung_after_two_minutes_of_ticks() -> None:
    suspect = after((0, TIMEOUT, STALE), (1, TIMEOUT, STALE))
    assert see(suspect, 1.9, TIMEOUT, STALE).diagnosis.name is DiagnosisName.SUSPECT
    step = see(suspect, 2, TIMEOUT, STALE)
    assert step.diagnosis.name is DiagnosisName.HUNG
    assert step.announce is DetailType.CONTROLLER_FAILED


def test_a_moving_heartbeat_in_between_starts_the_count_again() -> None:
    recorded = after((0, TIMEOUT, STALE), (1, TIMEOUT, MOVING))
    assert see(recorded, 2, TIMEOUT, STALE).diagnosis.name is DiagnosisName.SUSPECT


def test_an_unreadable_heartbeat_in_between_starts_the_count_again() -> None:
    recorded = after((0, TIMEOUT, STALE), (1, TIMEOUT, UNREADABLE))
    assert see(recorded, 2, TIMEOUT, STALE).diagnosis.name is DiagnosisName.SUSPECT


def test_a_tick_nobody_saw_in_between_starts_the_count_again() -> None:
    assert see(after((0, TIMEOUT, STALE)), 2, TIMEOUT, STALE).diagnosis.name is DiagnosisName.SUSPECT


def test_what_is_hung_stays_hung_while_every_tick_sees_it() -> None:
    hung = after((0, TIMEOUT, STALE), (1, TIMEOUT, STALE), (2, TIMEOUT, STALE), (3, TIMEOUT, STALE))
    step = see(hung, 4, TIMEOUT, STALE)
    assert (step.diagnosis.name, step.announce) == (DiagnosisName.HUNG, DetailType.CONTROLLER_FAILED)


def test_what_was_hung_before_a_gap_must_prove_hung_again() -> None:
    hung = after((0, TIMEOUT, STALE), (1, TIMEOUT, STALE), (2, TIMEOUT, STALE))
    step = see(hung, 4, TIMEOUT, STALE)
    assert (step.diagnosis.name, step.announce) == (DiagnosisName.SUSPECT, None)
    again = see(settled(see(settled(step), 5, TIMEOUT, STALE)), 6, TIMEOUT, STALE)
    assert again.diagnosis.name is DiagnosisName.HUNG


@pytest.mark.parametrize("minute", [2, 3])
def test_a_heartbeat_that_moved_between_two_ticks_starts_the_count_again(minute: int) -> None:
    recorded = after(*((earlier, TIMEOUT, STALE) for earlier in range(minute)))
    step = see(recorded, minute, TIMEOUT, STALE, beat=900)
    assert step.diagnosis.name is DiagnosisName.SUSPECT
    assert step.bad is not None
    assert (step.bad.heartbeat_sequence, step.bad.timeouts_since) == (900, step.bad.last_tick)


def test_what_was_hung_and_is_unknown_now_must_prove_hung_again() -> None:
    hung = after((0, TIMEOUT, STALE), (1, TIMEOUT, STALE), (2, TIMEOUT, STALE))
    recorded = settled(see(hung, 3, TIMEOUT, UNREADABLE))
    assert see(recorded, 4, TIMEOUT, STALE).diagnosis.name is DiagnosisName.SUSPECT


def test_a_cure_that_nobody_heard_of_yet_is_not_kept_for_later_when_it_becomes_unknown() -> None:
    hung = see(after((0, TIMEOUT, STALE), (1, TIMEOUT, STALE)), 2, TIMEOUT, STALE).bad
    assert hung is not None
    assert hung.unpublished == DetailType.CONTROLLER_FAILED
    recorded = see(hung, 3, TIMEOUT, UNREADABLE).bad
    assert recorded is not None
    assert recorded.unpublished is None


def test_one_that_lived_and_died_between_two_ticks_is_recorded_with_its_last_heartbeat() -> None:
    dead = after((0, REFUSED, STALE))
    step = see(dead, 1, REFUSED, STALE, beat=7)
    assert step.changed
    assert step.bad is not None
    assert step.bad.heartbeat_sequence == 7


@pytest.mark.parametrize("heartbeat", [MOVING, Heartbeat.NONE, Heartbeat.NOT_APPLICABLE])
def test_only_a_heartbeat_that_stood_still_is_recorded(heartbeat: Heartbeat) -> None:
    for recorded in (after((0, TIMEOUT, heartbeat)), after((0, TIMEOUT, STALE), (1, TIMEOUT, heartbeat))):
        assert recorded is not None
        assert recorded.heartbeat_sequence is None


def test_a_heartbeat_that_could_not_be_read_is_not_recorded_as_standing_still() -> None:
    recorded = after((0, TIMEOUT, STALE), (1, TIMEOUT, UNREADABLE))
    assert recorded is not None
    assert recorded.heartbeat_sequence is None


def test_one_bad_period_keeps_its_beginning_through_every_diagnosis() -> None:
    recorded = after((0, TIMEOUT, MOVING), (1, REFUSED, STALE), (2, TIMEOUT, STALE))
    assert recorded is not None
    assert recorded.since == "2026-01-05T03:00:00.000Z"


def told_over(sights: Sequence[Sight]) -> list[tuple[float, Notice]]:
    """What people are told over `sights`, and when, each event published at once."""
    recorded, beginnings = None, None
    told: list[tuple[float, Notice]] = []
    for minute, kind, heartbeat, beat in sights:
        step = see(recorded, minute, kind, heartbeat, beat, beginnings)
        told += [(minute, step.notice)] if step.notice is not None else []
        recorded, beginnings = settled(step), step.beginnings or beginnings
    return told


def notices(sights: Sequence[tuple[float, OutcomeKind, Heartbeat]]) -> list[Notice]:
    """What people are told over `sights`."""
    return [notice for _, notice in told_over([(*sight, 1) for sight in sights])]


def told_of_url(seen: str) -> list[tuple[float, Notice]]:
    """What people are told of a URL, of which each minute is . for healthy and x for silent."""
    return told_over([(m, TIMEOUT if c == "x" else OK, Heartbeat.NOT_APPLICABLE, 1) for m, c in enumerate(seen)])


@given(st.lists(SIGHTS, max_size=12))
def test_people_are_told_in_turn_that_something_needs_them_and_that_it_does_no_more(sights: list[Sight]) -> None:
    told = [notice for _, notice in told_over([(minute, *sight[1:]) for minute, sight in enumerate(sights)])]
    assert told == [Notice.OPEN, Notice.CLOSE] * (len(told) // 2) + [Notice.OPEN] * (len(told) % 2)


@given(st.lists(st.tuples(SIGHTS, st.booleans()), max_size=12))
def test_of_a_mass_failure_no_target_tells_people_and_what_they_know_they_are_told_the_end_of(
    sights: list[tuple[Sight, bool]],
) -> None:
    recorded, told = None, list[Notice]()
    for minute, ((_, kind, heartbeat, beat), together) in enumerate(sights):
        tick = START + timedelta(minutes=minute)
        outcome = ProbeOutcome(target_id="controller:a", kind=kind)
        seen = Observation(tick, outcome, HeartbeatReading(heartbeat, beat), mass_failure=together)
        step = transition(recorded, seen, hung_after_seconds=120.0, event_id=f"event-{minute}")
        if step.diagnosis.name is DiagnosisName.MASS_FAILURE:
            assert step.notice is None
        told += [step.notice] if step.notice is not None else []
        recorded = settled(step)
    assert told == [Notice.OPEN, Notice.CLOSE] * (len(told) // 2) + [Notice.OPEN] * (len(told) % 2)


def test_another_fault_of_a_url_that_people_know_is_down_is_not_told_again() -> None:
    url = Heartbeat.NOT_APPLICABLE
    sights = [(0.0, TIMEOUT, url), (1.0, OutcomeKind.STATUS, url), (2.0, REFUSED, url), (3.0, OK, url)]
    assert notices(sights) == [Notice.OPEN, Notice.CLOSE]


def test_what_is_recovered_by_itself_or_only_busy_is_told_by_nobody_here() -> None:
    assert notices([(0.0, REFUSED, STALE), (1.0, OK, STALE), (2.0, TIMEOUT, MOVING), (3.0, OK, MOVING)]) == []


def test_a_notice_that_nobody_heard_is_given_with_the_next_event() -> None:
    url = Heartbeat.NOT_APPLICABLE
    unheard = see(None, 0, TIMEOUT, url)
    assert see(unheard.bad, 1, TIMEOUT, url).notice is Notice.OPEN
    assert see(unheard.bad, 1, OutcomeKind.STATUS, url).notice is Notice.OPEN
    assert see(unheard.bad, 1, OK, url).notice is Notice.CLOSE


def test_a_notice_that_nobody_heard_before_the_target_became_unknown_is_given_when_it_is_found_again() -> None:
    recorded, told = None, list[Notice | None]()
    for minute, kind in enumerate([TIMEOUT] * 3 + [OutcomeKind.NOT_PROBED] + [TIMEOUT] * 3):
        tick, outcome = START + timedelta(minutes=minute), ProbeOutcome("gateway:a/1", kind)
        seen = Observation(tick, outcome, HeartbeatReading(STALE, 1), routes=Routes.NONE)
        step = transition(recorded, seen, hung_after_seconds=120.0, event_id=f"event-{minute}")
        recorded, told = step.bad, [*told, step.notice]
    assert told == [None, None, Notice.OPEN, None, None, None, Notice.OPEN]


def test_one_that_fails_again_before_its_recovery_was_heard_is_not_opened_twice() -> None:
    url = Heartbeat.NOT_APPLICABLE
    down = after((0, TIMEOUT, url))
    recovered = see(down, 1, OK, url)
    assert recovered.notice is Notice.CLOSE
    again = see(recovered.bad, 2, TIMEOUT, url)
    assert again.notice is None
    assert see(settled(again), 3, OK, url).notice is Notice.CLOSE


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ("x.........x.", [(0, OPEN), (1, CLOSE), (10, OPEN), (11, CLOSE)]),
        ("x.x.x.x......", [(0, OPEN), (1, CLOSE), (2, OPEN), (12, CLOSE)]),
        ("x.x.xxxxxxxx.", [(0, OPEN), (1, CLOSE), (2, OPEN), (12, CLOSE)]),
        (
            "x.x......x....",
            [(0, OPEN), (1, CLOSE), (2, OPEN), (8, CLOSE), (9, OPEN)],
        ),
    ],
    ids=["twice in ten minutes", "steady and well", "steady and down", "down again once steady"],
)
def test_a_url_that_comes_and_goes_is_told_of_once_until_it_is_steady(
    seen: str, told: list[tuple[float, Notice]]
) -> None:
    assert told_of_url(seen) == told


@given(st.text(".x", min_size=1, max_size=30))
def test_a_first_failure_is_told_at_once_however_it_goes_on(seen: str) -> None:
    told = told_of_url(seen)
    first = seen.find("x")
    assert told[:1] == ([] if first < 0 else [(first, Notice.OPEN)])
    assert [notice for _, notice in told] == ([Notice.OPEN, Notice.CLOSE] * len(told))[: len(told)]


@given(st.text(".x", max_size=20))
def test_people_always_hear_of_the_end_and_nothing_is_kept_for_ever(seen: str) -> None:
    told = told_of_url(seen + "." * 6)
    assert not told or told[-1][1] is Notice.CLOSE
