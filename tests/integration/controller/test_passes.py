"""What one process does to real tables, and what its successor finds there."""

from dataclasses import replace
from typing import Any

import pytest
from pynamodb.expressions.operand import Path

from paramedic.services.spec import parse_spec
from paramedic.services.status import build_status, read_controller
from paramedic.services.verbs import down
from paramedic.state.autoscalers import Autoscaler
from paramedic.state.connection import shared_connection
from paramedic.state.fencing import FencedError
from paramedic.state.load_balancers import INDEX, LoadBalancerIndex
from paramedic.state.operations import Operation
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic.state.services import ObservedService, ServiceSpecRow, observed_item, spec_item
from paramedic.state.traffic import draining_key
from paramedic.state.traffic_report import Standing, TrafficWriter
from paramedic_controller.backoff import LONGEST_SECONDS
from paramedic_controller.effects import Pace
from tests.fakes.clock import FakeClock
from tests.fakes.controller_world import ControllerWorld, make_spec
from tests.fakes.traffic_reporter import TrafficReporter

pytestmark = pytest.mark.integration

SCALED: dict[str, Any] = {
    "min_replicas": 1,
    "max_replicas": 4,
    "target_qps_per_replica": 2,
    "upscale_delay_seconds": 10,
    "downscale_delay_seconds": 600,
}


def ready_ids(world: ControllerWorld) -> list[int]:
    return [each.replica_id for each in world.stored().replicas if each.status is ReplicaStatus.READY]


def test_a_new_service_gets_its_replicas_routes_and_status(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    state = world.stored()
    assert replace(state, scaler=None) == replace(life.state(), scaler=None)
    assert state.observed is not None
    assert state.balancer is not None
    assert (state.observed.status, state.observed.next_replica_id) == ("READY", 3)
    assert [route.url for route in state.balancer.routes] == [each.url for each in state.replicas]
    index = LoadBalancerIndex.read("default", INDEX)
    assert index is not None
    assert index.revisions.as_dict() == {"echo": state.balancer.revision}  # type: ignore[no-untyped-call]


def test_spare_replicas_run_beyond_the_maximum_and_survive_a_crash(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=2, max_replicas=2, num_overprovision=1))
    life.settle()
    assert ready_ids(world) == [1, 2, 3]
    successor = world.start()
    successor.settle()
    assert ready_ids(world) == [1, 2, 3]
    rows = read_controller("main")
    assert rows is not None
    (shown,) = build_status(rows).services
    assert (shown.target, shown.ready) == (3, 3)


