"""What is done next for a gateway's replicas: by example, and over whole lives of gateways in which anything fails."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.gateways.planning import (
    MOST_LEFT_BEHIND,
    Action,
    Adopt,
    End,
    Launch,
    Leave,
    Place,
    Promote,
    ReplicaSeen,
    Resume,
    Stop,
    Wanted,
    delay_after,
    plan,
)
from paramedic.state.wanted_gateways import Phase

START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def wanted(replicas: int, version: int = 1, *profiles: str) -> Wanted:
    return Wanted(replicas=replicas, version=version, profiles=profiles or ("a",))


def seen(number: int, phase: Phase = Phase.SERVING, **fields: Any) -> ReplicaSeen:
    since = START + timedelta(seconds=number)
    given = {"version": 1, "profile": "a", "since": since, **fields}
    return ReplicaSeen(number=number, phase=phase, **given)


def planned(
    want: Wanted, *replicas: ReplicaSeen, taken: frozenset[int] = frozenset(), at: datetime = START
) -> tuple[Action, ...]:
    return plan(want, replicas, taken, at)


def test_missing_replicas_get_the_lowest_free_numbers_spread_over_the_places() -> None:
    found = planned(wanted(4, 1, "a", "b"), seen(2), taken=frozenset({4}))
    assert found == (Place(1, "b"), Place(3, "a"), Place(5, "b"))


def test_nothing_is_done_for_a_gateway_that_is_as_it_is_wanted() -> None:
    assert planned(wanted(2), seen(1), seen(2)) == ()


def test_with_fewer_wanted_the_unfinished_leave_first_then_the_failed_then_the_oldest() -> None:
    replicas = (seen(1), seen(2), seen(3, healthy=False), seen(4, Phase.LAUNCHED), seen(5))
    left = [action.number for action in planned(wanted(1), *replicas) if isinstance(action, Leave)]
    assert left == [4, 3, 1, 2]


def test_an_old_replica_leaves_only_when_its_replacement_serves() -> None:
    old = (seen(1), seen(2))
    assert planned(wanted(2, 2), *old) == (Place(3, "a"),)
    assert planned(wanted(2, 2), *old, seen(3, Phase.LAUNCHED, version=2, connected=True)) == ()
    assert planned(wanted(2, 2), *old, seen(3, version=2)) == (
        Leave(1, "it is replaced by what is wanted now"),
        Place(4, "a"),
    )


def test_an_old_replica_that_serves_nobody_makes_room_for_the_next() -> None:
    replicas = (seen(1), seen(2, healthy=False), seen(3, version=2))
    assert [type(action) for action in planned(wanted(2, 2), *replicas)] == [Leave, Place]
    assert planned(wanted(2, 2), *replicas)[0].number == 2


def test_a_replica_of_a_place_that_is_no_longer_wanted_is_replaced() -> None:
    assert planned(wanted(1, 1, "b"), seen(1)) == (Place(2, "b"),)


def test_what_did_not_connect_in_time_is_ended_and_tried_again_later_under_its_number() -> None:
    launched = seen(1, Phase.LAUNCHED)
    assert planned(wanted(1), launched, at=launched.since + MINUTE - timedelta(seconds=1)) == ()
    [action] = planned(wanted(1), launched, at=launched.since + MINUTE)
    assert isinstance(action, End)
    assert "did not connect in 60 s" in action.reason


def test_what_is_refused_for_as_long_as_it_may_take_is_ended_and_what_a_dead_run_left_is_gone_on_with() -> None:
    launching = seen(1, Phase.LAUNCHING)
    refused = replace(launching, trouble="the host has no room")
    assert planned(wanted(1), launching, at=launching.since + MINUTE) == (Resume(1),)
    assert planned(wanted(1), refused, at=launching.since) == (Resume(1),)
    [action] = planned(wanted(1), refused, at=launching.since + MINUTE)
    assert action == End(1, "could not be launched in 60 s: the host has no room")


def test_one_that_waits_for_its_next_attempt_keeps_no_other_from_being_launched() -> None:
    waiting = seen(1, Phase.WAITING, attempts=3, not_before=START + MINUTE)
    assert planned(wanted(2), waiting) == (Place(2, "a"),)
    assert planned(wanted(2), waiting, seen(2), at=START + MINUTE) == (Launch(1),)


def test_what_cannot_be_seen_to_end_is_left_and_another_number_taken() -> None:
    ending = seen(1, Phase.ENDING, trouble="its host is silent")
    assert planned(wanted(1), ending) == (Stop(1),)
    actions = planned(wanted(1), ending, at=ending.since + MINUTE)
    assert actions == (Leave(1, "its end cannot be seen: its host is silent"),)
    assert planned(wanted(1), replace(ending, phase=Phase.LEAVING)) == (Place(2, "a"),)


def test_only_so_many_that_cannot_be_seen_to_end_are_replaced() -> None:
    lost = [seen(number, Phase.LEAVING) for number in range(1, 2 + MOST_LEFT_BEHIND)]
    assert not [action for action in planned(wanted(1), *lost) if isinstance(action, Place)]


def test_a_replica_that_recovery_works_on_is_left_to_it() -> None:
    assert planned(wanted(1), seen(1, healthy=False, recovering=True)) == ()
    assert planned(wanted(1), seen(1, recovered=True)) == (Adopt(1),)


def test_of_a_gateway_that_is_taken_down_all_replicas_leave() -> None:
    actions = planned(wanted(0), seen(1), seen(2, Phase.LAUNCHING), seen(3, recovering=True))
    assert [type(action) for action in actions] == [Leave, Leave, Leave]


def test_one_that_leaves_is_stopped_once_nobody_is_sent_to_it_any_more() -> None:
    leaving = seen(1, Phase.LEAVING)
    slowly = replace(wanted(0), leave_after=MINUTE)
    assert planned(slowly, leaving, at=leaving.since) == ()
    assert planned(slowly, leaving, at=leaving.since + MINUTE) == (Stop(1),)


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 0), (1, 1), (2, 5), (3, 60), (9, 60)])
def test_attempts_wait_ever_longer_and_at_last_an_hour(attempts: int, minutes: int) -> None:
    assert delay_after(attempts) == timedelta(minutes=minutes)


@dataclass
class Life:
    """A gateway in which what is planned is done, and replicas do as they are told or not."""

    want: Wanted
    now: datetime = START
    replicas: dict[int, ReplicaSeen] = field(default_factory=dict)

    def passes(self, moods: Mapping[int, str]) -> tuple[Action, ...]:
        """One minute: a plan, and what comes of it. `moods` say which numbers fail, and how."""
        actions = plan(self.want, list(self.replicas.values()), frozenset(), self.now)
        for action in actions:
            self._do(action, moods.get(action.number, "well"))
        self.now += MINUTE
        self.replicas = {number: self._lives(each, moods.get(number, "well")) for number, each in self.replicas.items()}
        return actions

    def _do(self, action: Action, mood: str) -> None:
        number = action.number
        match action:
            case Place(_, profile):
                assert number not in self.replicas
                self.replicas[number] = seen(
                    number, self._launched(mood), profile=profile, version=self.want.version, since=self.now
                )
            case Launch() | Resume():
                self._becomes(number, self._launched(mood), version=self.want.version, trouble=mood)
            case Promote() | Adopt():
                self._becomes(number, Phase.SERVING, attempts=0, serves=False)
            case End(_, reason):
                self._becomes(number, Phase.ENDING, trouble=reason)
            case Leave(_, reason):
                self._becomes(number, Phase.LEAVING, trouble=reason)
            case Stop() if mood == "unseen":
                pass
            case Stop() if self.replicas[number].phase is Phase.LEAVING:
                del self.replicas[number]
            case Stop():
                attempts = self.replicas[number].attempts + 1
                later = self.now + delay_after(attempts)
                self._becomes(number, Phase.WAITING, attempts=attempts, not_before=later)

    def _launched(self, mood: str) -> Phase:
        return Phase.LAUNCHING if mood == "refused" else Phase.LAUNCHED

    def _becomes(self, number: int, phase: Phase, **fields: Any) -> None:
        before = self.replicas[number]
        same = phase is before.phase
        since = before.since if same else self.now
        self.replicas[number] = replace(before, phase=phase, since=since, healthy=True, **fields)

    def _lives(self, replica: ReplicaSeen, mood: str) -> ReplicaSeen:
        well = mood == "well"
        if replica.phase is Phase.LAUNCHED:
            return replace(replica, connected=well, serves=well)
        return replace(replica, healthy=mood in ("well", "unseen")) if replica.phase is Phase.SERVING else replica

    def well(self) -> int:
        return sum(each.is_well for each in self.replicas.values())


MOODS = st.dictionaries(st.integers(1, 12), st.sampled_from(["refused", "silent", "unseen"]), max_size=4)
WANTS = st.builds(lambda replicas, version: (replicas, version), st.integers(1, 6), st.integers(1, 3))


@given(st.lists(st.tuples(WANTS, MOODS, st.integers(1, 12)), min_size=1, max_size=6), st.integers(1, 6))
@settings(max_examples=300)
def test_whatever_fails_and_is_changed_in_between_those_that_serve_stay_and_all_are_there_in_the_end(
    periods: list[tuple[tuple[int, int], dict[int, str], int]], last: int
) -> None:
    life = Life(wanted(1))
    for (replicas, version), moods, minutes in periods:
        life.want = wanted(replicas, version, "a", "b")
        for _ in range(minutes):
            before = {number for number, each in life.replicas.items() if each.is_well}
            actions = life.passes(moods)
            gone = {action.number for action in actions if isinstance(action, Leave | End)}
            # Whatever leaves on purpose, as many as are wanted are still served through, or as many as there were.
            assert len(before - gone) >= min(replicas, len(before))
            if any(isinstance(action, Place) for action in actions):
                assert len(life.replicas) <= replicas + 1 + MOST_LEFT_BEHIND
                assert sum(each.phase is not Phase.LEAVING for each in life.replicas.values()) <= replicas + 1
    life.want = wanted(last, 4, "a", "b")
    for _ in range(200):
        life.passes({})
    assert sorted(life.replicas) == sorted(number for number, each in life.replicas.items() if each.is_well)
    assert (life.well(), {each.version for each in life.replicas.values()}) == (last, {4})
    assert life.passes({}) == ()


@given(st.integers(2, 6), st.integers(1, 6), st.sampled_from(["refused", "silent", "unseen"]))
def test_one_failing_replica_keeps_no_other_from_serving(replicas: int, failing: int, mood: str) -> None:
    life = Life(wanted(replicas))
    for _ in range(4):
        life.passes({failing: mood})
    others = [each for number, each in life.replicas.items() if number != failing and number <= replicas]
    assert all(each.is_well for each in others)
    assert len(others) >= replicas - 1
