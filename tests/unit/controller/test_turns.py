"""Who is served when more is wanted than may be begun."""

from hypothesis import given
from hypothesis import strategies as st

from paramedic_controller.token_bucket import TokenBucket
from paramedic_controller.turns import Lane

STEPS = st.lists(st.tuples(st.floats(0, 30), st.integers(0, 50)), max_size=30)
WAITING = st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(), max_size=6))


@given(steps=STEPS, per_second=st.floats(0.01, 100), burst=st.integers(1, 50))
def test_no_stretch_of_time_sees_more_than_the_burst_and_what_its_seconds_allow(
    steps: list[tuple[float, int]], per_second: float, burst: int
) -> None:
    bucket, now, taken = TokenBucket(per_second, burst), 1000.0, []
    for pause, wanted in steps:
        now += pause
        taken.append((now, bucket.take(wanted, now)))
    for first, (begin, _) in enumerate(taken):
        for last in range(first, len(taken)):
            total = sum(number for _, number in taken[first : last + 1])
            assert total <= burst + per_second * (taken[last][0] - begin) + 1e-6


def test_who_waits_long_enough_gets_what_the_rate_promises() -> None:
    bucket = TokenBucket(per_second=2, burst=4)
    assert [bucket.take(10, now) for now in (0.0, 0.0, 1.0, 1.25, 1.5, 60.0)] == [4, 0, 2, 0, 1, 4]


def test_a_service_that_wants_one_launch_is_not_behind_one_that_wants_a_thousand() -> None:
    lane = Lane[int](at_once=4)
    greedy = list(range(1000))
    assert lane.next({"greedy": greedy, "modest": [7]}, {}, 0.0) == [("greedy", 0), ("modest", 7), ("greedy", 1)]


def test_services_take_turns_over_passes_that_have_one_place_each() -> None:
    lane = Lane[int](at_once=1)
    waiting = {"a": [1, 2, 3], "b": [1, 2, 3], "c": [1]}
    assert [lane.next(waiting, {}, 0.0)[0][0] for _ in range(6)] == ["a", "b", "c", "a", "b", "c"]


def test_calls_that_hang_leave_the_last_place_to_a_service_that_has_none() -> None:
    lane = Lane[int](at_once=3)
    assert len(lane.next({"hangs": list(range(100))}, {}, 0.0)) == 2
    assert lane.next({"hangs": list(range(100))}, {"hangs": 2}, 0.0) == []
    assert lane.next({"hangs": list(range(100)), "other": [7, 8]}, {"hangs": 2}, 0.0) == [("other", 7)]


def test_what_is_under_way_takes_places() -> None:
    lane = Lane[int](at_once=3)
    assert lane.next({"a": [1, 2, 3, 4]}, {"b": 1}, 0.0) == [("a", 1)]
    assert lane.next({"a": [1, 2]}, {"b": 1, "c": 2}, 0.0) == []


def test_places_that_are_taken_use_up_no_rate() -> None:
    lane = Lane[int](at_once=1, rate=TokenBucket(per_second=1, burst=1))
    assert lane.next({"a": [1]}, {"a": 1}, 0.0) == []
    assert lane.next({"a": [1]}, {}, 0.0) == [("a", 1)]


@given(waiting=WAITING, at_once=st.integers(1, 9), elsewhere=st.integers(0, 9))
def test_every_place_but_the_last_is_used_and_nobody_gets_two_ahead_of_another_who_waits(
    waiting: dict[str, list[int]], at_once: int, elsewhere: int
) -> None:
    chosen = Lane[int](at_once).next(waiting, {"elsewhere": elsewhere}, 0.0)
    free, wanted = max(0, at_once - elsewhere), sum(map(len, waiting.values()))
    assert min(free - 1, wanted) <= len(chosen) <= min(free, wanted)
    for name, items in waiting.items():
        got = [item for who, item in chosen if who == name]
        assert got == items[: len(got)]
        if len(got) < len(items):
            others = [sum(who == other for who, _ in chosen) for other in waiting]
            assert max(others) <= len(got) + 1
