"""When a large part of all targets went bad together; and that people hear of it once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.clock import to_iso
from paramedic.health.mass_failure import BadTarget, mass_failure
from paramedic.health.outcomes import OutcomeKind
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.tables import StateUnreachableError
from paramedic.state.targets import (
    COUNTS_BUCKET,
    MASS_FAILURE_NOTE,
    NOTES_BUCKET,
    MassFailureNote,
    Target,
    TargetCount,
    TargetKind,
    bucket_of,
)
from tests.fakes.check_world import TARGET, URL_TARGET, CheckWorld
from tests.fakes.targets import bad_target

START = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
MASS = "Mass Failure Suspected"
OVER = "Mass Failure Over"


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


def notices(world: CheckWorld) -> list[tuple[str, str]]:
    """What people are sent: of what, and whether it begins or ends."""
    return [(each.get("target_id", MASS), each["notice"]) for each in world.bus.details() if each["notice"]]


def test_people_hear_of_a_mass_failure_and_not_of_each_target_in_it(world: CheckWorld) -> None:
    with_others_bad(4)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    for minute in range(1, 9):
        world.check(minute)
    assert notices(world) == [(MASS, "open")]
    bad = world.row(URL_TARGET).bad
    assert bad is not None
    assert (bad.diagnosis, bad.outcome) == ("mass_failure", "timeout")
    world.prober.kinds.clear()
    world.check(9)
    assert (notices(world), world.row(URL_TARGET).bad) == ([(MASS, "open"), (MASS, "close")], None)


def ended(world: CheckWorld) -> None:
    """Those of the other group are well again."""
    for row in Target.query(63):
        row.update(actions=[Target.bad.remove()])


def test_people_hear_once_that_a_mass_failure_is_over_and_when_it_had_begun(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(1)
    ended(world)
    world.prober.kinds.clear()
    for minute in range(2, 9):
        world.check(minute)
    assert world.bus.types().count(OVER) == 1
    told = world.bus.details()[-1]
    assert (told["since"], told["notice"]) == (to_iso(START), "close")
    assert told["sentence"].startswith("The mass failure that began at 03:00:00Z is over.")


def test_that_it_is_over_is_said_at_the_next_tick_if_the_bus_did_not_take_it(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(1)
    ended(world)
    world.prober.kinds.clear()
    world.bus.refuses = True
    for minute in range(2, 7):
        world.check(minute)
    world.bus.refuses = False
    for minute in range(7, 9):
        world.check(minute)
    assert world.bus.types().count(OVER) == 1


def test_nobody_hears_the_end_of_what_nobody_heard_the_beginning_of(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.bus.refuses = True
    world.check(1)
    ended(world)
    world.prober.kinds.clear()
    for minute in range(2, 6):
        world.check(minute)
    world.bus.refuses = False
    for minute in range(6, 9):
        world.check(minute)
    assert not {MASS, OVER} & set(world.bus.types())


def test_a_mass_failure_is_not_over_while_other_groups_may_still_be_finding_it(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(1)
    ended(world)
    world.check(2)
    assert OVER not in world.bus.types()


def test_another_mass_failure_soon_after_one_is_over_is_told_too(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(1)
    ended(world)
    world.prober.kinds.clear()
    world.check(5)
    with_others_bad(5, 8)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(8)
    assert [each for each in world.bus.types() if each in (MASS, OVER)] == [MASS, OVER, MASS]


def test_what_an_earlier_release_noted_of_a_mass_failure_is_never_told_to_be_over(world: CheckWorld) -> None:
    MassFailureNote(NOTES_BUCKET, MASS_FAILURE_NOTE, last_tick=to_iso(START), event_id="e", unpublished=False).save()
    world.check(60)
    assert world.bus.types() == []


def test_what_fails_still_when_a_mass_failure_is_over_is_told_then(world: CheckWorld) -> None:
    with_others_bad(4)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(1)
    Target.get(63, "url:other-0").update(actions=[Target.bad.remove()])
    world.check(2)
    world.check(3)
    world.prober.kinds.clear()
    world.check(4)
    assert notices(world) == [(MASS, "open"), (URL_TARGET, "open"), (URL_TARGET, "close"), (MASS, "close")]
    assert world.bus.details()[-3]["diagnosis"] == "unreachable"


def test_a_target_that_was_bad_before_a_mass_failure_or_fails_long_after_is_told_by_itself(world: CheckWorld) -> None:
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    with_others_bad(5, 20)
    world.check(20)
    world.prober.kinds.clear()
    world.check(21)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(60)
    told = [(URL_TARGET, "open"), (URL_TARGET, "close"), (URL_TARGET, "open"), (MASS, "open")]
    assert notices(world) == told


def test_a_dead_controller_is_announced_for_recovery_in_a_mass_failure_too(world: CheckWorld) -> None:
    with_others_bad(5)
    world.beat()
    world.prober.kinds[TARGET] = OutcomeKind.REFUSED
    world.check(1)
    assert "Controller Failed" in world.bus.types()


def with_group(world: CheckWorld, number: int) -> list[str]:
    """More URLs of the group that is checked."""
    names = [f"url:near-{each}" for each in range(number)]
    for name in names:
        world.add(name, TargetKind.URL)
        TargetCount(COUNTS_BUCKET, f"{bucket_of(name):02d}", targets=1).save()
    return names


def test_a_large_part_of_a_group_that_begins_to_fail_waits_a_tick_for_what_the_other_groups_show(
    world: CheckWorld,
) -> None:
    near = with_group(world, 10)
    with_others_bad(0, targets=1000)
    world.prober.kinds = dict.fromkeys(near[:5], OutcomeKind.TIMEOUT)
    world.check(0)
    assert notices(world) == []
    world.check(1)
    world.check(2)
    assert notices(world) == [(name, "open") for name in sorted(near[:5], key=bucket_of)]


def test_a_mass_failure_whose_groups_are_checked_one_after_another_is_told_once(world: CheckWorld) -> None:
    near = with_group(world, 10)
    with_others_bad(0, targets=31)
    world.prober.kinds = dict.fromkeys(near[:5], OutcomeKind.TIMEOUT)
    world.check(0)
    assert notices(world) == []
    with_others_bad(5, targets=31)
    for minute in range(1, 5):
        world.check(minute)
    assert notices(world) == [(MASS, "open")]


def test_while_the_table_cannot_be_read_what_fails_with_others_goes_on_waiting(
    world: CheckWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_others_bad(4)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(1)

    def unreachable(*_: object) -> None:
        raise StateUnreachableError("no answer")

    monkeypatch.setattr("paramedic.health.fleet.Fleet.mass_failure", unreachable)
    world.check(2)
    assert notices(world) == [(MASS, "open")]
    assert world.row(URL_TARGET).bad is not None


def test_a_healthy_table_is_not_read_for_mass_failures(world: CheckWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise AssertionError("the whole table was read")

    monkeypatch.setattr("paramedic.health.fleet.Fleet.mass_failure", read)
    world.check(0)
    world.add(URL_TARGET, TargetKind.URL, bad=bad_target(URL_TARGET, START, bucket=0).bad)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(60)


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


def test_what_the_bus_takes_only_long_after_everything_began_to_fail_is_said_then(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.bus.refuses = True
    for minute in range(6):
        world.check(minute)
    world.bus.refuses = False
    for minute in range(6, 9):
        world.check(minute)
    assert notices(world) == [(MASS, "open")]


def test_one_that_lasts_for_an_hour_is_not_said_again_when_something_else_fails(world: CheckWorld) -> None:
    with_others_bad(5)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(0)
    world.add("url:another", TargetKind.URL)
    world.prober.kinds["url:another"] = OutcomeKind.TIMEOUT
    world.check(60)
    assert notices(world) == [(MASS, "open"), ("url:another", "open")]


def test_those_of_a_group_that_are_looked_at_twice_fail_together_with_the_others_of_it(world: CheckWorld) -> None:
    with_others_bad(3)
    gateway = "gateway:default/1"
    world.add(gateway, TargetKind.GATEWAY)
    world.prober.kinds = {URL_TARGET: OutcomeKind.TIMEOUT, gateway: OutcomeKind.RESET}
    world.check(0)
    assert notices(world) == [(URL_TARGET, "open"), (MASS, "open")]


def test_what_fails_with_many_others_is_asked_once(world: CheckWorld) -> None:
    with_others_bad(4)
    world.prober.kinds[URL_TARGET] = OutcomeKind.TIMEOUT
    world.check(1)
    world.check(2)
    attempts = [{each.target_id: each.attempts for each in asked}[URL_TARGET] for asked in world.prober.asked]
    assert attempts == [3, 1]


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
