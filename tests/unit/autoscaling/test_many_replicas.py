"""Traffic of several gateway replicas that come, fall silent and leave: each request once, and no silence for zero."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.autoscaling.reports import ServiceTraffic
from paramedic.autoscaling.traffic import merge
from paramedic.autoscaling.window import advance, is_complete, known_requests
from paramedic.state.autoscalers import Window
from paramedic.state.traffic import TrafficReport, read_reports, report_item
from paramedic.state.transactions import Update, transact
from tests.fakes.clock import FakeClock
from tests.fakes.memory_dynamodb import MemoryDynamoDB
from tests.fakes.traffic_reporter import TrafficReporter

GATEWAY, UID, WINDOW = "web", "uid-chat", 60


@dataclass
class Fleet:
    """Replicas of one gateway, and an autoscaler that looks at what they report."""

    clock: FakeClock = field(default_factory=FakeClock)
    reporters: dict[int, TrafficReporter] = field(default_factory=dict)
    lives: int = 0
    sent: Counter[int] = field(default_factory=Counter)
    cursors: dict[str, int] = field(default_factory=dict)
    window: Window = field(default_factory=lambda: Window(start=0))
    traffic: ServiceTraffic = field(default_factory=lambda: ServiceTraffic(GATEWAY, UID))

    @property
    def now(self) -> int:
        return int(self.clock.now().timestamp())

    def join(self, number: int) -> None:
        """A replica begins, of which nothing is known that it counted before."""
        self.lives += 1
        self.reporters[number] = TrafficReporter(GATEWAY, f"web-{number}", f"life-{self.lives}", self.clock)
        self.reporters[number].flush()

    def serves(self, number: int, requests: int) -> None:
        self.reporters[number].count(UID, requests)
        self.sent[self.now] += requests

    def removed(self, number: int) -> None:
        """It ended in order, and is forgotten: what it counted stays."""
        self.reporters.pop(number).flush()
        row = TrafficReport(GATEWAY, report_item(f"web-{number}"))
        transact([Update(row, (TrafficReport.expires_at.set(self.now),))], self.clock)

    def looks(self) -> None:
        """The autoscaler's tick."""
        seen = self.traffic.read(read_reports(GATEWAY), self.now)
        seconds = range(self.now - WINDOW, self.now)
        figures = merge(self.cursors, seen.reports, seen.counters, seconds=seconds, now=self.now)
        self.window = advance(self.window, figures, seconds)
        self.cursors = dict(figures.cursors)

    def knows(self) -> dict[int, int]:
        counted = {self.window.start + i: count for i, count in enumerate(self.window.counts) if count}
        return {second: count for second, count in counted.items() if count}


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with MemoryDynamoDB().bound():
        yield Fleet()


def test_a_removed_replicas_last_figures_count_once_though_no_other_replica_moved(fleet: Fleet) -> None:
    fleet.join(1)
    fleet.join(2)
    fleet.looks()
    fleet.serves(2, 7)
    fleet.clock.advance(1)
    fleet.removed(2)
    for _ in range(3):
        fleet.reporters[1].flush()
        fleet.looks()
        fleet.clock.advance(1)
    assert known_requests(fleet.window) == 7


def test_a_replica_that_came_and_went_between_two_looks_counts_once(fleet: Fleet) -> None:
    fleet.looks()
    fleet.join(1)
    fleet.serves(1, 3)
    fleet.clock.advance(1)
    fleet.removed(1)
    for _ in range(2):
        fleet.looks()
    assert known_requests(fleet.window) == 3


def test_while_one_replica_is_silent_the_sum_is_a_lower_bound_and_marked_so(fleet: Fleet) -> None:
    fleet.join(1)
    fleet.join(2)
    since = fleet.now
    for _ in range(3):
        fleet.serves(1, 2)
        fleet.serves(2, 5)
        fleet.clock.advance(1)
        fleet.reporters[1].flush()
    fleet.looks()
    assert known_requests(fleet.window) == 6
    assert not is_complete(fleet.window, fleet.now)
    assert set(range(since, fleet.now)) <= set(fleet.window.incomplete)
    fleet.reporters[2].flush()
    fleet.looks()
    assert known_requests(fleet.window) == 21
    assert not set(range(since, fleet.now)) & set(fleet.window.incomplete)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("serves"), st.integers(1, 4), st.integers(1, 9)),
        st.tuples(st.just("reports"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("joins"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("removed"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("looks"), st.just(0), st.just(0)),
        st.tuples(st.just("a second passes"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=100)
def test_whoever_comes_goes_or_is_late_each_request_is_counted_once_in_its_own_second(
    steps: Sequence[tuple[str, int, int]],
) -> None:
    with MemoryDynamoDB().bound():
        fleet = Fleet()
        for what, number, requests in steps:
            known = number in fleet.reporters
            match what:
                case "serves" if known:
                    fleet.serves(number, requests)
                case "reports" if known:
                    fleet.reporters[number].flush()
                case "joins" if not known:
                    fleet.join(number)
                case "removed" if known:
                    # What it serves in this second is reported when that is over.
                    fleet.clock.advance(1)
                    fleet.removed(number)
                case "looks":
                    fleet.looks()
                case "a second passes":
                    fleet.clock.advance(1)
            for second, count in fleet.knows().items():
                assert count <= fleet.sent[second]
            known_now = fleet.knows()
            assert all(known_now.get(second, 0) == fleet.sent[second] for second in vouched_for(fleet.window))
        fleet.clock.advance(1)
        for reporter in fleet.reporters.values():
            reporter.flush()
        fleet.looks()
        assert fleet.knows() == {second: count for second, count in fleet.sent.items() if count}


def vouched_for(window: Window) -> list[int]:
    """The seconds of which nobody's figures are missing."""
    known = (window.start + i for i, count in enumerate(window.counts) if count is not None)
    return [second for second in known if second not in window.incomplete]
