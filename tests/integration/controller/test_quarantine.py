"""Trouble with one service stays with that service: the others are looked after, and nobody vouches for a lie."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from paramedic.services.spec import ServiceSpec, parse_spec
from paramedic.services.verbs import down
from paramedic.state.controllers import HEARTBEAT, ControllerHeartbeat
from paramedic.state.fencing import FencedError
from paramedic.state.heartbeat import seal_heartbeat
from paramedic.state.load_balancers import INDEX, LoadBalancer, LoadBalancerIndex
from paramedic.state.operations import Operation, OperationKind, open_item
from paramedic.state.replicas import Replica, ReplicaStatus
from paramedic.state.request_handling import RequestHandling
from paramedic.state.services import DesiredService, ServiceFence, ServiceSpecRow, desired_item, fence_item, spec_item
from paramedic.state.tables import StateUnreachableError
from paramedic_controller.board import Board, Identity
from paramedic_controller.loop import MainLoop
from paramedic_controller.model import Desired, OpenOperation, ServiceState
from tests.fakes.controller_world import ControllerWorld, Life, make_spec

pytestmark = pytest.mark.integration


def two_services(world: ControllerWorld) -> str:
    """A world that runs `echo` and `other`; the uid of `echo`."""
    life = world.start()
    service = world.up(make_spec("echo"))
    world.up(make_spec("other"))
    life.settle()
    return service.uid


def operation(uid: str, **fields: Any) -> Operation:
    defaults = {"kind": OperationKind.STOP, "opened_at": "2026-01-05T03:00:00Z"}
    common = {"replica_id": 1, "version": 1, "reason": "r", "opened_by_epoch": 1}
    return Operation(uid, open_item("op-x"), **{**common, **defaults, **fields})


def open_on_first(uid: str, **fields: Any) -> None:
    """As one write of a controller does it: the operation, and the status of its replica."""
    operation(uid, **fields).save()
    Replica(uid, 1).update(actions=[Replica.status.set(ReplicaStatus.STOPPING)])


def elsewhere(name: str) -> ServiceSpec:
    section = {"readiness_probe": "/h", "replicas": 1, "gateway": "other"}
    return parse_spec({"name": name, "run": "serve", "service": section})


def loop_of(life: Life) -> MainLoop:
    world = life.world
    seal_heartbeat(world.controller_id, life.epoch, life.process_id, world.clock)
    identity = Identity(
        controller_id=world.controller_id, epoch=life.epoch, process_id=life.process_id, pid=1, recover_mode=False
    )
    board = Board(identity, world.clock)
    return MainLoop(life.fleet, board, epoch=life.epoch, pass_seconds=1, clock=world.clock, warn=world.messages.append)


def beats() -> int:
    row = ControllerHeartbeat.read("main", HEARTBEAT)
    assert row is not None
    return int(row.beats)


@pytest.mark.parametrize(
    ("field", "poison"),
    [
        ("launched_at", lambda uid: Replica(uid, 1).update(actions=[Replica.launched_at.set("yesterday")])),
        ("url", lambda uid: Replica(uid, 1).update(actions=[Replica.url.set("http://h:port")])),
        ("url", lambda uid: Replica(uid, 1).update(actions=[Replica.url.set("http://h")])),
        ("url", lambda uid: Replica(uid, 1).update(actions=[Replica.url.set("https://h:1")])),
        ("status", lambda uid: Replica(uid, 1).update(actions=[Replica.status.set("fine")])),
        ("opened_at", lambda uid: open_on_first(uid, opened_at="soon")),
        ("kind", lambda uid: open_on_first(uid, kind="wish")),
    ],
)
def test_a_malformed_row_quarantines_its_service_and_names_the_field(
    world: ControllerWorld, field: str, poison: Callable[[str], object]
) -> None:
    poison(two_services(world))
    successor = world.start()
    successor.run_pass()
    assert f".{field}: " in successor.fleet.quarantined["echo"]
    assert list(successor.fleet.supervisors) == ["other"]
    assert len(world.launcher.living()) == 2


def test_a_bug_that_one_service_brings_out_is_logged_with_its_place_and_ends_nobody_else(
    world: ControllerWorld,
) -> None:
    two_services(world)
    life = world.start()
    life.fleet.follow_desired()

    def buggy() -> list[OpenOperation]:
        raise ZeroDivisionError("oops")

    life.fleet.supervisors["echo"].run_pass = buggy  # type: ignore[method-assign]
    life.fleet.run_pass()
    assert life.fleet.quarantined == {"echo": "ZeroDivisionError: oops"}
    assert list(life.fleet.supervisors) == ["other"]
    assert any("test_quarantine.py" in message for message in world.messages)
    world.clock.advance(31.0)
    life.settle()
    assert life.fleet.quarantined == {}


def test_being_fenced_is_nobodys_quarantine(world: ControllerWorld) -> None:
    two_services(world)
    life = world.start()
    life.fleet.follow_desired()

    def fenced() -> list[OpenOperation]:
        raise FencedError("passed")

    life.fleet.supervisors["echo"].run_pass = fenced  # type: ignore[method-assign]
    with pytest.raises(FencedError):
        life.fleet.run_pass()


def test_a_service_whose_writes_are_refused_starves_neither_the_others_nor_the_heartbeat(
    world: ControllerWorld,
) -> None:
    life = world.start()
    world.up(make_spec("aaa"))
    LoadBalancerIndex("default", INDEX).delete()
    world.up(elsewhere("zzz"))
    loop = loop_of(life)
    for _ in range(4):
        loop.run_pass()
        world.clock.advance(3.0)
    assert beats() == 4
    assert "LoadBalancerIndex[default, #index]" in life.fleet.quarantined["aaa"]
    assert sum("quarantined" in message for message in world.messages) == 1
    assert world.stored("zzz").replicas
    LoadBalancerIndex("default", INDEX, revisions={}).save()
    world.clock.advance(31.0)
    life.settle()
    assert life.fleet.quarantined == {}
    assert world.stored("aaa").replicas


def test_with_no_answer_about_one_service_the_others_go_on_but_nobody_vouches(world: ControllerWorld) -> None:
    life = world.start()
    for name in ("aaa", "bbb", "ccc"):
        world.up(make_spec(name))
    life.settle()
    loop = loop_of(life)
    known = life.fleet.supervisors["aaa"].run_pass

    def silent() -> list[OpenOperation]:
        raise StateUnreachableError("no answer about aaa")

    life.fleet.supervisors["aaa"].run_pass = silent  # type: ignore[method-assign]
    for started in world.launcher.living():
        started.alive = False
    for _ in range(3):
        with pytest.raises(StateUnreachableError, match="about aaa"):
            loop.run_pass()
        world.clock.advance(3.0)
    assert beats() == 0
    assert sorted(each.request.environment["PARAMEDIC_SERVICE"] for each in world.launcher.living()) == ["bbb", "ccc"]
    assert sorted(life.fleet.supervisors) == ["aaa", "bbb", "ccc"]
    assert life.fleet.quarantined == {}
    life.fleet.supervisors["aaa"].run_pass = known  # type: ignore[method-assign]
    loop.run_pass()
    assert beats() == 1


def test_a_service_that_cannot_be_read_again_is_not_acted_on_and_the_others_are(world: ControllerWorld) -> None:
    two_services(world)
    life = world.start()
    life.run_pass()
    echo = life.fleet.supervisors["echo"]
    echo.must_reread = True
    read = life.fleet.tools.read_service
    passes: list[str] = []

    def partly_silent(desired: Desired) -> ServiceState:
        if desired.name == "echo":
            raise StateUnreachableError("no answer about echo")
        return read(desired)

    def noted(name: str) -> list[OpenOperation]:
        passes.append(name)
        return []

    for name, supervisor in life.fleet.supervisors.items():
        object.__setattr__(supervisor._tools, "read_service", partly_silent)
        supervisor.run_pass = partial(noted, name)  # type: ignore[method-assign]
    with pytest.raises(StateUnreachableError, match="about echo"):
        loop_of(life).run_pass()
    assert passes == ["other"]


def test_replicas_of_a_quarantined_service_keep_their_urls_to_themselves(world: ControllerWorld) -> None:
    uid = two_services(world)
    life = world.start()
    life.settle()
    urls = {replica.url for name in ("echo", "other") for replica in world.stored(name).replicas}
    assert set(life.fleet.replica_urls) == urls
    Replica(uid, 1).update(actions=[Replica.launched_at.set("yesterday")])
    life.fleet.supervisors["echo"].must_reread = True
    life.run_pass()
    assert list(life.fleet.quarantined) == ["echo"]
    assert set(life.fleet.replica_urls) == urls


def test_a_service_without_a_fence_is_named_and_left_alone_until_it_has_one(world: ControllerWorld) -> None:
    two_services(world)
    ServiceFence("main", fence_item("echo")).delete()
    successor = world.start()
    world.launcher.kill(1)
    successor.settle()
    assert "fence#echo" in successor.fleet.quarantined["echo"]
    assert list(successor.fleet.supervisors) == ["other"]
    ServiceFence("main", fence_item("echo"), owner_epoch=0, seq=0).save()
    world.clock.advance(31.0)
    successor.settle()
    assert sorted(successor.fleet.supervisors) == ["echo", "other"]
    assert len(world.launcher.living()) == 2


def test_a_fence_that_vanishes_under_a_running_controller_quarantines_its_service(world: ControllerWorld) -> None:
    two_services(world)
    life = world.start()
    life.settle()
    ServiceFence("main", fence_item("echo")).delete()
    for started in world.launcher.living():
        started.alive = False
    life.settle()
    assert "fence#echo" in life.fleet.quarantined["echo"]
    assert [each.replica_id for each in world.stored("other").replicas] == [2]


@pytest.mark.parametrize("poison", ["{}", "{"])
def test_a_service_whose_spec_nobody_understands_can_still_go_down(world: ControllerWorld, poison: str) -> None:
    uid = two_services(world)
    ServiceSpecRow("main", spec_item("echo", 1)).update(actions=[ServiceSpecRow.spec.set(poison)])
    life = world.start()
    life.run_pass()
    assert "echo" in life.fleet.quarantined
    down("main", "echo", "ada", clock=world.clock)
    life.settle()
    assert [each.request.environment["PARAMEDIC_SERVICE"] for each in world.launcher.living()] == ["other"]
    assert DesiredService.read("main", desired_item("echo")) is None
    assert Replica.read_all(uid) == []
    assert LoadBalancer.read("default", "echo") is None
    assert life.fleet.quarantined == {}


OLDER = '{"authorization": {"url": "http://auth:99999/v"}}'
"""What an older release wrote for a service, and no release accepts any more."""


def test_routes_with_options_nobody_understands_are_written_anew_from_the_spec(world: ControllerWorld) -> None:
    two_services(world)
    LoadBalancer("default", "echo").update(actions=[LoadBalancer.requests.set(OLDER)])
    before = LoadBalancer.read("default", "echo")
    life = world.start()
    life.settle()
    after = LoadBalancer.read("default", "echo")
    assert before is not None
    assert after is not None
    assert life.fleet.quarantined == {}
    assert after.request_handling() == RequestHandling()
    assert after.revision == before.revision + 1


def test_a_service_whose_options_nobody_understands_can_still_go_down(world: ControllerWorld) -> None:
    two_services(world)
    LoadBalancer("default", "echo").update(actions=[LoadBalancer.requests.set(OLDER)])
    row = ServiceSpecRow.read("main", spec_item("echo", 1))
    assert row is not None
    row.update(actions=[ServiceSpecRow.spec.set(row.spec.replace('"authorization":null', OLDER[1:-1]))])
    life = world.start()
    life.run_pass()
    assert "authorization.url" in life.fleet.quarantined["echo"]
    down("main", "echo", "ada", clock=world.clock)
    life.settle()
    assert LoadBalancer.read("default", "echo") is None
    assert life.fleet.quarantined == {}


def test_going_down_with_a_lost_spec_a_launch_that_was_made_is_found_and_undone(world: ControllerWorld) -> None:
    def crash(point: str) -> None:
        if point == "after launch":
            raise KeyboardInterrupt

    life = world.start(crash)
    world.up(make_spec())
    with pytest.raises(KeyboardInterrupt):
        life.settle()
    assert len(world.launcher.living()) == 1
    ServiceSpecRow("main", spec_item("echo", 1)).delete()
    down("main", "echo", "ada", clock=world.clock)
    world.start().settle()
    assert world.launcher.living() == []
    assert len(world.launcher.started) == 1
    assert DesiredService.read("main", desired_item("echo")) is None


def test_with_no_answer_about_some_services_whoever_must_be_read_again_gets_its_turn(world: ControllerWorld) -> None:
    life = world.start()
    for name in ("aaa", "bbb", "ccc", "ddd"):
        world.up(make_spec(name))
    life.settle()
    read = life.fleet.tools.read_service

    def partly_silent(desired: Desired) -> ServiceState:
        if desired.name in ("aaa", "bbb", "new-a", "new-b"):
            raise StateUnreachableError(f"no answer about {desired.name}")
        return read(desired)

    object.__setattr__(life.fleet.tools, "read_service", partly_silent)
    for supervisor in life.fleet.supervisors.values():
        supervisor.must_reread = True
    for name in ("new-a", "new-b", "new-c"):
        world.up(make_spec(name))
    for _ in range(4):
        with pytest.raises(StateUnreachableError, match="no answer about"):
            life.fleet.follow_desired()
    unread = sorted(name for name, each in life.fleet.supervisors.items() if each.must_reread)
    assert unread == ["aaa", "bbb"]
    assert "new-c" in life.fleet.supervisors
