"""After tables were put back to an earlier time, a controller goes on above whatever anybody may still hold."""

import pytest

from paramedic.state.controllers import EPOCH, ControllerEpoch
from paramedic.state.fencing import FencedError
from paramedic.state.load_balancers import INDEX, LoadBalancerIndex
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.traffic import TrafficReport, report_item
from paramedic.state.traffic_report import Standing, TrafficWriter
from paramedic_controller.ahead import LOOK_SECONDS
from paramedic_controller.model import Balancer
from tests.fakes.backup import restore, take_backup
from tests.fakes.controller_world import ControllerWorld, Life, make_spec

pytestmark = pytest.mark.integration


def routes(world: ControllerWorld) -> Balancer:
    balancer = world.stored().balancer
    assert balancer is not None
    return balancer


def report_ahead(world: ControllerWorld, replica: str, revisions: dict[str, int]) -> None:
    now = int(world.clock.now().timestamp())
    TrafficWriter("default", replica).write_report("life-1", Standing(1, now, now, 0, (), {}, revisions))


def age(world: ControllerWorld, life: Life) -> None:
    """Have the routes move on to a much higher revision."""
    before = routes(world).revision
    for _ in range(3):
        life.prober.failures[1] = 3
        life.settle()
        del life.prober.failures[1]
        life.settle()
    assert routes(world).revision == before + 6


def test_routes_put_back_while_the_controller_runs_on_go_on_above_what_gateways_hold(world: ControllerWorld) -> None:
    life = world.start()
    uid = world.up(make_spec(min_replicas=2)).uid
    life.settle()
    backup = take_backup(["load_balancers"])
    age(world, life)
    held = routes(world).revision
    restore(backup)
    report_ahead(world, "r1", {uid: held - 1, "another": 99})
    report_ahead(world, "r2", {uid: held})
    successor = world.start()
    successor.settle()
    assert routes(world).revision == held + 1
    index = LoadBalancerIndex.read("default", INDEX)
    assert index is not None
    assert index.revisions["echo"] == held + 1
    world.clock.advance(LOOK_SECONDS)
    before = successor.writer.commits
    successor.settle()
    assert successor.writer.commits == before


def test_a_gateway_that_comes_back_later_is_heard_too(world: ControllerWorld) -> None:
    life = world.start()
    uid = world.up(make_spec()).uid
    life.settle()
    report_ahead(world, "r1", {uid: 50})
    world.clock.advance(LOOK_SECONDS)
    life.settle()
    assert routes(world).revision == 51
    assert any("holds 50: going on above that" in message for message in world.messages)


def test_a_report_that_cannot_be_understood_changes_nothing(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec())
    report_ahead(world, "r1", {})
    TrafficReport("default", report_item("r1")).update(actions=[TrafficReport.sequence.remove()])
    life.settle()
    assert life.fleet.quarantined == {}
    assert routes(world).routes
    assert any("is ahead of the tables is not known" in message for message in world.messages)


def test_every_table_put_back_and_its_epochs_raised_lets_a_successor_go_on_and_nobody_else(
    world: ControllerWorld,
) -> None:
    first = world.start()
    uid = world.up(make_spec(min_replicas=2)).uid
    first.settle()
    backup = take_backup()
    world.start()
    last = world.start()
    age(world, last)
    held = routes(world).revision
    world.launcher.kill(1)
    restore(backup)
    with pytest.raises(FencedError):
        last.run_pass()
    ControllerEpoch("main", EPOCH).update(actions=[ControllerEpoch.epoch.add(1_000_000)])
    report_ahead(world, "r1", {uid: held})
    successor = world.start()
    assert successor.epoch == 1_000_002
    successor.settle()
    replicas = world.stored().replicas
    assert [(each.replica_id, each.status) for each in replicas] == [(2, ReplicaStatus.READY), (3, ReplicaStatus.READY)]
    assert routes(world).revision > held
    for passed in (first, last):
        with pytest.raises(FencedError):
            passed.writer.commit("echo", [])
