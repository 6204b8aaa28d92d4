"""A service that is moved to another controller: over a real DynamoDB interface, with both controllers alive."""

from pathlib import Path

import pytest

from paramedic.services.moving import move
from paramedic.state.replicas import ReplicaStatus
from paramedic_controller.restore import read_desired
from tests.fakes.controller_world import ControllerWorld, make_spec

pytestmark = pytest.mark.integration


def test_a_moved_service_keeps_replicas_port_and_routes_and_moves_back(
    world: ControllerWorld, table_prefix: str, tmp_path: Path
) -> None:
    second = ControllerWorld(table_prefix, tmp_path / "second", controller_id="second")
    second.launcher, second.clock, second.names = world.launcher, world.clock, world.names
    here, there = world.start(), second.start()
    world.up(make_spec(min_replicas=2))
    here.settle()
    before = world.stored()
    move("main", "echo", "second", "ada", clock=world.clock)
    here.settle()
    there.settle()
    after = second.stored()
    assert read_desired("main", "echo") is None
    assert (after.replicas, after.balancer, after.scaler) == (before.replicas, before.balancer, before.scaler)
    assert after.desired.port == before.desired.port
    world.launcher.kill(1)
    there.settle()
    assert [each.replica_id for each in second.stored().replicas] == [2, 3]
    move("second", "echo", "main", "ada", clock=world.clock)
    there.settle()
    here.settle()
    replicas = world.stored().replicas
    assert [(each.replica_id, each.status) for each in replicas] == [(2, ReplicaStatus.READY), (3, ReplicaStatus.READY)]
    assert len(world.launcher.living()) == 2
    assert read_desired("second", "echo") is None
