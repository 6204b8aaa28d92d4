"""A controller that is off on purpose raises no incident, and is brought back by recovery when it should be on."""

from datetime import timedelta

import pytest

from paramedic.clock import to_iso
from paramedic.downtime import windows
from paramedic.state.target_registry import remove_target
from tests.fakes.downtime_world import CONTROLLER_ITSELF, TARGET, DowntimeWorld, one_off
from tests.fakes.dynamodb_faults import faults

pytestmark = pytest.mark.integration


@pytest.fixture
def world(table_prefix: str) -> DowntimeWorld:
    return DowntimeWorld(table_prefix)


def announced(world: DowntimeWorld) -> tuple[str, str] | None:
    period = world.target().downtime
    return None if period is None else (to_iso(period.since)[5:16], to_iso(period.until)[5:16])


def test_checks_know_of_a_night_before_it_begins(world: DowntimeWorld) -> None:
    world.plan(subject=CONTROLLER_ITSELF)
    world.at("19:57")
    world.tick()
    assert announced(world) is None
    world.at("19:58")
    world.tick()
    assert announced(world) == ("01-05T20:00", "01-06T07:00")
    assert not world.target().is_off_on_purpose(world.clock.now())
    world.at("20:00")
    assert world.target().is_off_on_purpose(world.clock.now())


def test_a_night_ends_by_itself_even_if_no_pass_comes(world: DowntimeWorld) -> None:
    world.plan(subject=CONTROLLER_ITSELF)
    world.at("20:00")
    world.tick()
    world.at("2026-01-06T07:00:00")
    assert not world.target().is_off_on_purpose(world.clock.now())


def test_windows_that_touch_leave_no_gap_between_them(world: DowntimeWorld) -> None:
    begin = world.clock.now() + timedelta(hours=1)
    world.plan(one_off(begin, 1), CONTROLLER_ITSELF)
    world.plan(one_off(begin + timedelta(hours=1), 1), CONTROLLER_ITSELF)
    world.at("04:59")
    world.tick()
    assert announced(world) == ("01-05T04:00", "01-05T06:00")


def test_a_window_that_is_removed_ends_the_downtime(world: DowntimeWorld) -> None:
    number = world.plan(subject=CONTROLLER_ITSELF)
    world.at("20:00")
    world.tick()
    windows.remove_window(CONTROLLER_ITSELF, number, "ada", world.clock)
    world.tick()
    assert world.target().downtime is None
    world.tick()
    assert world.row(CONTROLLER_ITSELF) is None


def test_a_night_is_recorded_once_with_its_reason(world: DowntimeWorld) -> None:
    world.plan(subject=CONTROLLER_ITSELF)
    world.at("20:00")
    world.tick()
    with faults("none") as calls:
        world.tick()
    assert set(calls) == {"Query", "GetItem"}
    recorded = world.target().downtime
    assert recorded is not None
    assert recorded.reason == "nights are quiet"


def test_a_controller_that_is_not_registered_any_more_has_no_downtime_either(world: DowntimeWorld) -> None:
    world.plan(subject=CONTROLLER_ITSELF)
    remove_target(TARGET, world.clock)
    world.tick()
    assert world.row(CONTROLLER_ITSELF) is None
