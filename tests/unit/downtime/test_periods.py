"""Windows and a moment: in downtime or not, since when, until when and why."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.downtime.periods import in_effect, is_over, upcoming
from paramedic.state.downtime_windows import OneOff, Recurring, Window
from paramedic.wall_clock import wall_clock_cron

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NIGHTS = Recurring(stop="0 20 * * *", start="0 7 * * *", timezone="Europe/Berlin")


def window(plan: Recurring | OneOff, *, added_at: datetime = LONG_AGO, number: int = 1) -> Window:
    return Window(number=number, plan=plan, owner="ada", reason="nights", added_at=added_at)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_night_begins_at_its_stop_and_ends_before_its_start() -> None:
    nights = [window(NIGHTS)]
    assert in_effect(nights, at("2026-01-05T19:59:59+01:00")) == ()
    [period] = in_effect(nights, at("2026-01-05T20:00:00+01:00"))
    assert (period.since, period.until) == (at("2026-01-05T20:00+01:00"), at("2026-01-06T07:00+01:00"))
    assert period.reason == "nights"
    assert in_effect(nights, at("2026-01-06T06:59:59+01:00")) == (period,)
    assert in_effect(nights, at("2026-01-06T07:00:00+01:00")) == ()


def test_nights_keep_to_the_wall_clock_when_the_clock_changes() -> None:
    [shorter] = in_effect([window(NIGHTS)], at("2026-03-28T21:00:00Z"))
    [longer] = in_effect([window(NIGHTS)], at("2026-10-24T21:00:00Z"))
    assert (shorter.until - shorter.since, longer.until - longer.since) == (timedelta(hours=10), timedelta(hours=12))


def test_weekends_last_from_friday_evening_to_monday_morning() -> None:
    weekends = window(Recurring(stop="0 20 * * FRI", start="0 7 * * MON", timezone="UTC"))
    [period] = in_effect([weekends], at("2026-01-11T12:00:00Z"))
    assert (period.since, period.until) == (at("2026-01-09T20:00Z"), at("2026-01-12T07:00Z"))
    assert in_effect([weekends], at("2026-01-07T23:00:00Z")) == ()


def test_a_window_that_is_added_in_the_middle_of_its_night_begins_then() -> None:
    added = at("2026-01-05T22:30:00+01:00")
    [period] = in_effect([window(NIGHTS, added_at=added)], at("2026-01-05T22:31:00+01:00"))
    assert period.since == added
    assert in_effect([window(NIGHTS, added_at=added)], at("2026-01-05T22:29:00+01:00")) == ()


def test_where_stop_and_start_coincide_nothing_is_stopped() -> None:
    every_hour = window(Recurring(stop="0 * * * *", start="0 7 * * *", timezone="UTC"))
    assert in_effect([every_hour], at("2026-01-05T07:00:00Z")) == ()
    [period] = in_effect([every_hour], at("2026-01-05T12:00:00Z"))
    assert (period.since, period.until) == (at("2026-01-05T08:00Z"), at("2026-01-06T07:00Z"))
    assert upcoming(window(Recurring(stop="0 7 * * *", start="0 7 * * *", timezone="UTC")), LONG_AGO) is None


def test_a_one_off_is_in_effect_once_and_then_over() -> None:
    move = window(OneOff(begin=at("2026-01-05T20:00:00Z"), end=at("2026-01-05T22:00:00Z")))
    assert in_effect([move], at("2026-01-05T19:59:00Z")) == ()
    assert len(in_effect([move], at("2026-01-05T20:00:00Z"))) == 1
    assert not is_over(move, at("2026-01-05T21:59:59Z"))
    assert is_over(move, at("2026-01-05T22:00:00Z"))
    assert upcoming(move, at("2026-01-05T22:00:00Z")) is None


def test_people_are_shown_the_period_in_effect_or_else_the_next() -> None:
    nights = window(NIGHTS)
    now, later = upcoming(nights, at("2026-01-05T23:00+01:00")), upcoming(nights, at("2026-01-06T12:00+01:00"))
    assert now is not None
    assert later is not None
    assert (now.since, later.since) == (at("2026-01-05T20:00+01:00"), at("2026-01-06T20:00+01:00"))


EXPRESSIONS = ["0 20 * * *", "30 2 * * *", "0 7 * * MON-FRI", "15 */6 * * *", "0 0 1 * *", "59 23 L * *"]


@settings(deadline=None)
@given(
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(EXPRESSIONS),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]),
    st.timedeltas(timedelta(0), timedelta(days=730)),
)
def test_it_is_downtime_exactly_when_the_last_thing_that_happened_was_a_stop(
    stop: str, start: str, timezone: str, later: timedelta
) -> None:
    moment = at("2026-01-01T00:00:00Z") + later
    stopped = wall_clock_cron("stop", stop, timezone).last_until(moment)
    started = wall_clock_cron("start", start, timezone).last_until(moment)
    periods = in_effect([window(Recurring(stop=stop, start=start, timezone=timezone))], moment)
    assert bool(periods) == (stopped > started)
    for period in periods:
        assert period.since <= moment < period.until
        assert started < period.since <= stopped
        assert period.until == wall_clock_cron("start", start, timezone).next_after(moment)


@pytest.mark.parametrize("moment", ["2026-01-05T23:00:00+01:00", "2026-01-06T12:00:00+01:00"])
def test_each_window_counts_by_itself(moment: str) -> None:
    move = window(OneOff(begin=at("2026-01-05T22:00Z"), end=at("2026-01-06T12:00Z")), number=2)
    both = in_effect([window(NIGHTS), move], at(moment))
    assert both == (*in_effect([window(NIGHTS)], at(moment)), *in_effect([move], at(moment)))
    assert both
