"""Two controllers of one stack: each looks after its own services, and hands one over when it is asked to."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from paramedic.downtime.stored import StoredWindows, Subject
from paramedic.services.changes import scale, update
from paramedic.services.moving import NotMovingError, move
from paramedic.services.pausing import pause
from paramedic.services.verbs import ServiceExistsError, UnknownControllerError, down
from paramedic.state.downtime_windows import OneOff, Window
from paramedic.state.operations import OperationKind
from paramedic.state.replicas import ReplicaStatus
from paramedic.state.services import ServiceFence, fence_item
from paramedic.state.traffic import draining_key
from paramedic.state.traffic_report import Standing, TrafficWriter
from paramedic.state.transactions import transact
from paramedic_controller.effects import Pace
from paramedic_controller.reaping import LOOK_SECONDS
from paramedic_controller.restore import read_desired, stored_specs
from tests.fakes.controller_world import ControllerWorld, Life, make_spec
from tests.fakes.epochs import grant_next_epoch
from tests.fakes.memory_dynamodb import MemoryDynamoDB


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ControllerWorld]:
    with MemoryDynamoDB().bound():
        yield ControllerWorld("memory-", tmp_path)


@pytest.fixture
def second(world: ControllerWorld, tmp_path: Path) -> ControllerWorld:
    """Another controller of the same stack, on the same host."""
    other = ControllerWorld("memory-", tmp_path, controller_id="second")
    other.launcher, other.clock, other.names = world.launcher, world.clock, world.names
    return other


def ask_to_move(world: ControllerWorld, to: str = "second") -> None:
    move(world.controller_id, "echo", to, "ada", clock=world.clock)


def has(world: ControllerWorld) -> bool:
    return read_desired(world.controller_id, "echo") is not None


def ready_ids(world: ControllerWorld) -> list[int]:
    return [each.replica_id for each in world.stored().replicas if each.status is ReplicaStatus.READY]


def serving(world: ControllerWorld, number: int = 2) -> Life:
    life = world.start()
    world.up(make_spec(min_replicas=number))
    life.settle()
    return life


def test_controllers_divide_the_services_of_a_gateway_and_touch_none_of_each_other(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    here, there = world.start(), second.start()
    ports = {world.up(make_spec("echo")).port, second.up(make_spec("other")).port}
    here.settle()
    there.settle()
    assert len(ports) == 2
    assert (list(here.fleet.supervisors), list(there.fleet.supervisors)) == (["echo"], ["other"])
    kept = second.stored("other")
    down("main", "echo", "ada", clock=world.clock)
    world.start().settle()
    there.settle()
    assert second.stored("other") == kept
    assert [each.request.scope for each in world.launcher.living()] == ["controller:second"]


def test_a_service_is_looked_after_by_the_old_one_until_the_new_one_lives(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    here = serving(world)
    second.start()
    # Its recovery is under way: nobody holds the epoch.
    grant_next_epoch("second", world.clock)
    ask_to_move(world)
    here.settle()
    world.launcher.kill(1)
    for _ in range(30):
        here.run_pass()
        world.clock.advance(1.0)
    assert ready_ids(world) == [2, 3]
    kept = world.stored()
    assert kept.observed is not None
    assert kept.observed.settled_revision < kept.desired.revision
    assert len([text for text in world.messages if "not handed over to controller second yet" in text]) == 1
    there = second.start()
    for _ in range(30):
        here.run_pass()
        world.clock.advance(1.0)
    there.settle()
    assert not has(world)
    assert ready_ids(second) == [2, 3]


def test_a_dead_controller_hands_over_once_it_was_recovered(world: ControllerWorld, second: ControllerWorld) -> None:
    serving(world)
    there = second.start()
    ask_to_move(world)
    there.settle()
    assert has(world)
    world.start().settle()
    there.settle()
    assert (has(world), ready_ids(second)) == (False, [1, 2])


def test_whoever_launched_a_replica_ends_it_no_more_once_it_was_handed_over(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    here, there = serving(world), second.start()
    ask_to_move(world)
    here.settle()
    there.settle()
    for _ in range(3):
        world.clock.advance(LOOK_SECONDS)
        here.run_pass()
        there.run_pass()
    assert (ready_ids(second), len(world.launcher.living())) == ([1, 2], 2)


def test_a_launch_is_known_to_be_made_or_not_before_its_service_is_handed_over(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    # One waits for its turn while the other is made.
    world.pace = Pace(at_once=1, per_second=1)
    here, there = world.start(), second.start()
    world.up(make_spec(min_replicas=3))
    here.run_pass()
    assert {each.kind for each in here.state().operations} == {OperationKind.LAUNCH}
    ask_to_move(world)
    here.settle()
    assert second.stored().operations == ()
    there.settle()
    assert ready_ids(second) == [1, 2, 3]
    assert {each.request.scope for each in world.launcher.started.values()} == {"controller:main"}


def test_a_replica_that_is_leaving_finishes_under_the_new_controller(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    here, there = serving(world), second.start()
    uid, now = world.stored().desired.uid, int(world.clock.now().timestamp())
    requests = {draining_key(uid, 1): 1, draining_key(uid, 2): 1}
    TrafficWriter("default", "r1").write_report("life-1", Standing(1, now, now, 1, ("GET /",), requests))
    scale("main", "echo", lambda policy: policy.with_bounds(1, None), "ada", clock=world.clock)
    here.run_pass()
    ask_to_move(world)
    here.settle()
    there.run_pass()
    assert {each.kind for each in second.stored().operations} == {OperationKind.STOP}
    assert len(world.launcher.living()) == 2
    world.clock.advance(601)
    there.settle()
    assert (ready_ids(second), len(world.launcher.living())) == ([1], 1)


def test_what_is_to_end_ends_where_it_is(world: ControllerWorld, second: ControllerWorld) -> None:
    here, there = serving(world), second.start()
    ask_to_move(world)
    down("main", "echo", "ada", clock=world.clock)
    here.settle()
    there.settle()
    assert (has(world), has(second), world.launcher.living()) == (False, False, [])


def test_a_move_is_called_off_by_asking_for_the_present_controller(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    here = serving(world)
    second.start()
    with pytest.raises(NotMovingError):
        ask_to_move(world, "main")
    ask_to_move(world)
    ask_to_move(world, "main")
    here.settle()
    assert has(world)
    assert world.stored().observed is not None


def test_a_paused_service_stays_paused_and_its_downtimes_move_with_it(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    here, there = serving(world), second.start()
    uid, now = world.stored().desired.uid, world.clock.now()
    pause("main", "echo", "ada", "lunch", clock=world.clock)
    later = OneOff(begin=now + timedelta(days=1), end=now + timedelta(days=2))
    window = Window(number=1, plan=later, owner="ada", reason="works", added_at=now)
    planned = StoredWindows.of(Subject("main", "echo"), uid).replaced_by([window], "ada", "2026-01-05T03:00:00.000Z")
    transact([planned], world.clock)
    ask_to_move(world)
    here.settle()
    there.settle()
    assert second.stored().desired.paused
    assert world.launcher.living() == []
    assert StoredWindows.of(Subject("second", "echo"), uid).windows == (window,)
    assert StoredWindows.of(Subject("main", "echo"), uid).row is None


def test_specs_that_nothing_needs_any_more_stay_behind_and_are_removed(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    here, there = serving(world, 1), second.start()
    for number in range(1, 80):
        spec = make_spec(min_replicas=1 + number % 2)
        update("main", spec, "ada", clock=world.clock)
    ask_to_move(world)
    here.settle()
    there.settle()
    assert stored_specs("main", "echo") == []
    assert len(stored_specs("second", "echo")) == 10
    assert ready_ids(second) == [1, 2]


def test_nobody_is_given_a_second_service_of_one_name(world: ControllerWorld, second: ControllerWorld) -> None:
    here = serving(world)
    with pytest.raises(UnknownControllerError):
        ask_to_move(world)
    there = second.start()
    ask_to_move(world)
    own = second.up(make_spec(gateway="another")).uid
    here.settle()
    there.settle()
    assert has(world)
    assert second.stored().desired.uid == own
    ask_to_move(world, "main")
    with pytest.raises(ServiceExistsError, match="on gateway 'another'"):
        ask_to_move(world)


def test_a_predecessor_of_the_old_controller_can_write_nothing_of_what_was_handed_over(
    world: ControllerWorld, second: ControllerWorld
) -> None:
    late, there = serving(world), second.start()
    ask_to_move(world)
    late.fleet.follow_desired()
    successor = world.start()
    successor.settle()
    there.settle()
    kept = second.stored()
    with pytest.raises(Exception, match="is fenced by epoch 2"):
        late.fleet.run_pass()
    assert second.stored() == kept
    fence = ServiceFence.read("second", fence_item("echo"))
    assert fence is not None
    assert int(fence.owner_epoch) == 1
