"""Each request is counted once, whoever restarts, and what nobody reported is missing rather than zero."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from paramedic.autoscaling import traffic
from paramedic.autoscaling.traffic import MAX_CLOCK_LEAD_SECONDS, CounterReading, Coverage
from paramedic.autoscaling.window import Figures, advance, is_complete, known_requests
from paramedic.state.autoscalers import Window


def counter(total: int, *ring: int, end: int = 100, incarnation: str = "a", replica: str = "0") -> CounterReading:
    return CounterReading(replica=replica, incarnation=incarnation, total=total, ring=ring, ring_end=end)


def report(start: int, end: int, incarnation: str = "a", replica: str = "0") -> Coverage:
    return Coverage(replica=replica, incarnation=incarnation, covers_from=start, covers_until=end)


def merge(
    cursors: Mapping[str, int], reports: Sequence[Coverage], counters: Sequence[CounterReading], end: int = 200
) -> Figures:
    """At a tick that comes when the figures are read."""
    return traffic.merge(cursors, reports, counters, seconds=range(end - 200, end), now=end)


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
    known = advance(Window(start=0), merge({}, [report(0, 10)], []), range(5, 10))
    assert known.counts == (0, 0, 0, 0, 0)
    unknown = advance(Window(start=0), merge({}, [], []), range(5, 10))
    assert unknown.counts == (None,) * 5


def test_a_second_that_one_replica_has_not_reported_is_a_lower_bound_until_it_has() -> None:
    first = merge({}, [report(0, 10), report(0, 8, replica="1")], [counter(4, 2, 2, end=10)])
    partial = advance(Window(start=0), first, range(7, 10))
    assert (partial.counts, partial.incomplete) == ((0, 2, 2), (8, 9))
    assert not is_complete(partial, 10)
    rows = [counter(4, 2, 2, end=10), counter(5, 5, 0, end=10, replica="1")]
    second = merge(first.cursors, [report(0, 10), report(0, 10, replica="1")], rows)
    full = advance(partial, second, range(7, 10))
    assert (full.counts, full.incomplete) == ((0, 7, 2), ())


def test_a_window_moved_over_a_gap_knows_nothing_of_it() -> None:
    window = Window(start=0, counts=(1, 2, 3))
    moved = advance(window, merge({}, [], []), range(2, 6))
    assert moved.counts == (3, None, None, None)
    assert known_requests(moved) == 3


def test_requests_of_seconds_that_are_not_over_are_counted_when_they_are() -> None:
    rows, reports = [counter(12, 3, 4, 1, 4)], [report(0, 100)]
    first = merge({}, reports, rows, end=98)
    assert (first.requests, first.cursors, first.complete_until) == ({96: 3, 97: 4}, {"0#a": 7}, 98)
    rest = merge(first.cursors, reports, rows, end=101)
    assert (rest.requests, rest.cursors, rest.complete_until) == ({98: 1, 99: 4}, {"0#a": 12}, 100)


def test_a_ring_that_is_all_to_come_moves_no_cursor() -> None:
    figures = merge({"0#a": 2}, [report(0, 1000)], [counter(12, 3, 4, 1, end=1000)], end=100)
    assert (figures.requests, figures.cursors) == ({}, {"0#a": 2})


def test_requests_that_are_older_than_the_window_are_counted_once_the_clocks_agree() -> None:
    slow = merge({"0#a": 1}, [report(0, 100)], [counter(8, 3, 4, end=100)], end=301)
    assert (slow.requests, slow.cursors) == ({}, {"0#a": 1})
    corrected = merge(slow.cursors, [report(301, 302)], [counter(9, 3, 4, 0, 1, end=301)], end=302)
    assert corrected.requests == {297: 3, 298: 4, 300: 1}


def test_one_gateway_whose_clock_is_ahead_leaves_nothing_covered() -> None:
    def covered(lead: int) -> tuple[int, int]:
        ahead = report(20, 100 + lead, replica="1")
        figures = merge({}, [report(10, 99), ahead], [counter(3, 3, end=99)], end=100)
        assert figures.requests == {98: 3}
        return figures.complete_from, figures.complete_until

    assert covered(MAX_CLOCK_LEAD_SECONDS) == (20, 99)
    assert covered(MAX_CLOCK_LEAD_SECONDS + 1) == (0, 0)


def test_a_window_that_moved_back_takes_no_silence_for_zero() -> None:
    rows = [counter(10, *[1] * 10, end=100)]
    reports = [report(0, 100)]
    first = merge({}, reports, rows, end=100)
    window = advance(Window(start=100), first, range(90, 100))
    assert is_complete(window, 100)
    back = advance(window, merge(first.cursors, reports, rows, end=95), range(85, 95))
    assert back.counts == (*[None] * 5, *[1] * 5)
    again = advance(back, merge(first.cursors, reports, rows, end=100), range(90, 100))
    assert again.counts == (*[1] * 5, *[None] * 5)
    later = advance(again, merge(first.cursors, [report(0, 120)], rows, end=120), range(110, 120))
    assert later.counts == (0,) * 10


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
        window = advance(window, figures, range(len(arrivals)))
    assert list(window.counts) == arrivals
