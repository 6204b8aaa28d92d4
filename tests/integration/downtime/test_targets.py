"""A target that is off on purpose alarms nobody, has a while to be back, and pages like any other after that."""

from datetime import timedelta

import pytest

from paramedic.clock import to_iso
from paramedic.downtime import windows
from paramedic.downtime.passes import DowntimeError
from paramedic.downtime.stored import TargetSubject
from paramedic.errors import InvalidInputError
from paramedic.health.push_targets import PushTarget
from paramedic.health.url_targets import UrlTarget
from paramedic.state.downtime_windows import OneOff, Recurring
from paramedic.state.target_downtimes import WINDOWS_BUCKET, TargetDowntime
from paramedic.state.target_registry import TargetMissingError, add_target, remove_target
from paramedic.state.targets import Target
from tests.fakes.downtime_world import NIGHTS, DowntimeWorld, one_off
from tests.fakes.dynamodb_faults import faults, reply_lost
from tests.fakes.targets import stored_target

pytestmark = pytest.mark.integration

SHOP = UrlTarget(name="shop", url="https://shop.example/health")
OFF = TargetSubject(SHOP.target_id)


@pytest.fixture
def world(table_prefix: str) -> DowntimeWorld:
    world = DowntimeWorld(table_prefix)
    add_target(SHOP.row(), world.clock)
    return world


def plan(world: DowntimeWorld, plan: Recurring | OneOff = NIGHTS) -> int:
    return windows.add_window(OFF, plan, "ada", "nights are quiet", world.clock).number


def announced() -> tuple[str, str] | None:
    period = shop().downtime
    return None if period is None else (to_iso(period.since)[5:16], to_iso(period.until)[5:16])


def shop() -> Target:
    return stored_target(SHOP.target_id)


def test_checks_know_of_a_night_before_it_begins_and_of_the_while_after_it(world: DowntimeWorld) -> None:
    plan(world)
    for time, known in (("19:57", None), ("19:58", ("01-05T20:00", "01-06T07:00"))):
        world.at(time)
        world.tick()
        assert announced() == known
    world.at("2026-01-06T07:00:00")
    world.tick()
    now = world.clock.now()
    assert not shop().is_off_on_purpose(now)
    assert [shop().may_still_start(now + timedelta(minutes=minutes)) for minutes in (0, 9.9, 10)] == [True, True, False]


def test_a_night_is_recorded_once_and_its_next_passes_write_nothing(world: DowntimeWorld) -> None:
    plan(world)
    world.at("20:00")
    assert world.tick() == 1
    for time in ("21:00", "2026-01-06T07:00:00", "2026-01-06T08:00:00"):
        world.at(time)
        with faults("none") as calls:
            world.tick()
        assert set(calls) == {"Query", "GetItem"}


def test_a_window_that_is_removed_ends_the_downtime_and_the_target_may_start(world: DowntimeWorld) -> None:
    number = plan(world)
    world.at("22:00")
    world.tick()
    assert windows.remove_window(OFF, number, "bob", world.clock).owner == "ada"
    world.tick()
    now = world.clock.now()
    assert (shop().is_off_on_purpose(now), shop().may_still_start(now)) == (False, True)


def test_a_one_off_has_an_owner_and_a_reason_and_is_gone_with_the_next_change(world: DowntimeWorld) -> None:
    plan(world, one_off(world.clock.now(), 1))
    [window] = windows.read_windows(OFF)
    assert (window.owner, window.reason) == ("ada", "nights are quiet")
    world.clock.advance(7200)
    plan(world)
    assert [window.number for window in windows.read_windows(OFF)] == [2]
    assert (OFF, *windows.read_windows(OFF)) in windows.read_all_windows()


def test_a_target_that_is_removed_takes_its_windows_along_even_if_the_answer_is_lost(world: DowntimeWorld) -> None:
    plan(world)
    with faults("TransactWriteItems", reply_lost):
        remove_target(SHOP.target_id, world.clock)
    assert TargetDowntime.read(WINDOWS_BUCKET, SHOP.target_id) is None
    add_target(SHOP.row(), world.clock)
    assert windows.read_windows(OFF) == ()


def test_windows_that_outlived_their_target_are_not_those_of_the_next_one_of_that_name(world: DowntimeWorld) -> None:
    plan(world)
    shop().update(actions=[Target.registration.set("of another")])
    world.at("20:00")
    world.tick()
    assert (announced(), windows.read_windows(OFF)) == (None, ())
    assert plan(world) == 2


def test_a_malformed_window_changes_nothing_and_a_spoilt_row_hides_no_other(world: DowntimeWorld) -> None:
    with pytest.raises(InvalidInputError, match=r"stop: .*bad hour"):
        plan(world, Recurring(stop="0 25 * * *", start="0 7 * * *", timezone="UTC"))
    assert TargetDowntime.read(WINDOWS_BUCKET, SHOP.target_id) is None
    plan(world)
    TargetDowntime(WINDOWS_BUCKET, "url:aaa").update(actions=[TargetDowntime.revision.set(1)])
    world.at("20:00")
    with pytest.raises(DowntimeError, match="url:aaa: cannot be read"):
        world.tick()
    assert announced() == ("01-05T20:00", "01-06T07:00")


def test_nothing_is_planned_for_a_target_that_is_not_there(world: DowntimeWorld) -> None:
    with pytest.raises(TargetMissingError, match="target url:nosuch is not registered"):
        windows.add_window(TargetSubject("url:nosuch"), NIGHTS, "ada", "", world.clock)


def test_one_that_reports_by_itself_has_windows_like_any_other(world: DowntimeWorld) -> None:
    backup = PushTarget.model_validate({"name": "backup", "push": {"silent_after_seconds": 60}})
    add_target(backup.row(), world.clock)
    windows.add_window(TargetSubject(backup.target_id), NIGHTS, "ada", "", world.clock)
    world.at("20:00")
    world.tick()
    assert stored_target(backup.target_id).is_off_on_purpose(world.clock.now())
