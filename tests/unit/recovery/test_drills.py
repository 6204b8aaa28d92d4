"""When drills may be made, and how they are told."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.errors import InvalidInputError
from paramedic.recovery.drills import read_window, timed, why_not_now
from paramedic.state.recoveries import Entry

MINUTES = st.times().map(lambda moment: moment.replace(second=0, microsecond=0))


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, 5, hour, minute, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "within", "outside"),
    [
        ("02:00-04:00", [at(2), at(3, 59)], [at(1, 59), at(4)]),
        ("22:30-01:00", [at(22, 30), at(0), at(0, 59)], [at(1), at(22, 29), at(12)]),
    ],
)
def test_a_window_begins_with_its_first_minute_and_ends_before_its_last(
    window: str, within: list[datetime], outside: list[datetime]
) -> None:
    assert [moment for moment in [*within, *outside] if not why_not_now(window, moment)] == within


def test_without_a_window_a_drill_may_be_made_at_any_time() -> None:
    assert why_not_now(None, at(12)) == ""


@given(begins=MINUTES, ends=MINUTES, hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_a_moment_is_in_a_window_or_in_the_one_that_is_left_of_the_day_and_never_in_both(
    begins: time, ends: time, hour: int, minute: int
) -> None:
    if begins == ends:
        return
    one, other = f"{begins:%H:%M}-{ends:%H:%M}", f"{ends:%H:%M}-{begins:%H:%M}"
    assert bool(why_not_now(one, at(hour, minute))) != bool(why_not_now(other, at(hour, minute)))


@pytest.mark.parametrize("window", ["", "2-4", "24:00-01:00", "02:00-02:00", "02:60-03:00", "02:00-04:00 CET"])
def test_what_is_no_window_is_refused_by_name(window: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^WINDOW: "):
        read_window(window, "WINDOW")


def test_each_step_of_a_drill_is_told_by_how_long_it_took() -> None:
    seconds = {"gate": "00.000", "launch": "00.300", "verify": "01.000", "done": "04.500"}
    entries = [Entry(at=f"2026-01-05T03:00:{s}Z", step=step, text="") for step, s in seconds.items()]
    assert timed(entries) == "ended after 0.3 s, its successor launched after 1.0 s, healthy again after 4.5 s"
