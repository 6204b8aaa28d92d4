"""Services scaled by what their replicas use, over real tables and from one controller to the next."""

from typing import Any

import pytest

from paramedic.services.changes import update
from paramedic.state.replicas import ReplicaStatus
from tests.fakes.controller_world import ControllerWorld, Life, make_spec

pytestmark = pytest.mark.integration


def by_cpu(**target: Any) -> dict[str, Any]:
    return {"min_replicas": 1, "max_replicas": 4, "target_utilization": {"metric": "cpu", "target": "500m", **target}}


def share(life: Life, load: float) -> None:
    """Ready replicas share a load, in cores."""
    ready = [each.replica_id for each in life.state().replicas if each.status is ReplicaStatus.READY]
    life.sampler.usages = dict.fromkeys(ready, load / len(ready))


def run(life: Life, load: float, seconds: int) -> None:
    for _ in range(0, seconds, 5):
        share(life, load)
        life.world.clock.advance(5.0)
        life.settle()


def targets_of(world: ControllerWorld) -> tuple[int, int]:
    """How many replicas are wanted, and how many live."""
    scaler = world.stored().scaler
    assert scaler is not None
    return scaler.target, len(world.launcher.living())


def test_a_busy_replica_brings_more_and_an_idle_service_shrinks_after_its_window(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(**by_cpu(downscale_stabilization_seconds=20)))
    life.settle()
    run(life, 1.0, 5)
    assert targets_of(world) == (2, 2)
    assert any("cpu 1 on average of 1 replicas, target 0.5" in text for text in world.messages)
    run(life, 0.2, 15)
    assert targets_of(world) == (2, 2)
    run(life, 0.2, 15)
    assert targets_of(world)[0] == 1


def test_a_successor_goes_on_with_the_window_and_the_same_load_costs_no_write(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(**by_cpu(downscale_stabilization_seconds=30)))
    life.settle()
    run(life, 1.5, 10)
    assert targets_of(world) == (3, 3)
    commits = life.writer.commits
    run(life, 1.5, 30)
    assert life.writer.commits == commits
    run(life, 0.5, 20)
    successor = world.start()
    successor.fleet.follow_desired()
    assert successor.state().scaler == life.state().scaler
    run(successor, 0.5, 10)
    assert targets_of(world)[0] == 1


def test_replicas_nobody_knows_the_usage_of_are_not_taken_for_idle(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(**by_cpu(downscale_stabilization_seconds=0)))
    life.settle()
    run(life, 1.0, 5)
    assert targets_of(world) == (2, 2)
    share(life, 0.1)
    del life.sampler.usages[2]
    for _ in range(5):
        world.clock.advance(5.0)
        life.settle()
    assert targets_of(world) == (2, 2)


def test_a_new_target_counts_at_the_next_tick(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(**by_cpu()))
    life.settle()
    run(life, 0.5, 10)
    assert targets_of(world) == (1, 1)
    update("main", make_spec(**by_cpu(target=0.2)), "ada", clock=world.clock)
    life.settle()
    run(life, 0.5, 5)
    assert targets_of(world) == (3, 3)
