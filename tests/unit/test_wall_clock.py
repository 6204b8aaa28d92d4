"""Cron in a time zone: what a change of the clock skips comes right after it, what it repeats comes once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.errors import InvalidInputError
from paramedic.wall_clock import wall_clock_cron

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)

# Each within a day or two of a change of the clock: an hour, half an hour, at midnight, a whole day.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 14, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("America/St_Johns", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 24, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 5, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 6, 1, tzinfo=UTC)),
]


def instants_of_the_rule(hour: int, minute: int, zone: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    """Watches the clock minute by minute for five days, as the rule is worded."""
    shown_before = (begin - MINUTE).astimezone(zone).replace(tzinfo=None)
    fired_for: set[datetime] = set()
    for passed in range(int(5 * DAY / MINUTE)):
        instant = begin + passed * MINUTE
        shown = instant.astimezone(zone).replace(tzinfo=None)
        skipped_or_shown = [shown_before + MINUTE * n for n in range(1, max(int((shown - shown_before) / MINUTE), 1))]
        due = [w for w in (*skipped_or_shown, shown) if (w.hour, w.minute) == (hour, minute)]
        if any(w not in fired_for for w in due):
            yield instant
        fired_for.update(due)
        shown_before = shown


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(CHANGES), st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
def test_a_skipped_time_counts_right_after_the_gap_and_a_repeated_one_once(
    change: tuple[str, datetime], hour: int, minute: int
) -> None:
    zone, begin = ZoneInfo(change[0]), change[1] - 2 * DAY
    expected = list(instants_of_the_rule(hour, minute, zone, begin))
    cron = wall_clock_cron("stop", f"{minute} {hour} * * *", change[0])
    found = []
    moment = begin - MINUTE
    while (moment := cron.next_after(moment)) < begin + 5 * DAY:
        found.append(moment)
    assert found == expected


@settings(deadline=None)
@given(
    st.sampled_from(CHANGES),
    st.sampled_from(["30 2 * * *", "0 */3 * * *", "*/20 1-3 * * *", "15 0 * * SUN", "59 23 L * *", "* * * * *"]),
    st.integers(-3 * 24 * 3600, 3 * 24 * 3600),
)
def test_looking_back_and_looking_ahead_find_the_same_times(
    change: tuple[str, datetime], expression: str, seconds: int
) -> None:
    cron = wall_clock_cron("stop", expression, change[0])
    moment = change[1] + timedelta(seconds=seconds)
    last, following = cron.last_until(moment), cron.next_after(moment)
    assert last <= moment < following
    assert cron.next_after(last) == following
    assert cron.last_until(following) == following
    assert cron.last_until(following - timedelta(microseconds=1)) == last


def test_the_rule_for_a_night_when_the_clock_goes_forward_and_one_when_it_goes_back() -> None:
    cron = wall_clock_cron("stop", "30 2 * * *", "Europe/Berlin")
    assert cron.next_after(datetime(2026, 3, 29, 0, 0, tzinfo=UTC)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert cron.next_after(datetime(2026, 10, 25, 0, 0, tzinfo=UTC)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert cron.next_after(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "expression", "timezone", "named"),
    [
        ("stop", "0 25 * * *", "UTC", r"stop: .*bad hour.*'0 25 \* \* \*'"),
        ("start", "0 7 * *", "UTC", "start: .*wrong number of fields"),
        ("start", "0 0 7 * * *", "UTC", "start: .*wrong number of fields"),
        ("stop", "@daily", "UTC", "stop: .*wrong number of fields"),
        ("stop", "0 0 30 2 *", "UTC", "stop: "),
        ("stop", "0 0 */20 * 1L", "UTC", "stop: is a time that never comes"),
        ("stop", "0 20 * * *", "Mars/Olympus", "timezone: .*Europe/Berlin.*'Mars/Olympus'"),
        ("stop", "0 20 * * *", "Europe", "timezone: "),
        ("stop", "0 20 * * *", "../etc/passwd", "timezone: "),
        ("stop", "0 20 * * *", "", "timezone: "),
    ],
)
def test_what_is_malformed_is_named(field: str, expression: str, timezone: str, named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        wall_clock_cron(field, expression, timezone)


@given(st.text(max_size=20), st.text(max_size=12))
def test_any_text_is_either_a_cron_that_fires_or_refused_by_name(expression: str, timezone: str) -> None:
    try:
        cron = wall_clock_cron("stop", expression, timezone)
    except InvalidInputError as error:
        named = error.field
    else:
        named = "stop"
        assert cron.next_after(CHANGES[0][1]) > CHANGES[0][1]
    assert named in ("stop", "timezone")
