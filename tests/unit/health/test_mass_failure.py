"""When a large part of all targets went bad together; and that people hear of it once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.health.mass_failure import BadTarget, mass_failure
from paramedic.health.outcomes import OutcomeKind
from paramedic.state.downtime_windows import PlannedPeriod
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, bucket_of
from tests.fakes.check_world import URL_TARGET, CheckWorld
from tests.fakes.targets import bad_target

START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
MASS = "Mass Failure Suspected"


def bad_at(*minutes: float) -> list[BadTarget]:
    return [BadTarget(f"url:{number}", START + timedelta(minutes=minute)) for number, minute in enumerate(minutes)]


@pytest.mark.parametrize(
    ("targets", "bad", "is_one"),
    [
        (9, 9, False),
        (10, 4, False),
        (10, 5, True),
        (25, 5, True),
        (26, 5, False),
        (1000, 199, False),
        (1000, 200, True),
    ],
)
def test_a_fifth_of_ten_targets_or_more_and_five_at_least_are_a_mass_failure(
    targets: int, bad: int, is_one: bool
) -> None:
    assert (mass_failure(bad_at(*([0] * bad)), targets) is not None) is is_one


@pytest.mark.parametrize(
    ("minutes", "together"), [((0, 0, 1, 1, 2), 5), ((0, 0, 1, 2, 3), 0), ((-600, 0, 1, 1, 2, 2), 5)]
)
def test_only_those_count_that_went_bad_within_three_ticks(minutes: tuple[float, ...], together: int) -> None:
    mass = mass_failure(bad_at(*minutes), 10)
    assert (0 if mass is None else len(mass.bad)) == together


@given(st.lists(st.floats(0, 20), max_size=15), st.integers(0, 40))
def test_a_mass_failure_is_what_the_rule_says_however_the_beginnings_lie(minutes: list[float], targets: int) -> None:
    mass = mass_failure(bad_at(*minutes), targets)
    most = max((sum(begin <= each < begin + 3 for each in minutes) for begin in minutes), default=0)
    assert (mass is not None) is (targets >= 10 and most >= max(5, targets / 5))


@pytest.fixture
def world(memory_tables: None) -> CheckWorld:
    return CheckWorld()


def with_others_bad(number: int, minute: float = 0, *, targets: int = 20, bucket: int = 63) -> None:
    """Others of another group, bad since `minute`."""
    TargetCount(COUNTS_BUCKET, f"{bucket_of(URL_TARGET):02d}", targets=1).save()
    TargetCount(COUNTS_BUCKET, f"{bucket:02d}", targets=targets - 1).save()
    since = START + timedelta(minutes=minute)
    for each in range(number):
        bad_target(f"url:other-{each}", since, bucket=bucket).save()


def test_a_target_that_completes_a_mass_failure_says_so_with_figures_and_examples(world: CheckWorld) -> None:
    with_others_bad(4)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(1)
    assert world.bus.types() == ["Target Down", MASS]
    detail = world.bus.details()[1]
    assert (detail["bad"], detail["targets"], detail["severity"]) == (5, 20, "page")
    assert set(detail["examples"]) == {URL_TARGET, *(f"url:other-{each}" for each in range(4))}
    assert detail["sentence"].startswith("5 of 20 targets went bad within three minutes, from 03:00:00Z on")


def test_one_target_more_or_another_tick_says_it_only_once(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    for minute in range(6):
        world.check(minute)
    assert world.bus.types().count(MASS) == 1


def test_what_the_bus_did_not_take_is_said_at_the_next_tick(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.bus.refuses = True
    world.check(0)
    world.bus.refuses = False
    world.check(1)
    world.check(2)
    assert world.bus.types().count(MASS) == 1


def test_another_mass_failure_an_hour_later_is_said_again(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    world.prober.kinds.clear()
    world.check(1)
    with_others_bad(5, 60)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(60)
    ids = [detail["event_id"] for detail in world.bus.details() if "examples" in detail]
    assert len(set(ids)) == len(ids) == 2


def test_targets_that_are_paused_or_off_on_purpose_do_not_count(world: CheckWorld) -> None:
    with_others_bad(5)
    for number in range(5):
        row = Target.get(63, f"url:other-{number}")
        if number % 2:
            row.paused = True
        else:
            row.downtime = PlannedPeriod(since=START, until=START + timedelta(hours=1), reason="")
        row.save()
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    assert MASS not in world.bus.types()


def test_in_a_small_fleet_nothing_else_is_looked_at(world: CheckWorld) -> None:
    with_others_bad(5, targets=9)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    assert world.bus.types() == ["Target Down"]
    assert bucket_of(URL_TARGET) != 63