def test_a_second_pass_over_converged_state_writes_nothing(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    before = life.writer.commits
    for _ in range(20):
        world.clock.advance(1.0)
        life.run_pass()
    assert life.writer.commits == before


def test_a_dead_replica_is_replaced_under_a_new_id(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    world.launcher.kill(1)
    life.settle()
    assert ready_ids(world) == [2, 3]
    assert len(world.launcher.living()) == 2


def test_a_replica_that_fails_its_probes_leaves_the_routes_and_returns(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    life.prober.failures[1] = 3
    life.settle()
    balancer = world.stored().balancer
    assert balancer is not None
    assert [route.replica_id for route in balancer.routes] == [2]
    life.prober.failures[1] = 0
    life.settle()
    assert ready_ids(world) == [1, 2]


def test_when_every_replica_fails_and_runs_none_is_ended_until_one_more_has_answered(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    life.prober.failures = {1: 50, 2: 50, 3: 1}
    life.settle()
    assert ready_ids(world) == []
    assert len(world.launcher.living()) == 3
    del life.prober.failures[3]
    life.settle()
    assert ready_ids(world) == [3, 4]
    assert len(world.launcher.living()) == 2


def test_a_launch_that_cannot_be_made_is_reported_and_tried_again_with_growing_pauses(
    world: ControllerWorld,
) -> None:
    life = world.start()
    world.launcher.refuses = "no such directory: /models"
    world.up(make_spec())
    for _ in range(20):
        life.run_pass()
        world.clock.advance(1.0)
    observed = world.stored().observed
    assert observed is not None
    assert "no such directory: /models" in observed.message
    assert 3 <= observed.next_replica_id <= 8
    world.launcher.refuses = None
    world.clock.advance(60.0)
    life.settle()
    assert len(ready_ids(world)) == 1


@pytest.mark.parametrize(("upscale_delay", "target", "upscale_count"), [(10, 4, 0), (60, 1, 2)])
def test_a_successor_finds_everything_its_predecessor_knew(
    world: ControllerWorld, upscale_delay: int, target: int, upscale_count: int
) -> None:
    first = world.start()
    rates = {"target_qps_per_replica": {"L4": 2, "A100": 8}}
    service = world.up(make_spec(**{**SCALED, **rates, "upscale_delay_seconds": upscale_delay}))
    first.settle()
    # Just after a tick, wherever that took the clock: three more follow.
    world.clock.advance(-world.clock.now().second % 5 + 1)
    reporter = TrafficReporter("default", "0", "life-1", world.clock)
    for _ in range(15):
        world.clock.advance(1.0)
        reporter.count(service.uid, 30)
        reporter.flush()
        first.run_pass()
    first.settle()
    before = first.state()
    assert before.scaler is not None
    assert (before.scaler.target, before.scaler.upscale_count) == (target, upscale_count)
    assert {each.instance_type for each in before.replicas} == {"L4"}
    second = world.start()
    second.fleet.follow_desired()
    assert second.state() == before
    assert second.state().desired.port == service.port
    second.settle()
    assert second.writer.commits == 0
    assert {each.request.workload for each in world.launcher.living()} == {
        f"replica:{service.uid}/{each.replica_id}" for each in before.replicas
    }


def test_ids_continue_after_a_restart_even_when_the_newest_replica_is_gone(world: ControllerWorld) -> None:
    first = world.start()
    world.up(make_spec(min_replicas=2))
    first.settle()
    world.launcher.kill(2)
    second = world.start()
    second.settle()
    assert ready_ids(world) == [1, 3]


def test_traffic_scales_up_and_each_request_is_counted_once_across_restarts(world: ControllerWorld) -> None:
    life = world.start()
    service = world.up(make_spec(**SCALED))
    life.settle()
    reporter = TrafficReporter("default", "0", "life-1", world.clock)
    for second in range(30):
        reporter.count(service.uid, 3)
        world.clock.advance(1.0)
        reporter.flush()
        if second % 7 == 6:
            life = world.start()
        life.run_pass()
    world.clock.advance(5.0)
    life.run_pass()
    scaler = life.state().scaler
    assert scaler is not None
    counted = [count for count in scaler.window.counts if count]
    assert set(counted) == {3}
    assert len(counted) == 30
    assert scaler.target == 1


def test_a_gateway_whose_clock_is_ahead_scales_nothing_down_and_is_told_once(world: ControllerWorld) -> None:
    life = world.start()
    service = world.up(make_spec(**{**SCALED, "upscale_delay_seconds": 5, "downscale_delay_seconds": 5}))
    life.settle()
    gateways_clock = FakeClock()
    gateways_clock.advance((world.clock.now() - gateways_clock.now()).total_seconds() + 20)
    reporter = TrafficReporter("default", "0", "life-1", gateways_clock)
    targets = []
    for _ in range(120):
        reporter.count(service.uid, 7)
        for clock in (world.clock, gateways_clock):
            clock.advance(1.0)
        reporter.flush()
        life.run_pass()
        scaler = life.state().scaler
        assert scaler is not None
        targets.append(scaler.target)
    assert targets == sorted(targets)
    assert targets[-1] == 4
    told = [text for text in world.messages if "the clock of replica 0 of gateway default is ahead" in text]
    assert len(told) == 1


def test_missing_figures_never_scale_down(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec(**{**SCALED, "downscale_delay_seconds": 5}))
    life.settle()
    state = life.state()
    assert state.scaler is not None
    more = replace(state, scaler=state.scaler.model_copy(update={"target": 3}))
    life.writer.commit("echo", life.fleet.tools.recorder.changes(state, more, {}, world.clock.now()))
    second = world.start()
    second.settle()
    for _ in range(30):
        world.clock.advance(5.0)
        second.run_pass()
    assert len(ready_ids(world)) == 3


def test_an_intent_older_than_the_lease_is_written_again_before_it_is_acted_on(world: ControllerWorld) -> None:
    def stop_before_the_call(point: str) -> None:
        if point == "before launch":
            raise KeyboardInterrupt

    first = world.start(stop_before_the_call)
    world.up(make_spec())
    with pytest.raises(KeyboardInterrupt):
        first.settle()
    second = world.start()
    second.fleet.follow_desired()
    world.clock.advance(11.0)
    before = second.writer.commits
    points: list[tuple[str, int]] = []
    second.writer.hook = lambda point: points.append((point, len(world.launcher.started)))
    second.fleet.run_pass()
    assert second.writer.commits > before
    assert points[:2] == [("before renewal", 0), ("after renewal", 0)]
    assert len(world.launcher.started) == 1


def test_renewing_an_intent_keeps_what_another_release_wrote_into_its_row(world: ControllerWorld) -> None:
    def stop_before_the_call(point: str) -> None:
        if point == "before launch":
            raise KeyboardInterrupt

    first = world.start(stop_before_the_call)
    uid = world.up(make_spec()).uid
    with pytest.raises(KeyboardInterrupt):
        first.settle()
    (intent,) = Operation.read_all(uid)
    intent.update(actions=[Path(["added_later"]).set("kept")])
    seen: list[Any] = []

    def look(point: str) -> None:
        if point == "before launch":
            seen.append(shared_connection().get_item(Operation.Meta.table_name, uid, intent.item)["Item"])

    second = world.start(look)
    second.fleet.follow_desired()
    world.clock.advance(11.0)
    second.fleet.run_pass()
    assert seen[0]["added_later"] == {"S": "kept"}


def test_the_predecessor_is_refused_on_every_write_once_its_successor_has_sealed(
    world: ControllerWorld,
) -> None:
    first = world.start()
    world.up(make_spec(min_replicas=2))
    first.settle()
    second = world.start()
    started = len(world.launcher.started)
    world.launcher.kill(1)
    with pytest.raises(FencedError):
        first.run_pass()
    with pytest.raises(FencedError):
        first.writer.commit("echo", [])
    with pytest.raises(FencedError):
        first.writer.seal(["echo"])
    assert len(world.launcher.started) == started
    second.settle()
    assert ready_ids(world) == [2, 3]


def test_a_service_created_after_the_seal_is_fenced_against_the_predecessor_too(world: ControllerWorld) -> None:
    first = world.start()
    first.settle()
    second = world.start()
    world.up(make_spec())
    with pytest.raises(FencedError):
        first.run_pass()
    assert world.stored().observed is None
    second.settle()
    assert ready_ids(world) == [1]


def test_a_launcher_call_of_the_predecessor_is_refused_by_the_host(world: ControllerWorld) -> None:
    first = world.start()
    world.up(make_spec())
    first.settle()
    world.launcher.fence("controller:main", 2)
    world.launcher.kill(1)
    with pytest.raises(FencedError, match="the host refused"):
        first.settle()
    assert len(world.launcher.started) == 1


def test_one_service_that_cannot_be_understood_is_left_alone_and_the_others_go_on(
    world: ControllerWorld,
) -> None:
    life = world.start()
    broken = world.up(make_spec("broken"))
    world.up(make_spec("fine"))
    ServiceSpecRow("main", spec_item("broken", 1), uid=broken.uid, spec="{").save()
    life.settle()
    assert list(life.fleet.supervisors) == ["fine"]
    assert "spec#broken" in life.fleet.quarantined["broken"]
    ServiceSpecRow("main", spec_item("broken", 1), uid=broken.uid, spec=make_spec("broken").model_dump_json()).save()
    world.clock.advance(31.0)
    life.settle()
    assert sorted(life.fleet.supervisors) == ["broken", "fine"]
    assert life.fleet.quarantined == {}


def test_down_stops_every_replica_and_leaves_only_the_fence(world: ControllerWorld) -> None:
    life = world.start()
    service = world.up(make_spec(min_replicas=3))
    life.settle()
    down("main", "echo", "bob", clock=world.clock)
    life.settle()
    assert world.launcher.living() == []
    assert Replica.read_all(service.uid) == []
    assert Autoscaler.read(service.uid) is None
    assert Operation.read_all(service.uid, Operation.item.startswith("open#")) == []
    index = LoadBalancerIndex.read("default", INDEX)
    assert index is not None
    assert index.revisions.as_dict() == {}  # type: ignore[no-untyped-call]


def test_more_replicas_than_fit_one_transaction_are_ended_after_they_were_waited_for_together(
    world: ControllerWorld,
) -> None:
    life = world.start()
    uid = world.up(make_spec(drain_seconds=60, min_replicas=120)).uid
    life.settle()
    now = int(world.clock.now().timestamp())
    waiting = {draining_key(uid, number): 1 for number in range(1, 121)}
    TrafficWriter("default", "r1").write_report("life-1", Standing(1, now, now, 0, (), waiting))
    down("main", "echo", "bob", clock=world.clock)
    for _ in range(5):
        life.run_pass()
    assert len(world.launcher.living()) == 120
    world.clock.advance(61.0)
    life.settle()
    assert not any("quarantined" in message for message in world.messages)
    assert world.launcher.living() == []


def test_a_stop_that_nobody_can_confirm_stays_open_and_is_tried_again(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec())
    life.settle()
    world.launcher.unconfirmed = True
    down("main", "echo", "bob", clock=world.clock)
    for _ in range(5):
        life.run_pass()
    assert [each.kind for each in world.stored().operations] == ["stop"]
    world.launcher.unconfirmed = False
    world.clock.advance(6.0)
    life.settle()
    assert life.fleet.supervisors == {}


def test_a_successor_that_finds_no_observed_row_replaces_what_is_missing_and_nothing_else(
    world: ControllerWorld,
) -> None:
    life = world.start()
    world.up(make_spec(min_replicas=3))
    life.settle()
    ObservedService("main", observed_item("echo")).delete()
    world.launcher.kill(2)
    successor = world.start()
    successor.settle()
    assert successor.fleet.quarantined == {}
    assert ready_ids(world) == [1, 3, 4]
    observed = world.stored().observed
    assert observed is not None
    assert observed.next_replica_id == 5


def test_a_service_without_its_secret_says_so_launches_nothing_and_comes_up_once_it_is_there(
    world: ControllerWorld,
) -> None:
    life = world.start()
    section = {"readiness_probe": "/health", "replicas": 1}
    world.up(parse_spec({"name": "echo", "run": "serve", "service": section, "secrets": {"TOKEN": None}}))
    for _ in range(5):
        life.run_pass()
        world.clock.advance(1.0)
    rows = read_controller("main")
    assert rows is not None
    (shown,) = build_status(rows).services
    assert (shown.status, shown.ready) == ("NO_REPLICA", 0)
    assert "was not launched: secret TOKEN cannot be had" in shown.message
    assert world.launcher.started == {}
    world.secrets["TOKEN"] = "s3cret"
    world.clock.advance(LONGEST_SECONDS)
    life.settle()
    (started,) = world.launcher.living()
    assert started.request.environment["TOKEN"] == "s3cret"
    (shown,) = build_status(read_controller("main") or rows).services
    assert (shown.status, shown.message) == ("READY", "")


def test_a_service_without_its_secret_can_be_taken_down(world: ControllerWorld) -> None:
    life = world.start()
    section = {"readiness_probe": "/health", "replicas": 1}
    world.up(parse_spec({"name": "echo", "run": "serve", "service": section, "secrets": {"TOKEN": None}}))
    life.run_pass()
    down("main", "echo", "ada", clock=world.clock)
    life.settle()
    assert life.fleet.supervisors == {}
    assert world.launcher.started == {}


def test_replicas_are_asked_the_way_their_spec_says(world: ControllerWorld) -> None:
    life = world.start()
    probe = {"path": "/v1/chat", "post_data": {"model": "$MODEL"}, "headers": {"X-Key": "${KEY}"}, "timeout_seconds": 3}
    section = {"readiness_probe": probe, "replicas": 1}
    envs = {"MODEL": "tiny", "KEY": "k"}
    world.up(parse_spec({"name": "echo", "run": "serve", "service": section, "envs": envs}))
    life.settle()
    (target,) = life.prober.watched.values()
    assert (target.request.method, target.request.path, target.timeout_seconds) == ("POST", "/v1/chat", 3.0)
    assert target.request.body == b'{"model": "tiny"}'
    assert ("X-Key", "k") in target.request.headers
    successor = world.start()
    successor.settle()
    assert successor.prober.watched == life.prober.watched


def test_launches_beyond_the_rate_wait_without_writing_and_services_take_turns(world: ControllerWorld) -> None:
    world.pace = Pace(at_once=8, per_second=0.05)
    life = world.start()
    world.up(make_spec("big", min_replicas=5))
    world.up(make_spec("small", min_replicas=1))
    for _ in range(3):
        life.run_pass()
    assert [each.request.environment["PARAMEDIC_SERVICE"] for each in world.launcher.living()] == ["big"]
    assert len(life.fleet.waiting) == 5
    commits = life.writer.commits
    for _ in range(3):
        world.clock.advance(6.0)
        life.run_pass()
    assert life.writer.commits == commits
    assert len([each for each in world.messages if "wait for their turn" in each]) == 1
    world.clock.advance(2.0)
    life.run_pass()
    assert [each.request.environment["PARAMEDIC_SERVICE"] for each in world.launcher.living()] == ["big", "small"]
    down("main", "big", "bob", clock=world.clock)
    for _ in range(3):
        life.run_pass()
    assert [each.request.environment["PARAMEDIC_SERVICE"] for each in world.launcher.living()] == ["small"]
