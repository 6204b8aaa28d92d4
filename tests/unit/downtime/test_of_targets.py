"""What a target's row says of its planned downtime, whatever was planned, called off or planned again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from paramedic.downtime.of_targets import START_GRACE, announced
from paramedic.state.planned_period import PlannedPeriod

NOW = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def period(begins: int, ends: int) -> PlannedPeriod:
    return PlannedPeriod(since=NOW + begins * HOUR, until=NOW + ends * HOUR, reason="nights")


PERIODS = st.none() | st.builds(
    lambda begins, lasts: period(begins, begins + lasts), st.integers(-9, 9), st.integers(1, 9)
)


@given(PERIODS, PERIODS)
def test_a_second_pass_finds_nothing_to_write(planned: PlannedPeriod | None, stored: PlannedPeriod | None) -> None:
    said = announced(planned, stored, NOW)
    assert announced(planned, said, NOW) == said


@given(PERIODS, st.integers(0, 20))
def test_a_target_is_off_exactly_while_that_is_planned_and_may_start_for_ten_minutes(
    planned: PlannedPeriod | None, hours: int
) -> None:
    said, later = announced(planned, None, NOW), NOW + hours * HOUR
    assert (said is not None and said.covers(later)) is (planned is not None and planned.covers(later))
    if said is not None:
        assert not said.is_just_over(said.until - timedelta(seconds=1))
        assert said.is_just_over(said.until)
        assert said.is_just_over(said.until + START_GRACE - timedelta(seconds=1))
        assert not said.is_just_over(said.until + START_GRACE)


def test_one_that_is_called_off_ends_now_and_the_target_may_start() -> None:
    ended = announced(None, period(-1, 5), NOW)
    assert ended is not None
    assert (ended.until, ended.starts_until) == (NOW, NOW + START_GRACE)


def test_one_that_is_called_off_before_it_begins_never_was() -> None:
    assert announced(None, period(1, 5), NOW) is None
