"""Each request is counted once, whoever restarts, and what nobody reported is missing rather than zero."""

from hypothesis import given
from hypothesis import strategies as st

from paramedic.autoscaling.traffic import CounterReading, Coverage, merge
from paramedic.autoscaling.window import advance, is_complete, known_requests
from paramedic.state.autoscalers import Window


def counter(total: int, *ring: int, end: int = 100, incarnation: str = "a", replica: str = "0") -> CounterReading:
    return CounterReading(replica=replica, incarnation=incarnation, total=total, ring=ring, ring_end=end)


def report(start: int, end: int, incarnation: str = "a", replica: str = "0") -> Coverage:
    return Coverage(replica=replica, incarnation=incarnation, covers_from=start, covers_until=end)


def test_only_what_lies_beyond_the_cursor_is_new() -> None:
    figures = merge({"0#a": 7}, [report(0, 100)], [counter(12, 3, 4, 1, 4)])
    assert figures.requests == {98: 1, 99: 4}
    assert figures.cursors == {"0#a": 12}


def test_merging_the_same_rows_again_adds_nothing() -> None:
    rows = [counter(12, 3, 4, 1, 4)]
    first = merge({}, [report(0, 100)], rows)
    assert merge(first.cursors, [report(0, 100)], rows).requests == {}


def test_a_new_incarnation_starts_from_its_own_zero() -> None:
    rows = [counter(500, 0, 0), counter(3, 1, 2, end=110, incarnation="b")]
    figures = merge({"0#a": 500}, [report(105, 110, incarnation="b")], rows)
    assert figures.requests == {108: 1, 109: 2}
    assert figures.cursors == {"0#a": 500, "0#b": 3}


def test_an_old_read_moves_no_cursor_back() -> None:
    figures = merge({"0#a": 12}, [report(0, 100)], [counter(7, 3, 4)])
    assert (figures.requests, figures.cursors) == ({}, {"0#a": 12})


def test_requests_older_than_the_ring_are_counted_in_no_second() -> None:
    assert merge({}, [], [counter(1000, 2, 3)]).requests == {98: 2, 99: 3}


def test_only_seconds_that_every_replica_covers_are_complete() -> None:
    figures = merge({}, [report(10, 90), report(20, 100, replica="1")], [])
    assert (figures.complete_from, figures.complete_until) == (20, 90)


def test_a_fresh_report_without_the_service_means_zero_and_no_report_means_missing() -> None:
    known = advance(Window(start=0), merge({}, [report(0, 10)], []), 5, 10)
    assert known.counts == (0, 0, 0, 0, 0)
    unknown = advance(Window(start=0), merge({}, [], []), 5, 10)
    assert unknown.counts == (None,) * 5


def test_a_second_that_one_replica_has_not_reported_is_a_lower_bound_until_it_has() -> None:
    first = merge({}, [report(0, 10), report(0, 8, replica="1")], [counter(4, 2, 2, end=10)])
    partial = advance(Window(start=0), first, 7, 10)
    assert (partial.counts, partial.incomplete) == ((0, 2, 2), (8, 9))
    assert not is_complete(partial, 10)
    rows = [counter(4, 2, 2, end=10), counter(5, 5, 0, end=10, replica="1")]
    second = merge(first.cursors, [report(0, 10), report(0, 10, replica="1")], rows)
    full = advance(partial, second, 7, 10)
    assert (full.counts, full.incomplete) == ((0, 7, 2), ())


def test_a_window_moved_over_a_gap_knows_nothing_of_it() -> None:
    window = Window(start=0, counts=(1, 2, 3))
    moved = advance(window, merge({}, [], []), 2, 6)
    assert moved.counts == (3, None, None, None)
    assert known_requests(moved) == 3


seconds = st.lists(st.integers(min_value=0, max_value=9), min_size=1, max_size=40)


@given(seconds, st.sets(st.integers(min_value=1, max_value=40)))
def test_however_often_it_is_merged_every_request_is_counted_once(arrivals: list[int], looks: set[int]) -> None:
    ends = sorted({end for end in looks if end <= len(arrivals)} | {len(arrivals)})
    cursors: dict[str, int] = {}
    window = Window(start=0)
    for end in ends:
        reading = counter(sum(arrivals[:end]), *arrivals[:end], end=end)
        figures = merge(cursors, [report(0, end)], [reading])
        cursors = dict(figures.cursors)
        window = advance(window, figures, 0, len(arrivals))
    assert list(window.counts) == arrivals
