"""A replica is ended once the gateway's replicas have answered its requests, or when its time is over."""

import pytest

from paramedic.services.verbs import down
from paramedic.state.traffic import TrafficReport, draining_key, report_item
from paramedic.state.traffic_report import ROWS_LIVE_SECONDS, Standing, TrafficWriter
from tests.fakes.controller_world import ControllerWorld, Life, make_spec

pytestmark = pytest.mark.integration

DRAIN_SECONDS = 100
"""Longer than anything a gateway says is fresh for."""


class Gateway:
    """One replica of it, which says what a test has it say."""

    def __init__(self, world: ControllerWorld, name: str = "r1") -> None:
        self._clock = world.clock
        self._writer = TrafficWriter("default", name)
        self._sequence = 0

    def report(self, draining: dict[str, int] | None) -> None:
        self._sequence += 1
        now = int(self._clock.now().timestamp())
        self._writer.write_report("life-1", Standing(self._sequence, 0, now, 0, (), draining))


def pass_time(life: Life, seconds: int) -> None:
    for _ in range(seconds):
        life.run_pass()
        life.world.clock.advance(1.0)


def serving(world: ControllerWorld, *, drain_seconds: float = DRAIN_SECONDS) -> tuple[Life, str]:
    """One ready replica, and its name in reports."""
    life = world.start()
    uid = world.up(make_spec(drain_seconds=drain_seconds)).uid
    life.settle()
    return life, draining_key(uid, 1)


def go_down(world: ControllerWorld) -> None:
    down("main", "echo", "ada", clock=world.clock)


def test_a_gateway_that_fell_silent_gets_all_the_time_the_service_grants(world: ControllerWorld) -> None:
    life, key = serving(world)
    gateway = Gateway(world)
    gateway.report({key: 1})
    world.clock.advance(61.0)
    go_down(world)
    pass_time(life, DRAIN_SECONDS - 1)
    assert len(world.launcher.living()) == 1
    pass_time(life, 3)
    assert world.launcher.living() == []


def test_a_gateway_silent_for_longer_than_its_figures_are_of_use_is_still_there(world: ControllerWorld) -> None:
    life, key = serving(world)
    Gateway(world).report({key: 1})
    world.clock.advance(ROWS_LIVE_SECONDS + 1.0)
    go_down(world)
    pass_time(life, DRAIN_SECONDS - 1)
    assert len(world.launcher.living()) == 1


def test_a_successor_waits_for_what_its_predecessor_waited_for_and_no_longer(world: ControllerWorld) -> None:
    life, key = serving(world)
    Gateway(world).report({key: 1})
    go_down(world)
    pass_time(life, 60)
    successor = world.start()
    pass_time(successor, DRAIN_SECONDS - 61)
    assert len(world.launcher.living()) == 1
    pass_time(successor, 3)
    assert world.launcher.living() == []


def test_every_gateway_replica_is_waited_for_and_nobody_once_all_have_finished(world: ControllerWorld) -> None:
    life, key = serving(world)
    first, second = Gateway(world, "r1"), Gateway(world, "r2")
    first.report({})
    second.report({})
    go_down(world)
    pass_time(life, 3)
    first.report({key: 0})
    second.report({key: 2})
    pass_time(life, 3)
    assert len(world.launcher.living()) == 1
    second.report({key: 0})
    pass_time(life, 3)
    assert world.launcher.living() == []


def test_a_gateway_that_ended_in_order_is_not_waited_for(world: ControllerWorld) -> None:
    life, key = serving(world)
    gateway = Gateway(world)
    gateway.report({key: 1})
    gateway.report(None)
    go_down(world)
    pass_time(life, 3)
    assert world.launcher.living() == []


def test_a_report_that_cannot_be_understood_shortens_nothing(world: ControllerWorld) -> None:
    life, _ = serving(world)
    Gateway(world).report({})
    TrafficReport("default", report_item("r1")).update(actions=[TrafficReport.sequence.remove()])
    go_down(world)
    pass_time(life, DRAIN_SECONDS - 1)
    assert len(world.launcher.living()) == 1


def test_a_busy_replica_that_is_not_ready_any_more_is_waited_for_too(world: ControllerWorld) -> None:
    life, key = serving(world)
    gateway = Gateway(world)
    gateway.report({})
    life.prober.failures[1] = 3
    pass_time(life, 3)
    balancer = world.stored().balancer
    assert balancer is not None
    assert [route.replica_id for route in balancer.draining] == [1]
    gateway.report({key: 4})
    go_down(world)
    pass_time(life, 30)
    gateway.report({key: 4})
    pass_time(world.start(), 30)
    assert len(world.launcher.living()) == 1
    gateway.report({key: 0})
    pass_time(world.start(), 3)
    assert world.launcher.living() == []


def test_what_was_said_while_it_was_unready_before_does_not_end_it_once_it_serves_again(
    world: ControllerWorld,
) -> None:
    life, key = serving(world)
    life.prober.failures[1] = 3
    pass_time(life, 3)
    Gateway(world).report({key: 0})
    del life.prober.failures[1]
    pass_time(life, 3)
    go_down(world)
    pass_time(life, 60)
    assert len(world.launcher.living()) == 1
