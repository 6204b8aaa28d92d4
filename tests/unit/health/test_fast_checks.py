"""Further checks within a minute: what they look at, and that every rule in ticks and minutes holds for them."""

import pytest

from paramedic.errors import InvalidInputError
from paramedic.health.outcomes import OutcomeKind
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.targets import COUNTS_BUCKET, Target, TargetCount, TargetKind, bucket_of
from tests.fakes.check_world import TARGET, URL_TARGET, CheckWorld, iso
from tests.fakes.targets import bad_target

TEN_SECONDS = 1 / 6
MASS = "Mass Failure Suspected"


@pytest.fixture
def world(memory_tables: None) -> CheckWorld:
    """The controller and the URL, both fast."""
    world = CheckWorld()
    for target_id in (TARGET, URL_TARGET):
        world.row(target_id).update(actions=[Target.fast.set(True)])
    return world


def test_a_further_check_looks_at_what_it_names_and_is_fast_still(world: CheckWorld) -> None:
    neighbour = next(f"url:{n}" for n in range(10_000) if bucket_of(f"url:{n}") == bucket_of(URL_TARGET))
    world.add(neighbour, TargetKind.URL)
    world.add("url:changed", TargetKind.URL, every_minutes=15)
    named = (URL_TARGET, "url:changed", "url:removed")
    assert [world.check(n * TEN_SECONDS, only=named).checked for n in range(1, 6)] == [1] * 5
    assert world.check(1).checked == 3


def test_a_malformed_row_that_is_named_hides_no_other(world: CheckWorld) -> None:
    world.row(TARGET).update(actions=[Target.min_reader.set(99)])
    summary = world.check(TEN_SECONDS, only=(TARGET, URL_TARGET))
    assert (summary.checked, summary.invalid_rows) == (1, 1)


def test_what_fails_between_two_minutes_is_told_then_and_recovers_then(world: CheckWorld) -> None:
    world.check(0)
    world.prober.kinds[URL_TARGET] = OutcomeKind.REFUSED
    world.check(TEN_SECONDS, only=(URL_TARGET,))
    world.prober.kinds.clear()
    world.check(2 * TEN_SECONDS, only=(URL_TARGET,))
    assert [event["tick"] for event in world.bus.details()] == [iso(TEN_SECONDS), iso(2 * TEN_SECONDS)]
    assert world.bus.types() == ["Target Down", "Target Recovered"]


def test_a_further_tick_is_late_ninety_seconds_after_its_own_time_and_refused_far_ahead_of_it(
    world: CheckWorld,
) -> None:
    assert world.check(50 / 60, arrives=139 / 60, only=(TARGET,)).checked == 1
    assert world.check(50 / 60, arrives=141 / 60, only=(TARGET,)).late == 1
    with pytest.raises(InvalidInputError, match="tick: is in the future"):
        world.check(8, arrives=2.5, only=(TARGET,))


def test_timeouts_make_a_controller_hung_after_two_minutes_and_not_after_so_many_checks(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.TIMEOUT
    for number in range(12):
        world.check(number * TEN_SECONDS, only=(TARGET,) if number % 6 else ())
    assert world.bus.types() == []
    world.check(12 * TEN_SECONDS)
    assert world.bus.types() == ["Controller Failed"]


def test_what_needs_a_cure_is_announced_once_a_minute_however_often_it_is_checked(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    for number in range(13):
        world.check(number * TEN_SECONDS, only=(TARGET,) if number % 6 else ())
    assert [event["tick"] for event in world.bus.details()] == [iso(0), iso(1), iso(2)]


def test_what_the_bus_refused_is_announced_by_the_next_check_of_the_minute(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    world.bus.refuses = True
    world.check(0)
    world.bus.refuses = False
    world.check(TEN_SECONDS, only=(TARGET,))
    world.check(2 * TEN_SECONDS, only=(TARGET,))
    assert [event["tick"] for event in world.bus.details()] == [iso(TEN_SECONDS)]


def test_a_slow_check_that_the_next_one_overtook_neither_undoes_nor_announces_anything(world: CheckWorld) -> None:
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED

    def overtaken() -> None:
        world.clock.on_sleep = lambda: None
        world.check(TEN_SECONDS, only=(TARGET,))

    world.clock.on_sleep = overtaken
    world.check(0)
    assert world.bus.types() == ["Controller Failed"]
    bad = world.row().bad
    assert bad is not None
    assert (bad.since, bad.unpublished) == (iso(TEN_SECONDS), None)


def test_a_url_that_comes_and_goes_every_ten_seconds_is_told_of_once_until_it_is_steady(world: CheckWorld) -> None:
    for number in range(30):
        world.prober.kinds = {} if number % 2 else {URL_TARGET: OutcomeKind.TIMEOUT}
        world.check(number * TEN_SECONDS, only=(URL_TARGET,) if number % 6 else ())
    for minute in range(5, 10):
        world.check(minute)
    told = [detail["notice"] for detail in world.bus.details() if detail["notice"]]
    assert told == ["open", "close", "open"]
    world.check(10)
    assert world.bus.details()[-1]["notice"] == "close"


def test_what_went_bad_within_three_minutes_went_bad_together_whichever_check_found_it(world: CheckWorld) -> None:
    TargetCount(COUNTS_BUCKET, "63", targets=19).save()
    TargetCount(COUNTS_BUCKET, f"{bucket_of(URL_TARGET):02d}", targets=1).save()
    for number in range(4):
        bad_target(f"url:other-{number}", world.tick(number * TEN_SECONDS), bucket=63).save()
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(2.5, only=(URL_TARGET,))
    assert world.bus.types() == ["Target Down", MASS]


def test_a_planned_downtime_begins_and_ends_between_two_minutes(world: CheckWorld) -> None:
    period = PlannedPeriod(since=world.tick(TEN_SECONDS), until=world.tick(3 * TEN_SECONDS), reason="nights")
    world.row().update(actions=[Target.downtime.set(period)])
    assert [world.check(n * TEN_SECONDS, only=(TARGET,)).checked for n in range(1, 5)] == [0, 0, 1, 1]
