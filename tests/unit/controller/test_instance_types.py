"""An update to replicas of another kind keeps as much capacity as the requests need, all the way."""

from dataclasses import replace

import pytest

from paramedic.autoscaling.tick import tick, window_at
from paramedic.autoscaling.window import Figures
from paramedic.services.spec import ServiceSpec, parse_spec
from paramedic.services.update_strategy import UpdateMode
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic_controller.evolve import completed, scaling_policy
from paramedic_controller.model import ServiceState
from paramedic_controller.persist import Recorder
from tests.unit.controller.states import NOW, replica, state
from tests.unit.controller.test_rollout import World

RATE = 20
CAPACITY = {"L4": 2.5, "A100": 8.0, "T4": 1.0}
INTERVAL = 5


def spec(instance_type: str, mode: UpdateMode = UpdateMode.ROLLING) -> ServiceSpec:
    policy = {
        "min_replicas": 1,
        "max_replicas": 50,
        "target_qps_per_replica": CAPACITY,
        "upscale_delay_seconds": 300,
        "downscale_delay_seconds": 0,
    }
    service = {"readiness_probe": "/", "replica_policy": policy, "update": {"mode": mode}}
    resources = {"instance_type": instance_type}
    return parse_spec({"name": "echo", "run": "serve", "service": service, "resources": resources})


def serving(instance_type: str, count: int) -> ServiceState:
    replicas = [replace(replica(number + 1), instance_type=instance_type) for number in range(count)]
    return replace(state(*replicas, target=count), spec=spec(instance_type))


def updated(service: ServiceState, wanted: ServiceSpec) -> ServiceState:
    before, version = service.desired, service.desired.version + 1
    desired = replace(before, revision=before.revision + 1, version=version, generation=version)
    older = {**service.older, before.version: service.spec}
    asked = replace(service, desired=desired, spec=wanted, older=older)
    return completed(asked, host="127.0.0.1", interval=INTERVAL, now_second=int(NOW.timestamp()))


def ticked(service: ServiceState, now: int) -> ServiceState:
    requests = dict.fromkeys(window_at(now), RATE)
    figures = Figures(requests=requests, complete_from=now - 500, complete_until=now)
    assert service.scaler is not None
    bare = service.scaler.model_copy(update={"window": service.scaler.window.model_copy(update={"counts": ()})})
    scaler, _ = tick(scaling_policy(service, INTERVAL, now), bare, figures, now)
    return replace(service, scaler=scaler)


def routed_capacity(service: ServiceState) -> float:
    assert service.balancer is not None
    kinds = {each.replica_id: each.instance_type for each in service.replicas}
    return sum(CAPACITY[kinds[route.replica_id] or ""] for route in service.balancer.routes)


@pytest.mark.parametrize("mode", UpdateMode)
@pytest.mark.parametrize(
    ("old", "count", "new", "enough"), [("A100", 3, "L4", 8), ("L4", 8, "A100", 3), ("A100", 3, "T4", 20)]
)
def test_the_routes_never_have_less_capacity_than_the_requests_need(
    old: str, count: int, new: str, enough: int, mode: UpdateMode
) -> None:
    world = World(updated(ticked(serving(old, count), int(NOW.timestamp())), spec(new, mode)))
    least = []
    for second in range(1, 120):
        world.turn()
        if second % INTERVAL == 0:
            world.service = ticked(world.service, int(NOW.timestamp()) + second)
        least.append(routed_capacity(world.service))
    assert min(least) >= RATE
    assert [each.instance_type for each in world.service.replicas] == [new] * enough
    assert {each.status for each in world.service.replicas} == {ReplicaStatus.READY}


def test_a_new_kind_that_never_starts_leaves_the_old_one_as_it_is() -> None:
    world = World(updated(ticked(serving("L4", 8), int(NOW.timestamp())), spec("A100")), broken=frozenset({2}))
    for second in range(1, 60):
        world.turn()
        if second % INTERVAL == 0:
            world.service = ticked(world.service, int(NOW.timestamp()) + second)
        assert routed_capacity(world.service) >= RATE


def test_a_launch_records_what_its_replica_runs_on_and_routes_are_weighed_by_it() -> None:
    world = World(updated(serving("A100", 3), spec("L4")))
    before = world.service
    world.turn()
    launched = [each for each in world.service.replicas if each.version == 2]
    assert {each.instance_type for each in launched} == {"L4"}
    rows = [change.row for change in Recorder("main").changes(before, world.service, {}, NOW) if hasattr(change, "row")]
    assert {row.instance_type for row in rows if isinstance(row, Replica) and row.version == 2} == {"L4"}
    while not any(each.version == 2 and each.status is ReplicaStatus.READY for each in world.service.replicas):
        world.turn()
    assert world.service.balancer is not None
    assert {(route.version, route.weight) for route in world.service.balancer.routes} == {(1, 100), (2, 31)}


@pytest.mark.parametrize(("mode", "target"), [(UpdateMode.BLUE_GREEN, 8), (UpdateMode.ROLLING, 4)])
def test_new_ones_that_wait_for_the_change_over_take_no_request_off_the_old_ones(mode: UpdateMode, target: int) -> None:
    asked = updated(ticked(serving("L4", 8), int(NOW.timestamp())), spec("A100", mode))
    new = [replace(replica(number), version=2, generation=2, instance_type="A100") for number in (9, 10)]
    waiting = replace(asked, replicas=(*asked.replicas, *new))
    later = ticked(waiting, int(NOW.timestamp()) + INTERVAL)
    assert later.scaler is not None
    assert later.scaler.target == target
