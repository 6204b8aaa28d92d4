"""Replicas that run without a row are ended, and nothing else ever is."""

from pathlib import Path

import pytest

from paramedic.launchers.interface import Launch, RunState
from paramedic.launchers.process.host import initialise_host_dir
from paramedic.launchers.process.launcher import ProcessLauncher
from paramedic.state.fencing import FencedError
from paramedic.state.operations import Operation
from paramedic.state.replicas import Replica
from paramedic_controller.reaping import LOOK_SECONDS, Claim, Reaper
from tests.fakes.controller_world import ControllerWorld, InlineExecutor, Life, make_spec

pytestmark = pytest.mark.integration


class Crash(BaseException):
    """The process ends here."""


def workloads(world: ControllerWorld) -> list[str]:
    return sorted(each.request.workload.partition("/")[2] or each.request.workload for each in world.launcher.living())


def look(world: ControllerWorld, life: Life, times: int = 1) -> None:
    for _ in range(times):
        world.clock.advance(LOOK_SECONDS)
        life.run_pass()


def launch(world: ControllerWorld, workload: str, *, scope: str = "controller:main", epoch: int = 1) -> None:
    request = Launch(workload=workload, scope=scope, epoch=epoch, key=f"key of {workload}", command=("serve",))
    world.launcher.launch(request)


def without_row_of_2(world: ControllerWorld) -> None:
    """A service with replicas 1 and 2; then tables from before the second one."""
    life = world.start()
    world.up(make_spec(min_replicas=2))
    life.settle()
    Replica(world.stored().desired.uid, 2).delete()


def journal(item: str) -> list[Operation]:
    return Operation.read_all("controller:main", Operation.item.startswith(item))


def test_a_replica_whose_row_is_lost_ends_at_the_second_look_and_its_end_is_journalled(
    world: ControllerWorld,
) -> None:
    without_row_of_2(world)
    life = world.start()
    life.settle()
    assert workloads(world) == ["1", "2", "3"]
    world.launcher.blind = True
    look(world, life)
    assert workloads(world) == ["1", "2", "3"]
    world.launcher.blind = False
    look(world, life)
    assert workloads(world) == ["1", "3"]
    assert journal("open#") == []
    (done,) = journal("done#")
    assert done.outcome == "stopped: ended"
    assert world.stored().operations == ()
    look(world, life, times=2)
    assert workloads(world) == ["1", "3"]


def test_others_and_controllers_and_what_has_a_row_or_an_open_operation_run_on(world: ControllerWorld) -> None:
    def dies(point: str) -> None:
        if point == "after launch":
            raise Crash

    first = world.start(dies)
    world.up(make_spec(min_replicas=2))
    with pytest.raises(Crash):
        first.settle()
    launch(world, "controller:main")
    launch(world, "replica:gone/9", scope="controller:other")
    launch(world, "replica:gone/8")
    life = world.start()
    life.settle()
    look(world, life, times=3)
    assert workloads(world) == ["1", "2", "9", "controller:main"]


def test_a_service_of_another_controller_keeps_what_this_one_launched_for_it(world: ControllerWorld) -> None:
    life = world.start()
    world.up(make_spec())
    life.settle()
    life.fleet.supervisors.clear()
    life.fleet.follow_desired = lambda: None  # type: ignore[method-assign]
    look(world, life, times=3)
    assert workloads(world) == ["1"]


@pytest.mark.parametrize("point", ["before stop", "after stop"])
def test_a_successor_finishes_what_its_predecessor_died_over(world: ControllerWorld, point: str) -> None:
    without_row_of_2(world)

    def dies(seen: str) -> None:
        if seen == point:
            raise Crash

    life = world.start(dies)
    with pytest.raises(Crash):
        look(world, life, times=3)
    assert len(journal("open#")) == 1
    successor = world.start()
    look(world, successor, times=3)
    assert workloads(world) == ["1", "3"]
    assert journal("open#") == []
    assert len(journal("done#")) == 1


def test_a_real_process_with_our_marks_and_no_row_ends_and_the_marks_of_others_protect_theirs(
    world: ControllerWorld, tmp_path: Path
) -> None:
    host_dir = tmp_path / "host"
    initialise_host_dir(host_dir)
    launcher = ProcessLauncher(host_dir)
    life = world.start()
    claim = Claim("main", life.epoch, life.process_id, stop_grace_seconds=0.0)
    reaper = Reaper(launcher, claim, executor=InlineExecutor(), clock=world.clock, warn=world.messages.append)
    started = {
        name: launcher.launch(Launch(workload=workload, scope=scope, epoch=epoch, key=name, command=("sleep", "600")))
        for name, workload, scope, epoch in (
            ("lost", "replica:gone/1", "controller:main", 1),
            ("controller", "controller:main", "controller:main", 1),
            ("neighbour", "replica:gone/2", "controller:other", 1),
        )
    }
    try:
        for _ in range(3):
            reaper.look_when_due([])
            world.clock.advance(LOOK_SECONDS)
        states = {name: launcher.describe(receipt).state for name, receipt in started.items()}
    finally:
        for receipt in started.values():
            launcher.stop(receipt, epoch=9, grace_seconds=0)
    assert states == {"lost": RunState.ABSENT, "controller": RunState.RUNNING, "neighbour": RunState.RUNNING}


def test_who_was_passed_ends_nothing(world: ControllerWorld) -> None:
    without_row_of_2(world)
    life = world.start()
    look(world, life)
    world.start()
    with pytest.raises(FencedError):
        look(world, life, times=2)
    assert "2" in workloads(world)
