"""Checks of a target whose planned downtime is over: a while to start, and people hear of it if that is not enough."""

import pytest

from paramedic.health.outcomes import OutcomeKind
from paramedic.state.planned_period import PlannedPeriod
from paramedic.state.targets import Target
from tests.fakes.check_world import URL_TARGET, CheckWorld


@pytest.fixture
def world(memory_tables: None) -> CheckWorld:
    """The URL is off from minute 1 to minute 3, and may start until minute 13."""
    world = CheckWorld()
    period = PlannedPeriod(since=world.tick(1), until=world.tick(3), reason="nights", starts_until=world.tick(13))
    world.row(URL_TARGET).update(actions=[Target.downtime.set(period)])
    return world


def test_a_target_that_is_not_back_is_told_of_once_its_while_is_over(world: CheckWorld) -> None:
    world.prober.kinds[URL_TARGET] = OutcomeKind.REFUSED
    assert [world.check(minute).down for minute in (1, 2, 3, 8, 12.9)] == [0] * 5
    assert (world.bus.entries, world.row(URL_TARGET).bad) == ([], None)
    assert world.check(13).down == 1
    assert world.bus.types() == ["Target Down"]


def test_what_recovers_within_the_while_is_told_at_once(world: CheckWorld) -> None:
    world.prober.kinds[URL_TARGET] = OutcomeKind.REFUSED
    world.check(0)
    world.prober.kinds.clear()
    world.check(2)
    world.check(3)
    assert world.bus.types() == ["Target Down", "Target Recovered"]
    assert world.row(URL_TARGET).bad is None


def test_what_was_down_before_its_downtime_and_still_is_after_it_is_told_anew(world: CheckWorld) -> None:
    world.prober.kinds[URL_TARGET] = OutcomeKind.REFUSED
    for minute in (0, 1, 2, 3, 12, 13, 14, 15):
        world.check(minute)
    first, second = world.bus.details()
    assert (first["notice"], second["notice"]) == ("open", "open")
    assert first["event_id"] != second["event_id"]
    assert second["since"] == second["tick"]


def test_what_cannot_be_probed_within_the_while_is_unknown_as_ever(world: CheckWorld) -> None:
    world.prober.kinds[URL_TARGET] = OutcomeKind.NOT_PROBED
    assert world.check(5).unknown == 1
